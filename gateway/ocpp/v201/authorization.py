"""Block C, Authorization."""

from collections.abc import Mapping
from functools import partial

from gateway.domain.tokens import Authorization, AuthorizationStatus
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.v201 import translate
from gateway.services.authorization import AuthorizationService
from gateway.services.station_state import StationState

ALLOWED = Authorization(AuthorizationStatus.ACCEPTED)


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return {"Authorize": partial(authorize, services.authorization)}


async def authorize(
    authorization: AuthorizationService, state: StationState, payload: Payload
) -> Payload:
    """AuthorizeRequest. NoAuthorization needs nobody's word (C02)."""
    token = translate.token(payload["idToken"])
    if token is None:
        return {"idTokenInfo": translate.id_token_info(ALLOWED)}
    decision = await authorization.authorize(state, token)
    return {"idTokenInfo": translate.id_token_info(decision)}


BLOCK = Block(routes)
