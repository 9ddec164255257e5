"""Security events of charge points: reported by them, or noted by the gateway about them.

Every report is stored before it is confirmed (A04.FR.03), whatever its type. A charge point's
list holds its last `KEPT` events. What the gateway notes itself comes from strangers' attempts as
well, so it is limited per charge point; what is left out is counted in the next one that is not.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from prometheus_client import Counter

from gateway.domain.party import Party
from gateway.domain.security_events import SecurityEventReported, is_critical
from gateway.domain.timestamps import to_text
from gateway.services.security.allowances import Allowances
from gateway.services.stations.station_state import StationState
from gateway.store import Change, Store, StoreError

log = structlog.get_logger(__name__)

KEPT = 10_000
SECURITY_EVENTS_TOPIC = "security-events"
_STREAM = "security-events"
_INFO = 255  # characters, as the standard's techInfo
_BURST = 20  # events of our own that one charge point may cause at once
_SECONDS_EACH = 30.0  # and then one in so many seconds

_EVENTS = Counter(
    "gateway_security_events_total", "Security events of charge points", ["origin", "critical"]
)


class SecurityEvents:
    """The one list per charge point."""

    def __init__(self, store: Store, now: Callable[[], datetime], kept: int = KEPT) -> None:
        self._store = store
        self._kept = kept
        self._now = now
        self._allowances = Allowances(_BURST, _SECONDS_EACH)

    async def reported(self, state: StationState, event: SecurityEventReported) -> None:
        """Keep what the charge point reports; returns when it is durable."""
        change = self._store.party(state.party).change(state.fence)
        self._add(
            change, state.identity, event.type, event.info, origin="charge point", at=event.at
        )
        await self._store.commit(change)

    async def noted(self, identity: str, party: Party, type: str, info: str) -> None:
        """Keep what the gateway saw of this registered charge point, within limits.

        A store that is away does not keep the caller from its own work: the log has it then.
        """
        left_out = self._allowances.take(identity, self._now())
        if left_out is None:
            return
        if left_out:
            info = f"{info} ({left_out} more were not listed)"
        log.warning("security event", charge_point=identity, type=type, info=info)
        change = self._store.party(party).change()
        self._add(change, identity, type, info, origin="gateway", at=self._now())
        try:
            await self._store.commit(change)
        except StoreError as error:
            log.error("security event not kept", charge_point=identity, reason=repr(error))

    async def of(self, identity: str, party: Party, limit: int) -> list[dict[str, Any]]:
        """The last events, newest first."""
        found = await self._store.party(party).stations.kept(identity, _STREAM, limit)
        return found[::-1]

    def _add(
        self,
        change: Change,
        identity: str,
        type: str,
        info: str | None,
        *,
        origin: str,
        at: datetime | None,
    ) -> None:
        critical = is_critical(type)
        kept = {
            "received_at": to_text(self._now()),
            "at": None if at is None else to_text(at),
            "origin": origin,
            "type": type,
            "critical": critical,
            "info": None if info is None else info[:_INFO],
        }
        party = self._store.party(change.party)
        party.stations.keep(change, identity, _STREAM, kept, cap=self._kept)
        _EVENTS.labels(origin, str(critical).lower()).inc()
        if critical:
            change.publish(SECURITY_EVENTS_TOPIC, {"identity": identity, **kept})
