"""The meter behind one EVSE: what it is called, its key, and whose electricity it counts."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from gateway.domain.configuration import Attribute
from gateway.domain.device_model import ReportedVariable
from gateway.domain.values import dataclass

STATION = 0  # EVSE id of the station itself

_LONGEST_ID = 255
_FISCAL_METERING = "fiscalmetering"
_METER = ("", "meter")  # SerialNumber[Meter]; CT is a current transformer
_PUBLIC_KEY_16 = re.compile(r"meterpublickey\[?([0-9]{0,9})\]?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MeteringPoint:
    """What a CDR says of the meter (mod_cdrs `meter_id`, `home_charging_compensation`)."""

    meter_id: str | None = None
    home_charging_compensation: bool = False


NOT_STATED = MeteringPoint()


@dataclass(frozen=True, slots=True)
class FiscalMeter:
    """What a station reports of the meter that is "the basis for billing"."""

    serial_number: str | None = None
    public_key: str | None = None


NOT_REPORTED = FiscalMeter()


def meter_id(serial_number: str | None) -> str | None:
    """A serial number as OCPI can have it: a string(255), printable; None where there is none."""
    shown = "".join(one for one in serial_number or "" if one.isprintable())
    return shown.strip()[:_LONGEST_ID] or None


def stated(binding: Mapping[str, Any]) -> MeteringPoint:
    """What the operator says of it, in the EVSE's `charge_point`."""
    return MeteringPoint(
        binding.get("meter_id"), bool(binding.get("home_charging_compensation", False))
    )


def fiscal_meters(reported: Iterable[ReportedVariable]) -> dict[int, FiscalMeter]:
    """By EVSE, from a 2.x station's FiscalMetering component.

    "The FiscalMetering component will typically be at the EVSE-tier level" (Open Charge Alliance,
    "Signed Meter Values in OCPP", 4.3.2); the station's own is under `STATION`.
    """
    found: dict[int, dict[str, str]] = {}
    for one in reported:
        if one.component.casefold() != _FISCAL_METERING:
            continue
        value = next((a.value for a in one.attributes if a.type == Attribute.ACTUAL.value), None)
        name, instance = one.variable.casefold(), (one.variable_instance or "").casefold()
        if value and name == "serialnumber" and instance in _METER:
            found.setdefault(one.evse or STATION, {})["serial_number"] = value
        elif value and name == "publickey":
            found.setdefault(one.evse or STATION, {})["public_key"] = value
    return {evse_id: FiscalMeter(**members) for evse_id, members in found.items()}


def configured_keys(keys: Iterable[Mapping[str, Any]]) -> dict[int, FiscalMeter]:
    """The same of a 1.6 charge point: `MeterPublicKey[ConnectorID]` (the paper, 3.3.1).

    Its examples write MeterPublicKey1; one without a number is the station's.
    """
    found = {}
    for one in keys:
        named = _PUBLIC_KEY_16.fullmatch(str(one.get("key", "")).strip())
        if named and one.get("value"):
            found[int(named.group(1) or STATION)] = FiscalMeter(public_key=str(one["value"]))
    return found


def of_evse(meters: Mapping[int, FiscalMeter], evse_id: int) -> FiscalMeter:
    """An EVSE's own, each fact from the station's where the EVSE has none."""
    own, station = meters.get(evse_id, NOT_REPORTED), meters.get(STATION, NOT_REPORTED)
    return FiscalMeter(
        own.serial_number or station.serial_number, own.public_key or station.public_key
    )
