"""What 2.1 adds to block I: tariffs that stations reckon with, and the cost they come to."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from gateway.domain.bills.cost import StationCost
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.tariffs import DayOfWeek, PriceLimit, Restrictions
from gateway.domain.tariffs.station_tariffs import (
    ClearTariffs,
    GetTariffs,
    Part,
    PricedPart,
    SetDefaultTariff,
    StationTariff,
)
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.v201 import transactions
from gateway.services.billing.cost import Costs
from gateway.services.stations.station_state import StationState

TAX_TYPE = "VAT"
_LONGEST_LANGUAGE = 8
_THOUSAND = 1000

# The unit of a part's prices is in the member's name.
PRICE_MEMBERS: Mapping[Part, str] = {
    Part.ENERGY: "priceKwh",
    Part.CHARGING_TIME: "priceMinute",
    Part.IDLE_TIME: "priceMinute",
    Part.FIXED_FEE: "priceFixed",
    Part.RESERVATION_TIME: "priceMinute",
    Part.RESERVATION_FIXED: "priceFixed",
}

# OCPI TariffRestrictions -> TariffConditionsType, with what one unit of ours is in theirs.
CONDITIONS: Mapping[str, tuple[str, int | None]] = {
    "start_time": ("startTimeOfDay", None),  # local time, HH:MM, in both
    "end_time": ("endTimeOfDay", None),  # "if end time < start time ... wraps" in both
    "start_date": ("validFromDate", None),  # local, inclusive
    "end_date": ("validToDate", None),  # local, exclusive
    "day_of_week": ("dayOfWeek", None),
    "min_kwh": ("minEnergy", _THOUSAND),  # kWh -> Wh; inclusive
    "max_kwh": ("maxEnergy", _THOUSAND),  # exclusive
    "min_current": ("minCurrent", 1),  # A over all phases, now, not over the session
    "max_current": ("maxCurrent", 1),
    "min_power": ("minPower", _THOUSAND),  # kW -> W, now
    "max_power": ("maxPower", _THOUSAND),
    "min_duration": ("minTime", 1),  # seconds, charging and idle; inclusive
    "max_duration": ("maxTime", 1),  # exclusive
}

DAYS: Mapping[DayOfWeek, str] = {day: day.value.capitalize() for day in DayOfWeek}

# SetDefaultTariffResponse, TariffSetStatusEnumType
SET_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
    "TooManyElements": CommandOutcome.REJECTED,
    "ConditionNotSupported": CommandOutcome.REJECTED,
    "DuplicateTariffId": CommandOutcome.REJECTED,
}
_NO_TARIFF = "NoTariff"
_DEFAULT = "DefaultTariff"


def tariff_type(tariff: StationTariff) -> Payload:
    """TariffType."""
    said: Payload = {"tariffId": tariff.id, "currency": tariff.currency}
    if tariff.texts:
        said["description"] = [
            {"format": "UTF8", "language": one.language[:_LONGEST_LANGUAGE], "content": one.text}
            for one in tariff.texts[:10]
        ]
    for part, priced in tariff.parts.items():
        said[part.value] = _priced(part, priced)
    for name, limit in (("minCost", tariff.min_cost), ("maxCost", tariff.max_cost)):
        if limit is not None:
            said[name] = _limit(limit)
    return said


def _priced(part: Part, priced: PricedPart) -> Payload:
    prices = []
    for price in priced.prices:
        said: Payload = {PRICE_MEMBERS[part]: price.amount}
        conditions = _conditions(price.conditions)
        if conditions:
            said["conditions"] = conditions
        prices.append(said)
    taxes = {} if priced.vat is None else {"taxRates": [{"type": TAX_TYPE, "tax": priced.vat}]}
    return {"prices": prices, **taxes}


def _conditions(restrictions: Restrictions) -> Payload:
    said: Payload = {}
    for ours, (theirs, factor) in CONDITIONS.items():
        value = getattr(restrictions, ours)
        if value is not None and value != frozenset():
            said[theirs] = _condition(value, factor)
    return said


def _condition(value: Any, factor: int | None) -> Any:
    if isinstance(value, frozenset):
        return [DAYS[day] for day in DayOfWeek if day in value]
    if factor is None:
        return value.isoformat("minutes") if hasattr(value, "hour") else value.isoformat()
    return value * factor


def _limit(limit: PriceLimit) -> Payload:
    taxed = {} if limit.after_taxes is None else {"inclTax": limit.after_taxes}
    return {"exclTax": limit.before_taxes, **taxed}


def set_default_tariff(command: SetDefaultTariff) -> Asked:
    """SetDefaultTariffRequest."""
    payload = {"evseId": command.evse_id, "tariff": tariff_type(command.tariff)}
    return Asked("SetDefaultTariff", payload, by_status(SET_OUTCOMES))


def get_tariffs(command: GetTariffs) -> Asked:
    """GetTariffsRequest."""
    return Asked("GetTariffs", {"evseId": command.evse_id}, _read_tariffs)


def _read_tariffs(answer: Payload) -> CommandReply:
    """NoTariff is an answer like another: there are none."""
    status = str(answer["status"])
    found: dict[str, list[str]] = {}
    for one in answer.get("tariffAssignments", ()):
        if one["tariffKind"] == _DEFAULT:
            for evse_id in one.get("evseIds", ()):
                found.setdefault(str(evse_id), []).append(one["tariffId"])
    known = status in ("Accepted", _NO_TARIFF)
    outcome = CommandOutcome.ACCEPTED if known else CommandOutcome.REJECTED
    return CommandReply(outcome, status, {"default": found})


def clear_tariffs(command: ClearTariffs) -> Asked:
    """ClearTariffsRequest."""
    payload: Payload = {"tariffIds": list(command.tariff_ids)}
    if command.evse_id is not None:
        payload["evseId"] = command.evse_id
    return Asked("ClearTariffs", payload, _read_cleared)


def _read_cleared(answer: Payload) -> CommandReply:
    words = {str(one["status"]) for one in answer["clearTariffsResult"]}
    refused = "Rejected" in words
    outcome = CommandOutcome.REJECTED if refused else CommandOutcome.ACCEPTED
    return CommandReply(outcome, "Rejected" if refused else "Accepted")


# --- what a station reckons ------------------------------------------------------------------


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """TransactionEvent, as 2.0.1 has it, and with costDetails."""
    handler = transactions.routes(services)["TransactionEvent"]
    return {"TransactionEvent": partial(transaction_event, handler, services.costs)}


async def transaction_event(
    handler: Handler, costs: Costs, state: StationState, payload: Payload
) -> Payload:
    """TransactionEventRequest: with its last event a station tells what it reckons itself."""
    answer = await handler(state, payload)
    details = payload.get("costDetails")
    if details is not None and payload["eventType"] == "Ended":
        transaction_id = payload["transactionInfo"]["transactionId"]
        await costs.reckoned(state, station_cost(transaction_id, details), answer.get("totalCost"))
    return answer


def station_cost(transaction_id: str, details: Payload) -> StationCost:
    """CostDetailsType; a total that is told without its taxes only cannot be compared."""
    total = details["totalCost"]
    including = total["total"].get("inclTax")
    return StationCost(
        transaction_id,
        total["currency"],
        None if including is None else Decimal(including),
        failed=bool(details.get("failureToCalculate")),
    )


BLOCK = Block(
    routes,
    {
        SetDefaultTariff: set_default_tariff,
        GetTariffs: get_tariffs,
        ClearTariffs: clear_tariffs,
    },
)
