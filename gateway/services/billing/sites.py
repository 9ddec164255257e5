"""Where a transaction takes place and by which tariff it is priced: fixed at its start."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain import flags
from gateway.domain.bills.sessions import Site
from gateway.domain.charge_points import EvseBinding
from gateway.domain.metering.point import NOT_STATED, MeteringPoint, stated
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.reservations import Reserved
from gateway.domain.tariffs import Tariff, parse_tariff
from gateway.domain.tariffs.choice import (
    EVERYBODY,
    Buyer,
    Document,
    Offer,
    buyer_of,
    chosen,
    offered,
)
from gateway.domain.timestamps import FIRST_YEAR
from gateway.domain.transactions import Transaction
from gateway.services.billing.metering_points import MeteringPoints
from gateway.services.billing.session_rhythm import nobody
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.store import Change, Store


@dataclass(frozen=True, slots=True)
class Choice:
    """An EVSE with all its connectors, and those of their tariffs that are valid at a moment.

    `location` is a canonical Location document reduced to the one EVSE.
    """

    location: Mapping[str, Any]
    tariffs: tuple[Document, ...]
    metering: MeteringPoint = NOT_STATED


class Sites:
    """Finds sites, fixes them for the rest of a session and finds them again."""

    def __init__(
        self,
        store: Store,
        currency: str,
        now: Callable[[], datetime],
        partner: Callable[[str], Partner | None] = nobody,
    ) -> None:
        self._store = store
        self._currency = currency
        self._now = now
        self._partner = partner
        self.metering_points = MeteringPoints(store, now)

    async def find(
        self,
        state: StationState,
        evse_id: int,
        connector_id: int | None = None,
        at: datetime | None = None,
    ) -> Site | None:
        """Location, EVSE and connector as they are now; None where nothing is bound.

        Tariffs are those that are valid `at` a moment by the station's clock, if it can be right.
        The tariff is the one for everybody, until `choose` knows better.
        """
        binding = state.bindings.get(evse_id)
        there = None if binding is None else await self.there(state.party, binding, at)
        return None if there is None else await self.at(state, there, evse_id, connector_id)

    async def at(
        self, state: StationState, there: Choice, evse_id: int, connector_id: int | None
    ) -> Site:
        """The site at a station's connector, of what there was to choose from at its EVSE."""
        site = self.site(state.party, there, connector_id)
        metering = await self.metering_points.find(state, evse_id, there.metering)
        return replace(site, metering=metering)

    async def there(
        self, party: Party, binding: EvseBinding, at: datetime | None = None
    ) -> Choice | None:
        """What a session that begins at an EVSE can choose from; None if there is no such EVSE."""
        store = self._store.party(party)
        location = await store.locations.get(binding.location_id)
        evse = _evse(location, binding.evse_uid) if location else None
        if location is None or evse is None:
            return None
        ids = [id_ for one in evse["connectors"] for id_ in one.get("tariff_ids") or ()]
        documents = await store.tariffs.get_many(dict.fromkeys(ids))
        valid = offered(documents, self._believed(at))
        return Choice(_only(location, evse), valid, stated(evse.get("charge_point", {})))

    def site(self, party: Party, there: Choice, connector_id: int | None = None) -> Site:
        """The one with the connector that OCPP numbers so, with the tariff for everybody."""
        [evse] = there.location["evses"]
        connector = _connector(evse["connectors"], connector_id)
        offer = _offer(connector, there.tariffs)
        location = {**there.location, "evses": [{**evse, "connectors": [connector]}]}
        site = Site(party, location, None, self._currency, offer, metering=there.metering)
        return self._priced_for(site, EVERYBODY)

    async def restore(self, state: StationState, transaction: Transaction) -> RunningTransaction:
        """An open transaction with the site and tariff that were fixed at its start."""
        transactions = self._store.party(state.party).transactions
        kept = await transactions.snapshot(state.identity, transaction.id)
        run = RunningTransaction(transaction)
        if kept is not None:
            site = Site(state.party, kept["location"], kept["tariff"], kept["currency"])
            if "metering" in kept:
                site = replace(site, metering=msgspec.convert(kept["metering"], MeteringPoint))
            if "offer" in kept:
                offer = msgspec.convert(kept["offer"], Offer)
                buyer = self._buyer(transaction, offer)
                site = self._priced_for(replace(site, offer=offer), buyer)
            run = running(transaction, site)
            run.site_kept = True
            run.reserved = msgspec.convert(kept.get("reserved"), Reserved | None)
        run.entries = await transactions.log_length(state.identity, transaction.id)
        return run

    def snapshot(self, change: Change, state: StationState, run: RunningTransaction) -> None:
        """Fix the site for the rest of the session (mod_cdrs: "as they were at the start")."""
        if run.site is None:
            return
        kept: dict[str, Any] = {
            "location": run.site.location,
            "tariff": run.site.tariff,
            "currency": run.site.currency,
            "metering": run.site.metering,
        }
        if run.site.offer is not None:
            kept["offer"] = run.site.offer
        if run.reserved is not None:
            kept["reserved"] = run.reserved
        party = self._store.party(state.party)
        party.transactions.put_snapshot(change, state.identity, run.transaction.id, kept)
        run.site_kept = True

    def choose(self, run: RunningTransaction) -> None:
        """Price a transaction by the tariff that is for it as it stands: asked before every bill.

        Who charges may be known only after the start, and a driver may state preferences. The
        tariffs that there are to choose from stay those of the start.
        """
        site = run.site
        if site is None or site.offer is None:
            return
        buyer = self._buyer(run.transaction, site.offer)
        if buyer != site.buyer:
            run.site = again = self._priced_for(site, buyer)
            if again.tariff_id != site.tariff_id:
                run.tariff = _parsed(again)
                run.forget_use()  # what has been reckoned was by another tariff
            site = again
        expected = site.offer is not None and site.offer.expected
        unpriced = site.tariff is None and expected and run.transaction.billable
        flag = Transaction.flagged if unpriced else Transaction.unflagged
        run.transaction = flag(run.transaction, flags.NO_TARIFF)

    def _buyer(self, transaction: Transaction, offer: Offer) -> Buyer:
        partner_id = transaction.partner_id
        partner = None if partner_id is None else self._partner(partner_id)
        return buyer_of(transaction, partner, offer.preference)

    def _priced_for(self, site: Site, buyer: Buyer) -> Site:
        tariff = chosen(site.offer.tariffs, buyer) if site.offer is not None else None
        currency = str(tariff["currency"]) if tariff is not None else self._currency
        location = _naming(site.location, None if tariff is None else tariff["id"])
        return replace(site, location=location, tariff=tariff, currency=currency, buyer=buyer)

    def _believed(self, at: datetime | None) -> datetime:
        now = self._now()
        return at if at is not None and at.year >= FIRST_YEAR and at <= now else now


