"""Locations: the operator's documents, and what partners see of them.

A location is stored as the operator wrote it (canonical OCPI 2.3.0); the status of its EVSEs
lives apart and is joined when it is shown. An EVSE is never deleted: one that is left out of a
new version becomes REMOVED (OCPI mod_locations 8.1; ocpi-rules 13).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.canonical import InvalidDocument, validate_location
from gateway.domain.charge_points import EvseBinding
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.evse_status import EvseStatus
from gateway.domain.party import Party
from gateway.domain.tariffs.view import TariffView
from gateway.domain.timestamps import from_text, to_text
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Change, Documents, EvseLive, Page, PageQuery, Store
from gateway.store.evse_states import evse_live

BINDINGS_TOPIC = "bindings"

# The list that partners page through: what they must not know of is not in it, so that its count
# is what they can see. Some of it is in the second list too: publish=false, but tokens are named
# to whose owners it may be shown.
PUBLISHED = "published"
RESTRICTED = "restricted"

# Statuses that the operator's document alone decides, whatever a station says.
_BY_DOCUMENT = frozenset({EvseStatus.REMOVED.value, EvseStatus.PLANNED.value})

_PIECE = 500

# Of the documents whose EVSEs are known without reading them.
_READ_BYTES = 64 * 1024 * 1024

Document = dict[str, Any]
Ref = tuple[str, str]


class UnknownLocation(LookupError):
    """No such location, or no such EVSE or connector in it."""


@dataclass(frozen=True, slots=True)
class ShownLocation:
    """A location of a list, as text; `source` is everything that it is made from."""

    party: Party
    id: bytes
    source: tuple[bytes, ...]
    evses: tuple[Ref, ...]
    view: TariffView

    def read(self) -> Document:
        """What partners see."""
        document, *lives = self.source
        states = [evse_live(one) if one else None for one in lives]
        joined = _joined(exact_json.loads(document), dict(zip(self.evses, states, strict=True)))
        return self.view.location(_without_bindings(joined))


@dataclass(frozen=True, slots=True)
class LocationPage:
    """A page of locations (`gateway.store.Page`)."""

    items: list[ShownLocation]
    total: int
    last: int | None
    more: bool


class LocationCatalogue:
    """Keeps and shows locations.

    "Private charging Locations, that are not to be used for public charging, SHALL NOT be
    published via OCPI" (2.3.0 mod_locations 8): one with `publish` false is not shown, unless its
    `publish_allowed_to` names tokens. Then every partner whose version knows that field gets it,
    because "even parties [...] that do not 'own' this Token MAY show this location [...] but only
    to the owner of that Token" (8.3.1); to others it is not there.

    Connectors name the tariffs that their viewer may see: a partner, or everybody (None).
    """

    def __init__(
        self, store: Store, partners: PartnerDirectory, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._partners = partners
        self._now = now
        self._evses: OrderedDict[tuple[Party, bytes], tuple[bytes, tuple[Ref, ...]]] = OrderedDict()
        self._evses_bytes = 0

    async def put(self, party: Party, document: Document) -> tuple[Document, bool]:
        """Create or replace a location; returns it and whether it is new.

        One that is as it was stays so, `last_updated` included, and nobody is told anything.
        Raises `InvalidDocument` when it breaks the standard, or binds an EVSE to a charge point
        of another party or one that is bound already.
        """
        location = validate_location(
            document | {"country_code": party.country_code, "party_id": party.party_id}
        )
        store = self._store.party(party)
        known = await store.locations.get(location["id"])
        now = self._now()
        _keep_removed(location, known)
        _stamp(location, known, to_text(now))
        bindings = _bindings(location)
        await self._check_bindings(party, location["id"], bindings)
        if known is not None and location | {"last_updated": known["last_updated"]} == known:
            return known, False
        change = store.change()
        store.locations.put(change, location["id"], location, updated=now)
        _list(store.locations, change, location)
        await self._write_statuses(change, party, location, now)
        before = _bindings(known) if known else {}
        self._write_bindings(change, party, before, bindings)
        receivers = [partner.id for partner in self._partners.receivers("locations", party)]
        store.owed.mark(change, receivers, ObjectRef(ObjectKind.LOCATION, location["id"]))
        identities = {identity for identity, _ in (*before, *bindings)}
        for identity in sorted(identities):
            change.publish(BINDINGS_TOPIC, {"identity": identity})
        await self._store.commit(change)
        return location, known is None

    async def list_anew(self, party: Party) -> None:
        """Put into their lists the locations that a release before has not put there.

        It knew no restricted ones: they were in no list, as those that are not published at all.
        """
        books = self._store.party(party)
        ids = await books.locations.unlisted(PUBLISHED)
        for first in range(0, len(ids), _PIECE):
            change = books.change()
            for location in await books.locations.get_many(ids[first : first + _PIECE]):
                if location is not None and _shown(location, restricted=True):
                    _list(books.locations, change, location)
            await self._store.commit(change)

    async def remove(self, party: Party, location_id: str) -> bool:
        """Take every EVSE out of service for good; partners are told REMOVED. False if unknown.

        OCPI has no deletion of locations, so the document stays for partners to read.
        """
        known = await self._store.party(party).locations.get(location_id)
        if known is None:
            return False
        await self.put(party, known | {"evses": []})
        return True

    async def operator_view(self, party: Party, location_id: str) -> Document | None:
        """As the operator wrote it, bindings included, with live status."""
        document = await self._store.party(party).locations.get(location_id)
        if document is None:
            return None
        return (await self._joined(party, [document]))[0]

    async def operator_list(self, party: Party) -> list[Document]:
        """All locations of a party, oldest first."""
        locations, found = self._store.party(party).locations, []
        page = await locations.page(PageQuery(limit=_PIECE))
        while page.last is not None:
            found += await self._joined(party, page.items)
            page = await locations.page(PageQuery(after=page.last, limit=_PIECE))
        return found

    async def get(
        self,
        party: Party,
        location_id: str,
        *,
        restricted: bool = False,
        viewer: str | None = None,
    ) -> Document | None:
        """What partners see, or None; `restricted`: also if it is for some drivers only."""
        document = await self._store.party(party).locations.get(location_id)
        if document is None or not _shown(document, restricted=restricted):
            return None
        return await self._seen(party, document, viewer)

    async def seen(self, party: Party, location_id: str, viewer: str | None) -> Document | None:
        """What a partner sees that knows of it, whether or not it is published any more."""
        document = await self._store.party(party).locations.get(location_id)
        return None if document is None else await self._seen(party, document, viewer)

    async def page(self, party: Party, query: PageQuery, *, restricted: bool = False) -> Page:
        """A page of what everybody sees."""
        stored = await self.stored_page(party, query, restricted=restricted)
        items = [one.read() for one in stored.items]
        return Page(items, stored.total, stored.last, stored.more)

    async def stored_page(
        self,
        party: Party,
        query: PageQuery,
        *,
        restricted: bool = False,
        viewer: str | None = None,
    ) -> LocationPage:
        """A page of what partners see, without reading what has been read before."""
        seen = replace(query, partner_id=PUBLISHED, without=None if restricted else RESTRICTED)
        page = await self._store.party(party).locations.stored_page(seen)
        evses = [self._evses_of(party, id_, document) for id_, document in page.items]
        refs = [ref for of_one in evses for ref in of_one]
        lives = iter(await self._store.party(party).evses.stored(refs))
        view = await self._store.party(party).tariff_audiences.view(viewer)
        items = [
            ShownLocation(
                party, id_, (document, *(next(lives) or b"" for _ in of_one)), of_one, view
            )
            for (id_, document), of_one in zip(page.items, evses, strict=True)
        ]
        return LocationPage(items, page.total, page.last, page.more)

    # --- inside ---------------------------------------------------------------------------

    def _evses_of(self, party: Party, id_: bytes, document: bytes) -> tuple[Ref, ...]:
        """Whose live status belongs to a stored document."""
        kept = self._evses.get((party, id_))
        if kept is not None and kept[0] == document:
            self._evses.move_to_end((party, id_))
            return kept[1]
        read = exact_json.loads(document)
        refs = tuple((read["id"], evse["uid"]) for evse in read.get("evses", ()))
        self._evses[party, id_] = document, refs
        self._evses.move_to_end((party, id_))
        self._evses_bytes += len(document) - (len(kept[0]) if kept else 0)
        while self._evses_bytes > _READ_BYTES:
            _, (oldest, _) = self._evses.popitem(last=False)
            self._evses_bytes -= len(oldest)
        return refs

    async def _seen(self, party: Party, document: Document, viewer: str | None) -> Document:
        view = await self._store.party(party).tariff_audiences.view(viewer)
        return view.location(_without_bindings((await self._joined(party, [document]))[0]))

    async def _joined(self, party: Party, documents: Iterable[Document]) -> list[Document]:
        """Documents with live status and with last_updated lifted EVSE -> Location."""
        documents = list(documents)
        refs = [(one["id"], evse["uid"]) for one in documents for evse in one.get("evses", ())]
        lives = await self._store.party(party).evses.get_many(refs)
        live = dict(zip(refs, lives, strict=True))
        return [_joined(document, live) for document in documents]

    async def _write_statuses(
        self, change: Change, party: Party, location: Document, now: datetime
    ) -> None:
        """Give every EVSE a live status: the one it has, or what the document says.

        One that stays is not written, so that its `last_updated` and a report that the station
        makes at this moment stay too.
        """
        store = self._store.party(party)
        evses = location.get("evses", [])
        refs = [(location["id"], evse["uid"]) for evse in evses]
        for evse, live in zip(evses, await store.evses.get_many(refs), strict=True):
            status = _status(evse.get("status"), live)
            if live is None or live.status != status:
                store.evses.put(change, location["id"], evse["uid"], status, now)

    def _write_bindings(
        self,
        change: Change,
        party: Party,
        before: dict[tuple[str, int], EvseBinding],
        bindings: dict[tuple[str, int], EvseBinding],
    ) -> None:
        stations = self._store.party(party).stations
        for identity, evse_id in before.keys() - bindings.keys():
            stations.put(change, identity, f"binding:{evse_id}", None)
        for (identity, evse_id), binding in bindings.items():
            stations.put(change, identity, f"binding:{evse_id}", asdict(binding))

    async def _check_bindings(
        self, party: Party, location_id: str, bindings: dict[tuple[str, int], EvseBinding]
    ) -> None:
        errors = []
        for identity, evse_id in bindings:
            record = await self._store.charge_points.get(identity)
            if record is not None and record.party != party:
                errors.append(f"{identity} belongs to {record.party}")
            fields = await self._store.party(party).stations.load(identity)
            other = fields.get(f"binding:{evse_id}")
            if other and other["location_id"].lower() != location_id.lower():
                errors.append(
                    f"{identity} EVSE {evse_id} is already {other['evse_uid']}"
                    f" of {other['location_id']}"
                )
        if errors:
            raise InvalidDocument(errors)


def _shown(location: Document, *, restricted: bool = False) -> bool:
    return bool(
        location.get("publish", True) or (restricted and location.get("publish_allowed_to"))
    )


def _list(locations: Documents, change: Change, location: Document) -> None:
    """Put a location into the lists where it belongs, and only there."""
    shown, public = _shown(location, restricted=True), _shown(location)
    for name, listed in ((PUBLISHED, shown), (RESTRICTED, shown and not public)):
        show_or_hide = locations.list_for if listed else locations.hide
        show_or_hide(change, location["id"], name)


def _bindings(location: Document) -> dict[tuple[str, int], EvseBinding]:
    """The charge points' EVSEs that a document binds. Raises `InvalidDocument` on a double."""
    found: dict[tuple[str, int], EvseBinding] = {}
    for evse in location.get("evses", ()):
        bound = evse.get("charge_point")
        if bound is None or evse.get("status") in _BY_DOCUMENT:
            continue
        key = (bound["identity"], int(bound["evse_id"]))
        if key in found:
            raise InvalidDocument([f"{key[0]} EVSE {key[1]} is bound twice"])
        found[key] = EvseBinding(location["id"], evse["uid"])
    return found


