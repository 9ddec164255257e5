"""What each message of an OCPP 2.0.1 charging station does, and what it is answered."""

from collections.abc import Mapping
from functools import partial

from gateway.domain.tokens import Authorization, AuthorizationStatus
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Handler, Payload
from gateway.ocpp.handlers import boot_answer, heartbeat, keeping
from gateway.ocpp.v201 import translate
from gateway.services.authorization import AuthorizationService
from gateway.services.provisioning import Provisioning
from gateway.services.station_state import StationState
from gateway.services.status import StatusService
from gateway.services.transactions import TransactionService

# The messages that are kept and answered, with the answer. Reports come in parts that may be
# lost (ocpp-rules 27): each part is kept as it is.
KEPT: Mapping[str, Payload] = {
    "ClearedChargingLimit": {},
    "DataTransfer": {"status": "UnknownVendorId"},  # no vendor's extension is known here
    "FirmwareStatusNotification": {},
    "Get15118EVCertificate": {"status": "Failed", "exiResponse": ""},  # no contract pool here
    "GetCertificateStatus": {"status": "Failed"},  # no OCSP here
    "LogStatusNotification": {},
    "NotifyChargingLimit": {},
    "NotifyCustomerInformation": {},
    "NotifyDisplayMessages": {},
    "NotifyEVChargingNeeds": {"status": "Rejected"},  # no schedule is calculated for it
    # "able to process the message": "does not imply any approval of the charging schedule"
    "NotifyEVChargingSchedule": {"status": "Accepted"},
    "NotifyEvent": {},
    "NotifyMonitoringReport": {},
    "NotifyReport": {},
    "PublishFirmwareStatusNotification": {},
    "ReportChargingProfiles": {},
    "ReservationStatusUpdate": {},
    "SecurityEventNotification": {},  # A04.FR.03: SHALL be confirmed, whatever its type
    "SignCertificate": {"status": "Rejected"},  # A02.FR.04: Accepted only if it can be signed
}

_ALLOWED = Authorization(AuthorizationStatus.ACCEPTED)


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """The one routing table of this version."""
    kept = {
        action: keeping(services.provisioning, action, answer) for action, answer in KEPT.items()
    }
    return kept | {
        "Authorize": partial(authorize, services.authorization),
        "BootNotification": partial(boot_notification, services.provisioning),
        "Heartbeat": partial(heartbeat, services.now),
        "MeterValues": partial(meter_values, services.transactions),
        "StatusNotification": partial(status_notification, services.status),
        "TransactionEvent": partial(transaction_event, services.transactions),
    }


async def authorize(
    authorization: AuthorizationService, state: StationState, payload: Payload
) -> Payload:
    """AuthorizeRequest. NoAuthorization needs nobody's word (C02)."""
    token = translate.token(payload["idToken"])
    if token is None:
        return {"idTokenInfo": translate.id_token_info(_ALLOWED)}
    decision = await authorization.authorize(state, token)
    return {"idTokenInfo": translate.id_token_info(decision)}


async def boot_notification(
    provisioning: Provisioning, state: StationState, payload: Payload
) -> Payload:
    """BootNotificationRequest."""
    return boot_answer(await provisioning.booted(state, translate.booted(payload)))


async def meter_values(
    transactions: TransactionService, state: StationState, payload: Payload
) -> Payload:
    """MeterValuesRequest."""
    await transactions.metered(state, translate.metered(payload))
    return {}


async def status_notification(
    status: StatusService, state: StationState, payload: Payload
) -> Payload:
    """StatusNotificationRequest."""
    await status.reported(state, translate.status(payload))
    return {}


async def transaction_event(
    transactions: TransactionService, state: StationState, payload: Payload
) -> Payload:
    """TransactionEventRequest: idTokenInfo exactly when an idToken was asked (ocpp-rules 22)."""
    event = translate.transaction(payload)
    decided = await transactions.reported(state, event)
    authorization = decided.authorization if event.token is not None else None
    if translate.needs_no_authorization(payload):
        authorization = _ALLOWED
    answer: Payload = {}
    if decided.total_cost is not None:
        answer["totalCost"] = decided.total_cost
    if authorization is not None:
        answer["idTokenInfo"] = translate.id_token_info(authorization)
    return answer
