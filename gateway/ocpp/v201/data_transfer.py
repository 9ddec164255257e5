"""Block P, Data Transfer, both ways."""

from collections.abc import Mapping
from functools import partial

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.data_transfer import DataTransferred, TransferData
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.services.stations.data_transfer import DataTransfers
from gateway.services.stations.station_state import StationState

# DataTransferStatusEnumType
TRANSFER_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
    "UnknownMessageId": CommandOutcome.NOT_SUPPORTED,
    "UnknownVendorId": CommandOutcome.NOT_SUPPORTED,
}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return {"DataTransfer": partial(data_transfer, services.data_transfers)}


async def data_transfer(transfers: DataTransfers, state: StationState, payload: Payload) -> Payload:
    """DataTransferRequest."""
    event = DataTransferred(payload["vendorId"], payload.get("messageId"), payload.get("data"))
    answer = await transfers.received(state, event)
    said: Payload = {"status": answer.status.value}
    if answer.data is not None:
        said["data"] = answer.data
    return said


def transfer_data(command: TransferData) -> Asked:
    """DataTransferRequest of ours."""
    payload: Payload = {"vendorId": command.vendor_id}
    if command.message_id is not None:
        payload["messageId"] = command.message_id
    if command.data is not None:
        payload["data"] = command.data
    return Asked("DataTransfer", payload, _read)


def _read(answer: Payload) -> CommandReply:
    status = str(answer.get("status"))
    outcome = TRANSFER_OUTCOMES.get(status, CommandOutcome.FAILED)
    return CommandReply(outcome, status, {"data": answer.get("data")})


BLOCK = Block(routes, {TransferData: transfer_data})