def _status(stated: str | None, live: EvseLive | None) -> str:
    if stated not in _BY_DOCUMENT and live is not None and live.status not in _BY_DOCUMENT:
        return live.status
    return stated or EvseStatus.UNKNOWN.value


def _keep_removed(location: Document, known: Document | None) -> None:
    """EVSEs that a new version leaves out stay, as REMOVED."""
    if known is None:
        return
    named = {evse["uid"].lower() for evse in location.get("evses", ())}
    gone = [
        {key: value for key, value in evse.items() if key != "charge_point"}
        | {"status": EvseStatus.REMOVED.value}
        for evse in known.get("evses", ())
        if evse["uid"].lower() not in named
    ]
    if gone:
        location["evses"] = [*location.get("evses", ()), *gone]


def _stamp(location: Document, known: Document | None, now: str) -> None:
    """Set last_updated on the location and on what changed below it (ocpi-rules 8)."""
    location["last_updated"] = now
    before = {evse["uid"]: evse for evse in (known or {}).get("evses", ())}
    for evse in location.get("evses", ()):
        old = before.get(evse["uid"], {})
        connectors = {connector["id"]: connector for connector in old.get("connectors", ())}
        for connector in evse["connectors"]:
            connector["last_updated"] = _since(connector, connectors.get(connector["id"]), now)
        evse["last_updated"] = _since(evse, old or None, now)


