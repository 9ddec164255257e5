"""StartTransaction, MeterValues, StopTransaction."""

from collections.abc import Mapping
from functools import partial

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.v16 import translate
from gateway.services.station_state import StationState
from gateway.services.transactions import TransactionService


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a charge point sends of it."""
    return {
        "MeterValues": partial(meter_values, services.transactions),
        "StartTransaction": partial(start_transaction, services.transactions),
        "StopTransaction": partial(stop_transaction, services.transactions),
    }


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


async def stop_transaction(
    transactions: TransactionService, state: StationState, payload: Payload
) -> Payload:
    """StopTransaction.req: idTagInfo only for a stop that came with a token."""
    decision = await transactions.stopped(state, translate.stopped(payload))
    return {} if decision is None else {"idTagInfo": translate.id_tag_info(decision)}


BLOCK = Block(routes)
