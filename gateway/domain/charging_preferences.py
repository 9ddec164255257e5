"""What a driver wants of a session, and whether it can be had (OCPI mod_sessions 9.3.2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any


class ProfileType(StrEnum):
    """OCPI ProfileType."""

    CHEAP = "CHEAP"
    FAST = "FAST"
    GREEN = "GREEN"
    REGULAR = "REGULAR"


class PreferencesAnswer(StrEnum):
    """OCPI ChargingPreferencesResponse."""

    ACCEPTED = "ACCEPTED"
    DEPARTURE_REQUIRED = "DEPARTURE_REQUIRED"
    ENERGY_NEED_REQUIRED = "ENERGY_NEED_REQUIRED"
    NOT_POSSIBLE = "NOT_POSSIBLE"
    PROFILE_TYPE_NOT_SUPPORTED = "PROFILE_TYPE_NOT_SUPPORTED"


@dataclass(frozen=True, slots=True)
class Preferences:
    """One driver's. `energy_need` is in kWh; `profile_type` is as told, for there may be new ones.

    `discharge_allowed` is only kept: "the driver allows" it, nobody has to.
    """

    profile_type: str
    departure_time: datetime | None = None
    energy_need: Decimal | None = None
    discharge_allowed: bool = False


# These put charging off until it is cheap or green, which needs to know how much until when.
_SHIFTING = frozenset({ProfileType.CHEAP, ProfileType.GREEN})

# "for every supported ProfileType, a Tariff MUST be provided" (TariffType, 11.4.7)
TARIFF_OF: Mapping[str, str] = {
    ProfileType.CHEAP: "PROFILE_CHEAP",
    ProfileType.FAST: "PROFILE_FAST",
    ProfileType.GREEN: "PROFILE_GREEN",
}


def answer(
    wanted: Preferences,
    *,
    tariff_types: Iterable[str],
    most_kw: Decimal | None,
    now: datetime,
) -> PreferencesAnswer:
    """Judge them by the connector's tariffs and power. REGULAR asks for nothing special."""
    if wanted.profile_type != ProfileType.REGULAR:
        tariff_type = TARIFF_OF.get(wanted.profile_type)
        if tariff_type is None or tariff_type not in tariff_types:
            return PreferencesAnswer.PROFILE_TYPE_NOT_SUPPORTED
    if wanted.profile_type in _SHIFTING:
        if wanted.departure_time is None:
            return PreferencesAnswer.DEPARTURE_REQUIRED
        if wanted.energy_need is None:
            return PreferencesAnswer.ENERGY_NEED_REQUIRED
    return PreferencesAnswer.ACCEPTED if _possible(wanted, most_kw, now) else _NOT_POSSIBLE


_NOT_POSSIBLE = PreferencesAnswer.NOT_POSSIBLE


def _possible(wanted: Preferences, most_kw: Decimal | None, now: datetime) -> bool:
    if wanted.departure_time is None:
        return True
    seconds = Decimal((wanted.departure_time - now).total_seconds())
    if seconds <= 0:
        return False
    if wanted.energy_need is None or most_kw is None:
        return True
    return wanted.energy_need <= most_kw * seconds / 3600


def most_power(connector: Mapping[str, Any]) -> Decimal:
    """What a Connector can give, in kW; "calculated" from voltage and current (8.3.3)."""
    stated = connector.get("max_electric_power")
    if stated:
        return Decimal(stated) / 1000
    phases = {"AC_3_PHASE": 3, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2}
    power = Decimal(connector["max_voltage"]) * Decimal(connector["max_amperage"])
    return power * phases.get(connector["power_type"], 1) / 1000
