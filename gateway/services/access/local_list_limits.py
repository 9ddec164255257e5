"""Whether a station wants a local authorization list, and how much of one it can take."""

from dataclasses import dataclass

from gateway.domain.local_list import Limits
from gateway.services.ports import Station
from gateway.services.stations import settings_access
from gateway.services.stations.settings_access import SettingsRead
from gateway.services.stations.station_state import OCPP_16

# What no station of ours gets more of, whatever it says, and what it gets if it does not say.
MOST_ENTRIES = 20_000
MOST_PER_MESSAGE = 500
UNTOLD_ENTRIES = 1_000
UNTOLD_PER_MESSAGE = 50

_PROFILES = "SupportedFeatureProfiles"
_ENABLED_16 = "LocalAuthListEnabled"
_ENTRIES_16 = "LocalAuthListMaxLength"
_ITEMS_16 = "SendLocalListMaxLength"
_NAMES_16 = (_PROFILES, _ENABLED_16, _ENTRIES_16, _ITEMS_16)
_PROFILE = "localauthlistmanagement"

_ENABLED = "LocalAuthListCtrlr.Enabled"
_AVAILABLE = "LocalAuthListCtrlr.Available"
_ITEMS = "LocalAuthListCtrlr.ItemsPerMessage"
_BYTES = "LocalAuthListCtrlr.BytesPerMessage"
_ENTRIES = "LocalAuthListCtrlr.Entries#MaxSet"
_NAMES = (_ENABLED, _AVAILABLE, _ITEMS, _BYTES, _ENTRIES)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the station says of itself: `enabled` None: it has no such list."""

    enabled: bool | None
    limits: Limits


async def read_wish(station: Station) -> Wish | None:
    """Ask the station; None when it did not answer."""
    is_16 = station.protocol == OCPP_16
    said = await settings_access.read(station, _NAMES_16 if is_16 else _NAMES)
    if not said.values and not said.unknown:
        return None
    return _wish_16(said) if is_16 else _wish(said)


def _wish_16(said: SettingsRead) -> Wish:
    values = said.values
    profiles = {one.strip().lower() for one in values.get(_PROFILES, _PROFILE).split(",")}
    enabled = _flag(values.get(_ENABLED_16)) if _PROFILE in profiles else None
    return Wish(enabled, _limits(values.get(_ENTRIES_16), values.get(_ITEMS_16), None, 20))


def _wish(said: SettingsRead) -> Wish:
    values = said.values
    enabled = None if _flag(values.get(_AVAILABLE)) is False else _flag(values.get(_ENABLED))
    entries, items, size = values.get(_ENTRIES), values.get(_ITEMS), values.get(_BYTES)
    return Wish(enabled, _limits(entries, items, _number(size), 36))


def _limits(entries: str | None, items: str | None, size: int | None, longest_uid: int) -> Limits:
    return Limits(
        capacity=min(_number(entries) or UNTOLD_ENTRIES, MOST_ENTRIES),
        per_message=min(_number(items) or UNTOLD_PER_MESSAGE, MOST_PER_MESSAGE),
        bytes_per_message=size,
        longest_uid=longest_uid,
    )


def _flag(text: str | None) -> bool | None:
    return None if text is None else text.strip().lower() in ("true", "1")


def _number(text: str | None) -> int | None:
    """A limit that says something."""
    word = (text or "").strip()
    return int(word) if word.isdecimal() and int(word) > 0 else None
