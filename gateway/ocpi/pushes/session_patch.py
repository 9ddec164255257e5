"""What to send of a session, given what the partner acknowledged: the whole, or the difference.

"When a PATCH request contains the `charging_periods` field [...] this SHALL be processed as a
request to add all the ChargingPeriod objects to the existing Session" (mod_sessions 9.2.2.3): so
a period may be sent once only, and only when it will not change any more. The last period of a
session that is still active grows with every meter value; it goes out when it has ended.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gateway import exact_json

_PERIODS = "charging_periods"
_ENDED = ("COMPLETED", "INVALID")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What a partner holds of a session: fingerprints of its fields and of its first periods."""

    fields: Mapping[str, str]
    period_count: int
    periods: str

    @classmethod
    def of(cls, session: Mapping[str, Any]) -> "Acknowledged":
        """Describe a session as it was sent (see `sendable`)."""
        periods = session.get(_PERIODS, [])
        fields = {name: _fingerprint(value) for name, value in session.items() if name != _PERIODS}
        return cls(fields, len(periods), _fingerprint(periods))

    def says(self, other: "Acknowledged") -> bool:
        """Whether the two differ in nothing but `last_updated`."""
        fields = {**other.fields, "last_updated": self.fields.get("last_updated", "")}
        return self == replace(other, fields=fields)

    def to_text(self) -> str:
        """The form in which the store keeps it."""
        return exact_json.dumps([self.period_count, self.periods, self.fields]).decode()

    @classmethod
    def from_text(cls, text: str | None) -> "Acknowledged | None":
        """Read it back; None when there is none, or none that can be read."""
        if text is None:
            return None
        try:
            count, periods, fields = exact_json.loads(text)
            return cls(dict(fields), int(count), str(periods))
        except (TypeError, ValueError):
            return None


def sendable(session: Mapping[str, Any]) -> dict[str, Any]:
    """The session without the period that still runs."""
    document = dict(session)
    if not ended(session) and document.get(_PERIODS):
        document[_PERIODS] = document[_PERIODS][:-1]
    if not document.get(_PERIODS):
        document.pop(_PERIODS, None)
    return document


def ended(session: Mapping[str, Any]) -> bool:
    """Whether nothing more is to come."""
    return session.get("status") in _ENDED


def patch(
    acknowledged: Acknowledged, session: Mapping[str, Any], *, appending: bool = True
) -> dict[str, Any] | None:
    """The fields to PATCH, or None when only a PUT can bring the partner there.

    That is when a period that it holds has changed or gone, or a field has gone. `last_updated`
    is always in (ocpi-rules 9). `session` is what `sendable` returns. Not `appending`: what
    the partner makes of charging_periods in a PATCH is not sure, so that new ones go by PUT.
    """
    periods = session.get(_PERIODS, [])
    held = acknowledged.period_count
    if len(periods) < held or _fingerprint(periods[:held]) != acknowledged.periods:
        return None
    fields = {name: value for name, value in session.items() if name != _PERIODS}
    if not acknowledged.fields.keys() <= fields.keys():
        return None
    changed = {
        name: value
        for name, value in fields.items()
        if name == "last_updated" or acknowledged.fields.get(name) != _fingerprint(value)
    }
    if len(periods) > held and not appending:
        return None
    if len(periods) > held:
        changed[_PERIODS] = periods[held:]
    return changed


def appends(body: Mapping[str, Any]) -> bool:
    """Whether sending this PATCH twice would do more than sending it once."""
    return _PERIODS in body


def _fingerprint(value: Any) -> str:
    return hashlib.blake2b(exact_json.dumps(value), digest_size=8).hexdigest()
