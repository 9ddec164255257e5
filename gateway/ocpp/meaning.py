"""Quirks of meaning: messages of the right shape that say something else than they seem to.

Only charge points whose operator has named one of these quirks come here. Everything is done in
place, on a payload that its schema has passed (but for `rescale`).
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.domain import quirks as q
from gateway.ocpp import wire
from gateway.ocpp.schemas import MessageSchema
from gateway.services.stations.station_state import OCPP_16, RunningTransaction, StationState

Payload = dict[str, Any]
Note = Callable[[str, str], None]

_TOLERANCE = timedelta(minutes=10)  # how far ahead a station's clock may be

# quirk -> the measurands it is about, the units they claim, the unit they are in
_UNITS: tuple[tuple[str, str, tuple[str | None, ...], str], ...] = (
    (q.KWH_AS_WH, "Energy.Active", (None, "Wh"), "kWh"),
    (q.WH_AS_KWH, "Energy.Active", ("kWh",), "Wh"),
    (q.KW_AS_W, "Power.Active", (None, "W"), "kW"),
    (q.W_AS_KW, "Power.Active", ("kW",), "W"),
)


def rescale(state: StationState, payload: Any, note: Note) -> None:
    """`meter-in-kwh`; before the schema is asked, which wants integers."""
    if q.METER_IN_KWH not in state.quirks.names or type(payload) is not dict:
        return
    for member in ("meterStart", "meterStop"):
        value: Any = payload.get(member)
        if type(value) in (int, Decimal) and abs(value) < 10**15:
            scaled = Decimal(value) * 1000
            payload[member] = int(scaled) if scaled == scaled.to_integral_value() else scaled
            note(q.METER_IN_KWH, member)


def reinterpret(
    state: StationState, action: str, schema: MessageSchema, payload: Payload, note: Note
) -> None:
    """Make the payload say what this station means."""
    if state.quirks.local_zone is not None:
        _from_local_time(state, schema, payload, note)
    _units(state, payload, note)
    if action == "MeterValues" and state.protocol == OCPP_16:
        _attach(state, payload, note)


def _from_local_time(
    state: StationState, schema: MessageSchema, payload: Payload, note: Note
) -> None:
    for holder, member in schema.times(payload):
        moment = utc_of_local(holder[member], state)
        if moment is not None:
            holder[member] = moment
            note(q.LOCAL_TIME, member)


def utc_of_local(text: Any, state: StationState) -> str | None:
    """The UTC of a time of the station's zone; None if it names another zone, or is no time.

    The hour that comes twice in autumn is the second one, unless that is still to come.
    """
    try:
        told = datetime.fromisoformat(str(text).strip().upper())
    except ValueError:
        return None
    if told.tzinfo is not None and told.utcoffset() != timedelta(0):
        return None
    zone = state.quirks.local_zone
    try:
        first, second = (told.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    except OverflowError:
        return None
    moment = max(first, second)
    if moment > state.last_seen + _TOLERANCE:
        moment = min(first, second)
    return moment.replace(tzinfo=None).isoformat() + "Z"


def sampled_values(payload: Payload) -> Iterator[Payload]:
    """Every SampledValue of a message of any version."""
    for member in ("meterValue", "transactionData"):
        for meter_value in payload.get(member, ()):
            yield from meter_value["sampledValue"]


def unit_of(sampled: Payload) -> str | None:
    """The unit that a SampledValue of any version claims."""
    unit = (sampled.get("unitOfMeasure") or {}).get("unit") or sampled.get("unit")
    return None if unit is None else str(unit)


def _units(state: StationState, payload: Payload, note: Note) -> None:
    wrong = [line for line in _UNITS if line[0] in state.quirks.names]
    if not wrong:
        return
    for sampled in sampled_values(payload):
        measurand = sampled.get("measurand") or "Energy.Active.Import.Register"
        claimed = unit_of(sampled)
        for name, measurands, claims, unit in wrong:
            if measurand.startswith(measurands) and claimed in claims:
                _say_unit(sampled, unit)
                note(name, "sampledValue")
                break


def _say_unit(sampled: Payload, unit: str) -> None:
    if isinstance(sampled["value"], str):  # 1.6
        sampled["unit"] = unit
    else:
        sampled["unitOfMeasure"] = {**sampled.get("unitOfMeasure", {}), "unit": unit}


def _attach(state: StationState, payload: Payload, note: Note) -> None:
    meant = attachable(state, payload)
    if meant is not None and meant[0] in state.quirks.names:
        name, payload["transactionId"] = meant
        note(name, "transactionId")


def attachable(state: StationState, payload: Payload) -> tuple[str, int] | None:
    """The quirk and transaction that meter values without a transaction can only belong to."""
    if payload.get("transactionId") is not None:
        return None
    connector = payload["connectorId"]
    if connector == 0:
        name, running = q.CONNECTOR_0_METER_VALUES, list(state.open.values())
    else:
        name, running = q.METER_VALUES_WITHOUT_ID, state.running_on(connector)
    return (name, int(running[0].transaction.id)) if len(running) == 1 else None


_KILO_RATIO = (Decimal(800), Decimal(1250))


def wrong_units(
    running: Iterable[RunningTransaction], sampled_values: Iterable[Payload]
) -> set[str]:
    """Quirks that would explain registers a thousand times too large or too small.

    The only thing to compare with is the meterStart of the only running transaction (1.6): the
    same meter shows no thousandth of it, and hardly a thousandfold.
    """
    transactions = list(running)
    if len(transactions) != 1:
        return set()
    start = transactions[0].transaction.meter_start_wh
    if start is None or start < 1_000:
        return set()
    found: set[str] = set()
    for sampled in sampled_values:
        if sampled.get("measurand") not in (None, "Energy.Active.Import.Register"):
            continue
        text, unit = sampled["value"], sampled.get("unit")
        value = wire.number(text) if isinstance(text, str) else None
        wh = wire.in_base_unit(value, unit) if value else None
        if wh is None:
            continue
        if unit == "kWh" and _KILO_RATIO[0] <= wh / start <= _KILO_RATIO[1]:
            found.add(q.WH_AS_KWH)
        elif unit != "kWh" and _KILO_RATIO[0] <= start / wh <= _KILO_RATIO[1]:
            found.add(q.KWH_AS_WH)
    return found