def running(transaction: Transaction, site: Site | None) -> RunningTransaction:
    """Bind a transaction to its site and parsed tariff."""
    return RunningTransaction(transaction, site, _parsed(site) if site is not None else None)


def _parsed(site: Site) -> Tariff | None:
    return None if site.tariff is None else parse_tariff(site.tariff)


def _evse(location: dict[str, Any], uid: str) -> dict[str, Any] | None:
    return next((evse for evse in location.get("evses", ()) if evse["uid"] == uid), None)


def _connector(connectors: list[dict[str, Any]], connector_id: int | None) -> dict[str, Any]:
    """The connector that OCPP numbers so: by its OCPI id, else by its place, else the first."""
    for connector in connectors:
        if connector["id"] == str(connector_id):
            return connector
    place = (connector_id or 1) - 1
    return connectors[place if 0 <= place < len(connectors) else 0]


def _offer(connector: Mapping[str, Any], tariffs: Sequence[Document]) -> Offer:
    """The connector's own of the tariffs, in its order (mod_tariffs 11.3.1)."""
    ids = [id_.lower() for id_ in connector.get("tariff_ids") or ()]
    by_id = {one["id"].lower(): one for one in tariffs}
    return Offer(tuple(by_id[id_] for id_ in ids if id_ in by_id), expected=bool(ids))


def _naming(location: Mapping[str, Any], tariff_id: str | None) -> dict[str, Any]:
    """The location whose connector names this tariff alone: others are not this session's."""
    [evse] = location["evses"]
    [connector] = evse["connectors"]
    named = {name: value for name, value in connector.items() if name != "tariff_ids"}
    if tariff_id is not None:
        named["tariff_ids"] = [tariff_id]
    return {**location, "evses": [{**evse, "connectors": [named]}]}


def _only(location: dict[str, Any], evse: dict[str, Any]) -> dict[str, Any]:
    """The location with nothing but this EVSE, and without our own bindings."""
    bare = {key: value for key, value in evse.items() if key != "charge_point"}
    return location | {"evses": [bare]}
