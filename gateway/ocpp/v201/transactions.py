"""Blocks E, I and J: transactions, their cost, and meter values."""

from collections.abc import Mapping
from functools import partial

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.v201 import translate
from gateway.ocpp.v201.authorization import ALLOWED
from gateway.ocpp.v201.cost import personal_message
from gateway.services.billing.cost import Costs
from gateway.services.reservations.service import Reservations
from gateway.services.stations.station_state import StationState
from gateway.services.transactions.service import TransactionService


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return {
        "MeterValues": partial(meter_values, services.transactions),
        "TransactionEvent": partial(
            transaction_event, services.transactions, services.reservations, services.costs
        ),
    }


async def meter_values(
    transactions: TransactionService, state: StationState, payload: Payload
) -> Payload:
    """MeterValuesRequest."""
    await transactions.metered(state, translate.metered(payload))
    return {}


async def transaction_event(
    transactions: TransactionService,
    reservations: Reservations,
    costs: Costs,
    state: StationState,
    payload: Payload,
) -> Payload:
    """TransactionEventRequest: idTokenInfo exactly when an idToken was asked (ocpp-rules 22)."""
    event = translate.transaction(payload)
    decided = await transactions.reported(state, event)
    if event.reservation_id is not None:
        await reservations.used(state, event.reservation_id)
    authorization = decided.authorization if event.token is not None else None
    if translate.needs_no_authorization(payload):
        authorization = ALLOWED
    answer: Payload = {}
    if decided.total_cost is not None:
        answer["totalCost"] = decided.total_cost
    if authorization is not None:
        answer["idTokenInfo"] = translate.id_token_info(authorization) | personal_message(
            costs, state, event.evse_id, authorization
        )
    return answer


BLOCK = Block(routes)
