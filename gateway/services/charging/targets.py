"""Which charge point a partner's command is for: from Location, EVSE and Connector to OCPP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.evse_status import EvseStatus
from gateway.domain.flags import SUPERSEDED
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.services.charging.in_flight import CommandAnswer
from gateway.services.ports import ReplyTo
from gateway.services.roaming.locations import LocationCatalogue, UnknownLocation
from gateway.store import Store

RESERVABLE = "RESERVABLE"
CONNECTOR_REQUIRED = "START_SESSION_CONNECTOR_REQUIRED"

NOBODY_THERE = CommandAnswer("REJECTED", message="No charge point there is connected and free")


class ConnectorRequired(ValueError):
    """The EVSE has the capability START_SESSION_CONNECTOR_REQUIRED, and no connector was named."""


class NotOffered(ValueError):
    """The operator does not offer this at the EVSE: its capabilities say what there is."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a partner wants something, in the words of OCPI."""

    location_id: str
    evse_uid: str | None = None
    connector_id: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A connected charge point's EVSE; `evse` is the operator's view of it."""

    identity: str
    evse_id: int
    protocol: str
    evse: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Running:
    """A running transaction and its Session's partner."""

    identity: str
    transaction_id: str
    evse_id: int
    document: Mapping[str, Any]


class Targets:
    """Looks them up."""

    def __init__(self, store: Store, catalogue: LocationCatalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    async def find(self, party: Party, place: Place, offering: str | None = None) -> Target | None:
        """The connected EVSE; without evse_uid, the first one that is free. None: there is none.

        Raises `UnknownLocation`, and `NotOffered` where no EVSE has the capability `offering`.
        """
        evses = await self._evses(party, place)
        if offering is not None:
            evses = [one for one in evses if has(one, offering)]
            if not evses:
                raise NotOffered(offering)
        if place.evse_uid is None:
            evses = [one for one in evses if one["status"] == EvseStatus.AVAILABLE]
        for evse in evses:
            target = await self._connected(party, evse)
            if target is not None:
                return target
        return None

    async def with_status(self, party: Party, place: Place, status: EvseStatus) -> list[Target]:
        """The connected EVSEs of a Location that have a status. Raises `UnknownLocation`."""
        evses = [one for one in await self._evses(party, place) if one["status"] == status]
        found = [await self._connected(party, one) for one in evses]
        return [one for one in found if one is not None]

    async def running(self, partner: Partner, party: Party, session_id: str) -> Running | None:
        """The running transaction of a partner's own Session (S8)."""
        store = self._store.party(party)
        found = await store.transactions.of_session(session_id)
        document = await store.transactions.get(*found) if found else None
        if found is None or document is None or document["state"] != "ACTIVE":
            return None
        holder = document["holder"]
        if holder is None or holder["partner_id"] != partner.id:
            return None
        return Running(*found, int(document["evse_id"]), document)

    async def in_use_by_others(self, to: ReplyTo, target: Target) -> bool:
        """Whether somebody else's transaction runs there, and is not known to be over.

        A hub's eMSPs are others to each other.
        """
        return any(
            not _charges_for(to, one["holder"])
            for one in await self._store.party(to.party).transactions.open(target.identity)
            if one["evse_id"] == target.evse_id and SUPERSEDED not in one["flags"]
        )

    async def evse_of(self, party: Party, document: Mapping[str, Any]) -> dict[str, Any] | None:
        """The EVSE, as the operator wrote it, where a stored Session takes place."""
        location = await self._catalogue.operator_view(party, document["location_id"])
        evses: list[dict[str, Any]] = (location or {}).get("evses", [])
        return next((one for one in evses if one["uid"] == document["evse_uid"]), None)

    async def _evses(self, party: Party, place: Place) -> list[dict[str, Any]]:
        location = await self._catalogue.operator_view(party, place.location_id)
        if location is None:
            raise UnknownLocation(place.location_id)
        evses: list[dict[str, Any]] = location.get("evses", [])
        if place.evse_uid is None:
            return evses
        evses = [one for one in evses if one["uid"].lower() == place.evse_uid.lower()]
        if not evses:
            raise UnknownLocation(f"{place.location_id} {place.evse_uid}")
        ids = {connector["id"].lower() for connector in evses[0]["connectors"]}
        if place.connector_id is not None and place.connector_id.lower() not in ids:
            raise UnknownLocation(f"{place.location_id} {place.evse_uid} {place.connector_id}")
        return evses

    async def _connected(self, party: Party, evse: Mapping[str, Any]) -> Target | None:
        bound = evse.get("charge_point")
        if bound is None:
            return None
        route = await self._store.party(party).stations.route(bound["identity"])
        if route is None or not await self._store.bus.reaches(route.node_id):
            return None
        return Target(bound["identity"], int(bound["evse_id"]), route.protocol, evse)


def _charges_for(to: ReplyTo, holder: Mapping[str, Any] | None) -> bool:
    if holder is None or holder["partner_id"] != to.partner.id:
        return False
    asking = to.sender if to.partner.is_hub and to.sender != to.partner.hub else None
    return asking in (None, Party(holder["country_code"], holder["party_id"]))


def has(evse: Mapping[str, Any], capability: str) -> bool:
    """Whether an EVSE has a capability; one that states none at all has not been described."""
    capabilities = evse.get("capabilities")
    return not capabilities or capability in capabilities


def connector_number(evse: Mapping[str, Any], connector_id: str) -> int:
    """A Connector in OCPP's numbers: its id where that is one, else its place in the EVSE."""
    if connector_id.isascii() and connector_id.isdecimal() and 0 < int(connector_id) < 1000:
        return int(connector_id)
    ids = [connector["id"].lower() for connector in evse["connectors"]]
    return ids.index(connector_id.lower()) + 1
