"""What an outside source limits at each station now, as the station last told it (2.x, K12, K13).

It is the station that combines these limits with our profiles; we keep them for the operator. They
are read with the rest of a station's state, so long schedules are not kept: only that they were.
"""

from collections.abc import Callable
from dataclasses import replace

import msgspec

from gateway import exact_json
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.charging_limits import (
    ChargingLimit,
    LimitCleared,
    with_limit,
    without_limit,
)
from gateway.domain.party import Party
from gateway.services.stations.station_state import StationState
from gateway.store import Store

_FIELD = "charging_limits"
MOST_BYTES = 16_384  # of one limit's schedules
_MOST_BYTES_OF_ALL = 131_072


class ChargingLimits:
    """The outside limits of all stations. `changed` hears of stations where they have changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.changed: Callable[[Party, str], None] | None = None

    async def limited(self, state: StationState, limit: ChargingLimit) -> None:
        """A source limits a place, or limits it otherwise than before."""
        known = await self._known(state.party, state.identity)
        await self._keep(state, with_limit(known, limit))

    async def cleared(self, state: StationState, event: LimitCleared) -> None:
        """A source limits a place no more; one that is not known to have limited it is no news."""
        known = await self._known(state.party, state.identity)
        after = without_limit(known, event)
        if len(after) != len(known):
            await self._keep(state, after)

    async def of(self, record: ChargePointRecord) -> list[ChargingLimit]:
        """What limits a station, the station as a whole first."""
        known = await self._known(record.party, record.identity)
        return sorted(known, key=lambda one: (one.evse_id, one.source))

    async def _known(self, party: Party, identity: str) -> list[ChargingLimit]:
        fields = await self._store.party(party).stations.load(identity)
        return msgspec.convert(fields.get(_FIELD) or [], list[ChargingLimit])

    async def _keep(self, state: StationState, limits: list[ChargingLimit]) -> None:
        party = self._store.party(state.party)
        change = party.change(state.fence)
        party.stations.put(change, state.identity, _FIELD, _fitting(limits))
        await self._store.commit(change)
        if self.changed is not None:
            self.changed(state.party, state.identity)


def _fitting(limits: list[ChargingLimit]) -> list[ChargingLimit]:
    """The limits, the oldest first, with those schedules that fit; the newest come first."""
    kept, left = [], _MOST_BYTES_OF_ALL
    for limit in reversed(limits):
        size = len(exact_json.dumps(limit.schedules))
        if size > min(left, MOST_BYTES):
            limit, size = replace(limit, schedules=[], too_long=True), 0
        left -= size
        kept.append(limit)
    return kept[::-1]
