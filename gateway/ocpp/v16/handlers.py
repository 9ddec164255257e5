"""What each message of an OCPP 1.6 charge point does, and what it is answered."""

from collections.abc import Mapping
from functools import partial

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Handler, Payload
from gateway.ocpp.handlers import boot_answer, heartbeat, keeping
from gateway.ocpp.v16 import translate
from gateway.services.authorization import AuthorizationService
from gateway.services.provisioning import Provisioning
from gateway.services.station_state import StationState
from gateway.services.status import StatusService
from gateway.services.transactions import TransactionService

# The messages that are kept and answered, with the answer. The last five are the security
# extension's: they arrive from charge points that never say they have it (ocpp-rules 19).
KEPT: Mapping[str, Payload] = {
    "DataTransfer": {"status": "UnknownVendorId"},  # no vendor's extension is known here (4.3)
    "DiagnosticsStatusNotification": {},
    "FirmwareStatusNotification": {},
    "LogStatusNotification": {},
    "SecurityEventNotification": {},  # A04.FR.03: SHALL be confirmed, whatever its type
    "SignedFirmwareStatusNotification": {},
    "SignCertificate": {"status": "Rejected"},  # A02.FR.04: Accepted only if it can be signed
}


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
        "StartTransaction": partial(start_transaction, services.transactions),
        "StatusNotification": partial(status_notification, services.status),
        "StopTransaction": partial(stop_transaction, services.transactions),
    }


async def authorize(
    authorization: AuthorizationService, state: StationState, payload: Payload
) -> Payload:
    """Authorize.req."""
    decision = await authorization.authorize(state, translate.token(payload["idTag"]))
    return {"idTagInfo": translate.id_tag_info(decision)}


async def boot_notification(
    provisioning: Provisioning, state: StationState, payload: Payload
) -> Payload:
    """BootNotification.req."""
    return boot_answer(await provisioning.booted(state, translate.booted(payload)))


async def meter_values(
    transactions: TransactionService, state: StationState, payload: Payload
) -> Payload:
    """MeterValues.req."""
    await transactions.metered(state, translate.metered(payload))
    return {}


async def start_transaction(
    transactions: TransactionService, state: StationState, payload: Payload
) -> Payload:
    """StartTransaction.req: there is a transaction id whatever becomes of the token."""
    answer = await transactions.started(state, translate.started(payload))
    return {
        "idTagInfo": translate.id_tag_info(answer.authorization),
        "transactionId": int(answer.transaction_id),
    }


async def status_notification(
    status: StatusService, state: StationState, payload: Payload
) -> Payload:
    """StatusNotification.req."""
    await status.reported(state, translate.status(payload))
    return {}


async def stop_transaction(
    transactions: TransactionService, state: StationState, payload: Payload
) -> Payload:
    """StopTransaction.req: idTagInfo only for a stop that came with a token."""
    decision = await transactions.stopped(state, translate.stopped(payload))
    return {} if decision is None else {"idTagInfo": translate.id_tag_info(decision)}
