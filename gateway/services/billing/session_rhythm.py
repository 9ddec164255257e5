"""How often a running Session is written, and owed to its partner: whatever the meter says.

Meter values are kept with every message. The Session that is made of them is written once per
interval: everybody's, or its partner's own where that is shorter. A partner whose own interval is
longer is owed it once per that, so that a thousand meter values are not a thousand marks. Both
end at once when something else changes than amounts; what was left out is in the next one.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.domain.bills.sessions import SessionStatus
from gateway.domain.partners import Partner
from gateway.domain.transactions import Transaction
from gateway.services.stations.station_state import RunningTransaction

_AMOUNTS = frozenset({"kwh", "total_cost", "charging_periods", "last_updated"})
_SPENT = frozenset({"TIME", "PARKING_TIME"})

# The fields that are no amounts, and whether time is spent charging or parking.
Said = tuple[Mapping[str, Any], frozenset[str]]


def nobody(partner_id: str) -> None:
    """No partner has an interval of its own."""


class SessionRhythm:
    """Decides by the partner that owns a Session's token; `elapsed` gives seconds.

    `default` is everybody's interval.
    """

    def __init__(
        self, partner: Callable[[str], Partner | None], elapsed: Callable[[], float]
    ) -> None:
        self._partner = partner
        self._elapsed = elapsed

    def write_due(self, run: RunningTransaction, default: float) -> bool:
        """Whether a Session of which only amounts have changed may be written again."""
        interval = min(default, self._partners_own(run.transaction, default))
        return self._elapsed() - run.session_at >= interval

    def owing_due(
        self, run: RunningTransaction, session: Mapping[str, Any], default: float
    ) -> bool:
        """Whether the partner is to be owed what is written now; if so, that is noted.

        An end is owed whatever was noted: its commit may have failed before.
        """
        now, said = self._elapsed(), _but_amounts(session)
        own = self._partners_own(run.transaction, default)
        runs = session["status"] == SessionStatus.ACTIVE
        if runs and said == run.owed_as and own > default and now - run.owed_at < own:
            return False
        run.owed_at, run.owed_as = now, said
        return True

    def _partners_own(self, transaction: Transaction, default: float) -> float:
        partner_id = transaction.partner_id
        partner = None if partner_id is None else self._partner(partner_id)
        return default if partner is None else partner.session_interval_or(default)


def _but_amounts(session: Mapping[str, Any]) -> Said:
    """What may be the last news for long: a parked vehicle's meter says nothing more."""
    fields = {name: value for name, value in session.items() if name not in _AMOUNTS}
    last = (session.get("charging_periods") or [{"dimensions": []}])[-1]
    return fields, _SPENT.intersection(one["type"] for one in last["dimensions"])
