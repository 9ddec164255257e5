"""StartTransaction, MeterValues, StopTransaction."""

from collections.abc import Mapping
from functools import partial

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.v16 import translate
from gateway.services.billing.cost import Costs
from gateway.services.reservations.service import Reservations
from gateway.services.stations.station_state import StationState
from gateway.services.transactions.service import TransactionService


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a charge point sends of it."""
    return {
        "MeterValues": partial(meter_values, services.transactions),
        "StartTransaction": partial(
            start_transaction, services.transactions, services.reservations
        ),
        "StopTransaction": partial(stop_transaction, services.transactions, services.costs),
    }


async def meter_values(
    transactions: TransactionService, state: StationState, payload: Payload
) -> Payload:
    """MeterValues.req."""
    await transactions.metered(state, translate.metered(payload))
    return {}


async def start_transaction(
    transactions: TransactionService,
    reservations: Reservations,
    state: StationState,
    payload: Payload,
) -> Payload:
    """StartTransaction.req: there is a transaction id whatever becomes of the token."""
    event = translate.started(payload)
    answer = await transactions.started(state, event)
    if event.reservation_id is not None:
        await reservations.used(state, event.reservation_id)
    return {
        "idTagInfo": translate.id_tag_info(answer.authorization),
        "transactionId": int(answer.transaction_id),
    }


async def stop_transaction(
    transactions: TransactionService, costs: Costs, state: StationState, payload: Payload
) -> Payload:
    """StopTransaction.req: idTagInfo only for a stop that came with a token."""
    event = translate.stopped(payload)
    decision = await transactions.stopped(state, event)
    costs.ended(state, event.transaction_id)
    return {} if decision is None else {"idTagInfo": translate.id_tag_info(decision)}


BLOCK = Block(routes)
