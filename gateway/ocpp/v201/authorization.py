"""Block C, Authorization."""

from collections.abc import Mapping
from functools import partial

from gateway.domain.tokens import Authorization, AuthorizationStatus
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.v201 import translate
from gateway.ocpp.v201.certificates import status_requested
from gateway.ocpp.v201.cost import personal_message
from gateway.services.access.authorization import AuthorizationService
from gateway.services.access.vehicle_certificates import VehicleCertificates
from gateway.services.billing.cost import Costs
from gateway.services.stations.station_state import StationState

ALLOWED = Authorization(AuthorizationStatus.ACCEPTED)
_CERTIFICATE_IS_GOOD = "Accepted"


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    handler = partial(
        authorize, services.authorization, services.vehicle_certificates, services.costs
    )
    return {"Authorize": handler}


async def authorize(
    authorization: AuthorizationService,
    vehicles: VehicleCertificates,
    costs: Costs,
    state: StationState,
    payload: Payload,
) -> Payload:
    """AuthorizeRequest. NoAuthorization needs nobody's word (C02).

    A contract certificate (C07) is judged beside its token, and both must be good.
    """
    token = translate.token(payload["idToken"])
    decision = ALLOWED if token is None else await authorization.authorize(state, token)
    certificate = await _certificate_status(vehicles, payload)
    if certificate is None:
        return {"idTokenInfo": _info(costs, state, decision)}
    if certificate != _CERTIFICATE_IS_GOOD and decision.accepted:
        decision = decision.refused(AuthorizationStatus.INVALID)
    return {
        "idTokenInfo": _info(costs, state, decision),
        "certificateStatus": certificate,
    }


def _info(costs: Costs, state: StationState, decision: Authorization) -> Payload:
    """The decision, and the tariff in words where it is the same at all EVSEs."""
    message = personal_message(costs, state, None, decision)
    return translate.id_token_info(decision) | message


async def _certificate_status(vehicles: VehicleCertificates, payload: Payload) -> str | None:
    """AuthorizeCertificateStatusEnumType; None when the vehicle has shown no certificate."""
    hashes = payload.get("iso15118CertificateHashData")
    if hashes is None and payload.get("certificate") is None:
        return None
    return await vehicles.status_of([status_requested(one) for one in hashes or ()])


BLOCK = Block(routes)
