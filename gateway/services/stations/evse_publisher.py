"""Keeps the OCPI status of EVSEs in step with what is known of their station."""

from collections.abc import Callable, Iterable
from datetime import datetime

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.evse_status import EvseReports, combine
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.stations.station_state import StationState
from gateway.store import Change, Store


class EvsePublisher:
    """Adds to a change whatever partners must learn about an EVSE."""

    def __init__(
        self, store: Store, partners: PartnerDirectory, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._partners = partners
        self._now = now

    def refresh(self, state: StationState, evse_ids: Iterable[int], change: Change) -> bool:
        """Write the EVSEs whose status is another than last published; True if there were any.

        `last_updated` is our time, never the station's, and is lifted from EVSE to Location
        (OCPI mod_locations 8.3.1; ocpi-rules 8).
        """
        changed = False
        for evse_id in evse_ids:
            binding = state.bindings.get(evse_id)
            if binding is None:
                continue
            status = combine(
                state.evses.get(evse_id, EvseReports()).states(),
                station=state.station_state,
                in_transaction=state.in_use(evse_id),
                connected=state.connected,
            )
            if state.published.get(evse_id) is status:
                continue
            now = self._now()
            party = self._store.party(state.party)
            party.evses.put(change, binding.location_id, binding.evse_uid, status.value, now)
            party.locations.touch(change, binding.location_id, now)
            party.owed.mark(
                change,
                [partner.id for partner in self._partners.receivers("locations", state.party)],
                ObjectRef(ObjectKind.EVSE, binding.location_id, binding.evse_uid),
            )
            state.published[evse_id] = status
            changed = True
        return changed
