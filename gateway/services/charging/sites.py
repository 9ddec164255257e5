"""Where a transaction takes place and by which tariff it is priced: fixed at its start."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from gateway.domain.ocpi_objects import Site
from gateway.domain.party import Party
from gateway.domain.tariffs import Tariff, parse_tariff
from gateway.domain.timestamps import from_text
from gateway.domain.transactions import Transaction
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.store import Change, Store


class Sites:
    """Finds sites, fixes them for the rest of a session and finds them again."""

    def __init__(self, store: Store, currency: str, now: Callable[[], datetime]) -> None:
        self._store = store
        self._currency = currency
        self._now = now

    async def find(
        self, state: StationState, evse_id: int, connector_id: int | None = None
    ) -> Site | None:
        """Location, EVSE, connector and tariff as they are now; None where nothing is bound."""
        binding = state.bindings.get(evse_id)
        if binding is None:
            return None
        party = self._store.party(state.party)
        location = await party.locations.get(binding.location_id)
        evse = _evse(location, binding.evse_uid) if location else None
        if location is None or evse is None:
            return None
        connector = _connector(evse["connectors"], connector_id)
        tariff = await self._active_tariff(party.party, connector.get("tariff_ids") or [])
        return Site(
            party=state.party,
            location=_only(location, evse, connector),
            tariff=tariff,
            currency=tariff["currency"] if tariff else self._currency,
        )

    async def restore(self, state: StationState, transaction: Transaction) -> RunningTransaction:
        """An open transaction with the site and tariff that were fixed at its start."""
        transactions = self._store.party(state.party).transactions
        kept = await transactions.snapshot(state.identity, transaction.id)
        run = RunningTransaction(transaction)
        if kept is not None:
            site = Site(state.party, kept["location"], kept["tariff"], kept["currency"])
            run = running(transaction, site)
            run.site_kept = True
        run.entries = await transactions.log_length(state.identity, transaction.id)
        return run

    def snapshot(self, change: Change, state: StationState, run: RunningTransaction) -> None:
        """Fix the site for the rest of the session (mod_cdrs: "as they were at the start")."""
        if run.site is None:
            return
        kept = {
            "location": run.site.location,
            "tariff": run.site.tariff,
            "currency": run.site.currency,
        }
        party = self._store.party(state.party)
        party.transactions.put_snapshot(change, state.identity, run.transaction.id, kept)
        run.site_kept = True

    async def _active_tariff(self, party: Party, ids: list[str]) -> dict[str, Any] | None:
        """The connector's first tariff that is valid now (mod_tariffs 11.3.1 start/end)."""
        now = self._now()
        for document in await self._store.party(party).tariffs.get_many(ids):
            if document is not None and _valid(document, now):
                return document
        return None


def running(transaction: Transaction, site: Site | None) -> RunningTransaction:
    """Bind a transaction to its site and parsed tariff."""
    tariff: Tariff | None = None
    if site is not None and site.tariff is not None:
        tariff = parse_tariff(site.tariff)
    return RunningTransaction(transaction, site, tariff)


def _evse(location: dict[str, Any], uid: str) -> dict[str, Any] | None:
    return next((evse for evse in location.get("evses", ()) if evse["uid"] == uid), None)


def _connector(connectors: list[dict[str, Any]], connector_id: int | None) -> dict[str, Any]:
    """The connector that OCPP numbers so: by its OCPI id, else by its place, else the first."""
    for connector in connectors:
        if connector["id"] == str(connector_id):
            return connector
    place = (connector_id or 1) - 1
    return connectors[place if 0 <= place < len(connectors) else 0]


def _only(
    location: dict[str, Any], evse: dict[str, Any], connector: dict[str, Any]
) -> dict[str, Any]:
    """The location with nothing but this EVSE and connector, and without our own bindings."""
    bare = {key: value for key, value in evse.items() if key != "charge_point"}
    return location | {"evses": [bare | {"connectors": [connector]}]}


def _valid(document: dict[str, Any], now: datetime) -> bool:
    start, end = document.get("start_date_time"), document.get("end_date_time")
    return (start is None or from_text(start) <= now) and (end is None or now < from_text(end))
