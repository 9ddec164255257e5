"""Blocks E, I and J: transactions, their cost, and meter values."""

from collections.abc import Mapping
from functools import partial

from gateway.domain.events import TransactionPhase, TransactionReported
from gateway.domain.reservations import ReservedStart
from gateway.domain.tokens import Authorization
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.v201 import translate
from gateway.ocpp.v201.authorization import ALLOWED
from gateway.ocpp.v201.cost import personal_message
from gateway.services.charging.cost import Costs
from gateway.services.charging.reservations import Reservations
from gateway.services.charging.transactions import TransactionService
from gateway.services.stations.station_state import STATION, StationState


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
    authorization = decided.authorization if event.token is not None else None
    await _reserved(reservations, state, event, authorization)
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


async def _reserved(
    reservations: Reservations,
    state: StationState,
    event: TransactionReported,
    authorization: Authorization | None,
) -> None:
    """Whether a reservation is used by this: by its number, else by who begins."""
    if event.reservation_id is not None:
        await reservations.used(state, event.reservation_id)
        return
    is_end = event.phase is TransactionPhase.ENDED or event.trigger == "StopAuthorized"
    if event.token is None or authorization is None or not authorization.accepted or is_end:
        return
    place = event.evse_id or STATION
    start = ReservedStart(place, event.token.uid, event.at, authorization.group)
    await reservations.started(state, start)


BLOCK = Block(routes)
