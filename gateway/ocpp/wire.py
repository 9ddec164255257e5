"""Reading what stations of any version write: times, numbers, meter values."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import structlog

from gateway.domain import timestamps
from gateway.domain.metering.meter import Measurand, Reading, ReadingContext, Sample
from gateway.domain.metering.signed_values import MOST_TEXT
from gateway.ocpp.dialect import Refused
from gateway.ocpp.schemas import Rule

log = structlog.get_logger(__name__)

# Enumeration words of all versions; the table is total over them (2.0.1 adds the net and
# apparent energies). What the gateway does not compute with stays as OTHER.
MEASURANDS: Mapping[str, Measurand] = {
    "Energy.Active.Import.Register": Measurand.ENERGY_IMPORT_REGISTER,  # the bill's own register
    "Energy.Active.Import.Interval": Measurand.ENERGY_IMPORT_INTERVAL,  # adds up to the register
    "Energy.Active.Export.Register": Measurand.ENERGY_EXPORT_REGISTER,  # some meters run this way
    "Power.Active.Import": Measurand.POWER_IMPORT,  # shown in sessions, bounds the energy
    "Current.Import": Measurand.CURRENT_IMPORT,  # OCPI CURRENT dimension
    "Voltage": Measurand.VOLTAGE,  # with the current, the power of stations that send no power
    "SoC": Measurand.STATE_OF_CHARGE,  # OCPI STATE_OF_CHARGE dimension
    "Energy.Active.Export.Interval": Measurand.OTHER,  # export is not sold
    "Energy.Active.Net": Measurand.OTHER,  # import less export: not what the tariff counts
    "Energy.Reactive.Export.Register": Measurand.OTHER,  # varh is not billed
    "Energy.Reactive.Import.Register": Measurand.OTHER,
    "Energy.Reactive.Export.Interval": Measurand.OTHER,
    "Energy.Reactive.Import.Interval": Measurand.OTHER,
    "Energy.Reactive.Net": Measurand.OTHER,
    "Energy.Apparent.Net": Measurand.OTHER,  # VAh is not billed
    "Energy.Apparent.Import": Measurand.OTHER,
    "Energy.Apparent.Export": Measurand.OTHER,
    "Power.Active.Export": Measurand.OTHER,
    "Power.Offered": Measurand.OTHER,  # what could flow, not what does
    "Power.Reactive.Export": Measurand.OTHER,
    "Power.Reactive.Import": Measurand.OTHER,
    "Power.Factor": Measurand.OTHER,
    "Current.Export": Measurand.OTHER,
    "Current.Offered": Measurand.OTHER,
    "Frequency": Measurand.OTHER,
    "Temperature": Measurand.OTHER,
    "RPM": Measurand.OTHER,
    # OCPP 2.1's own: limits, requests and what a car's display shows; none is billed.
    "Current.Export.Minimum": Measurand.OTHER,
    "Current.Export.Offered": Measurand.OTHER,
    "Current.Import.Minimum": Measurand.OTHER,
    "Current.Import.Offered": Measurand.OTHER,
    "Display.BatteryEnergyCapacity": Measurand.OTHER,
    "Display.ChargingComplete": Measurand.OTHER,
    "Display.InletHot": Measurand.OTHER,
    "Display.MaximumSOC": Measurand.OTHER,
    "Display.MinimumSOC": Measurand.OTHER,
    "Display.PresentSOC": Measurand.OTHER,  # as the driver sees it; SoC is what counts
    "Display.RemainingTimeToMaximumSOC": Measurand.OTHER,
    "Display.RemainingTimeToMinimumSOC": Measurand.OTHER,
    "Display.RemainingTimeToTargetSOC": Measurand.OTHER,
    "Display.TargetSOC": Measurand.OTHER,
    "Energy.Active.Import.CableLoss": Measurand.OTHER,  # within the register
    "Energy.Active.Import.LocalGeneration.Register": Measurand.OTHER,  # its origin
    "Energy.Active.Setpoint.Interval": Measurand.OTHER,
    "EnergyRequest.Bulk": Measurand.OTHER,
    "EnergyRequest.Maximum": Measurand.OTHER,
    "EnergyRequest.Maximum.V2X": Measurand.OTHER,
    "EnergyRequest.Minimum": Measurand.OTHER,
    "EnergyRequest.Minimum.V2X": Measurand.OTHER,
    "EnergyRequest.Target": Measurand.OTHER,
    "Power.Active.Residual": Measurand.OTHER,
    "Power.Active.Setpoint": Measurand.OTHER,
    "Power.Export.Minimum": Measurand.OTHER,
    "Power.Export.Offered": Measurand.OTHER,
    "Power.Import.Minimum": Measurand.OTHER,
    "Power.Import.Offered": Measurand.OTHER,
    "Voltage.Maximum": Measurand.OTHER,
    "Voltage.Minimum": Measurand.OTHER,
}

CONTEXTS: Mapping[str, ReadingContext] = {
    "Transaction.Begin": ReadingContext.BEGIN,  # the start value
    "Transaction.End": ReadingContext.END,  # the final value
    "Sample.Periodic": ReadingContext.PERIODIC,
    "Sample.Clock": ReadingContext.CLOCK,
    "Interruption.Begin": ReadingContext.OTHER,  # a value like any other, in mid-transaction
    "Interruption.End": ReadingContext.OTHER,
    "Trigger": ReadingContext.OTHER,
    "Other": ReadingContext.OTHER,
}

# The thousandfold units; everything else is already in the domain's unit or not interpreted.
_KILO = frozenset({"kWh", "kW", "kvarh", "kvar", "kVA", "kVAh"})


class Tally:
    """Counts what was met while reading that deserves a second look, whoever sent it.

    The functions that read stay pure and know no station; whoever handles a message in which
    the count has grown looks at it again (`oddities`). Messages of other stations may have made
    it grow: then the second look finds nothing.
    """

    __slots__ = ("noticed",)

    def __init__(self) -> None:
        self.noticed = 0


tally = Tally()

# No meter counts beyond this many digits; arithmetic with 1E+999999 would never end.
_MAX_EXPONENT = 18
_MAX_INTEGER = 2**63 - 1  # what JSON encoders and stores can hold
_SHORTEST_UTC = len("2026-01-01T00:00:00Z")


def time(payload: Mapping[str, Any], member: str = "timestamp") -> datetime:
    """A required time, UTC; raises `Refused`.

    Read with any zone, without one (UTC) and with finer fractions than ours (ocpp-rules 6).
    """
    text = payload[member]
    if text[-1:] != "Z" or len(text) < _SHORTEST_UTC:
        tally.noticed += 1
    try:
        return timestamps.from_text(text.upper())
    except (ValueError, OverflowError):
        raise Refused(Rule.PROPERTY, f"{member}: {text!r} is no date and time") from None


def optional_time(payload: Mapping[str, Any], member: str = "timestamp") -> datetime | None:
    """An optional time; an empty text is an absent one."""
    text = payload.get(member)
    if text == "":
        tally.noticed += 1
    return time(payload, member) if text else None


def readings(
    meter_values: Iterable[Mapping[str, Any]], sample: Callable[[dict[str, Any]], Sample]
) -> tuple[Reading, ...]:
    """A list of MeterValue; `sample` reads a version's SampledValue."""
    # from lists: quicker than from generators, and this is the hot path
    return tuple(
        [
            Reading(time(one), tuple([sample(sampled) for sampled in one["sampledValue"]]))
            for one in meter_values
        ]
    )