def _since(new: Document, old: Document | None, now: str) -> str:
    """When the newest version of a thing began: now, unless it is as it was."""
    if old is None:
        return now
    same = {k: v for k, v in new.items() if k != "last_updated"} == {
        k: v for k, v in old.items() if k != "last_updated"
    }
    return str(old["last_updated"]) if same else now


def _joined(document: Document, live: dict[Ref, EvseLive | None]) -> Document:
    evses = [_evse(evse, live[document["id"], evse["uid"]]) for evse in document.get("evses", ())]
    joined = document | {
        "last_updated": max(
            [document["last_updated"], *(evse["last_updated"] for evse in evses)], key=from_text
        )
    }
    if evses:
        joined["evses"] = evses
    return joined


def _evse(evse: Document, live: EvseLive | None) -> Document:
    if live is None:
        return evse | {"status": evse.get("status", EvseStatus.UNKNOWN.value)}
    updated = max(evse["last_updated"], to_text(live.last_updated), key=from_text)
    return evse | {"status": live.status, "last_updated": updated}


def _without_bindings(document: Document) -> Document:
    """A document as partners may see it: no OCPP identity in it (S7)."""
    if "evses" not in document:
        return document
    return document | {
        "evses": [
            {key: value for key, value in evse.items() if key != "charge_point"}
            for evse in document["evses"]
        ]
    }