def evse_number(value: int, member: str) -> int:
    """A connectorId or EVSE id: 0 is the station itself (ocpp-rules 8, 30), less does not exist."""
    if not 0 <= value <= _MAX_INTEGER:
        raise Refused(Rule.PROPERTY, f"{member}: no such connector or EVSE")
    return int(value)


def integer(payload: Mapping[str, Any], member: str) -> int:
    """A required integer; one beyond 64 bits counts nothing real and cannot be kept."""
    value = payload[member]
    if not -_MAX_INTEGER - 1 <= value <= _MAX_INTEGER:
        raise Refused(Rule.PROPERTY, f"{member}: beyond 64 bits")
    return int(value)


def optional_integer(payload: Mapping[str, Any], member: str) -> int | None:
    """An optional integer of at most 64 bits."""
    return None if payload.get(member) is None else integer(payload, member)


_GROUPED = re.compile(r"[\s\u00a0\u202f'_]")


def number(text: str) -> Decimal | None:
    """A number as stations write it into text; None when it is none.

    Spaces and a decimal comma are real; of two separators the last is the decimal one
    (ocpp-rules 11).
    """
    try:
        value = bounded(Decimal(text))  # the ordinary case
        if value is None or "E" in text or "e" in text:
            tally.noticed += 1
        return value
    except InvalidOperation:
        tally.noticed += 1
    text = _GROUPED.sub("", text)
    if "," in text:
        if text.rfind(",") > text.rfind("."):
            text = text.replace(".", "").replace(",", ".")
        else:
            text = text.replace(",", "")
    try:
        return bounded(Decimal(text))
    except InvalidOperation:
        return None


def bounded(value: Decimal) -> Decimal | None:
    """The value if a meter can show it: finite, and neither huge nor minute."""
    if not value.is_finite() or (abs(value.adjusted()) > _MAX_EXPONENT and value):
        return None
    return value


def in_base_unit(value: Decimal, unit: str | None, multiplier: int = 0) -> Decimal | None:
    """The value in Wh, W, A, V or percent."""
    if unit not in _KILO and not multiplier:
        return value
    exponent = multiplier + (3 if unit in _KILO else 0)
    if not exponent:
        return value
    if abs(exponent) > _MAX_EXPONENT:
        return None
    return bounded(value * 10**exponent if exponent > 0 else value.scaleb(exponent))


def signed(text: str) -> str | None:
    """A signed value as it came; one that no CDR could carry is not kept, for it cannot be cut."""
    if len(text) <= MOST_TEXT:
        return text or None
    log.warning("signed value too long", characters=len(text))
    return None


def exact(value: int | Decimal) -> Decimal:
    """A JSON number as Decimal."""
    return value if type(value) is Decimal else Decimal(value)
