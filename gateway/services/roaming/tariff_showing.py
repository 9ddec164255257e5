"""Partners that may see a tariff now, or no more, have to look again at where it is named.

What their Connectors name has changed with it, so those are updated, up to the Location, and owed
to them. A tariff that was for these partners from the beginning costs none of that.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.party import Party
from gateway.domain.timestamps import to_text
from gateway.store import Conflict, Page, PageQuery, PartyStore, Store

_PIECE = 500
_TRIES = 10


async def show_again(
    store: Store, party: Party, tariff_id: str, partner_ids: Collection[str], now: datetime
) -> int:
    """Owe them every Location that names the tariff; returns how many. Raises `StoreError`."""
    books = store.party(party)
    count, after = 0, None
    while True:
        page, found = await _piece(store, books, tariff_id.lower(), partner_ids, now, after)
        count += found
        if page.last is None:
            return count
        after = page.last


async def _piece(
    store: Store,
    books: PartyStore,
    tariff_id: str,
    partner_ids: Collection[str],
    now: datetime,
    after: int | None,
) -> tuple[Page, int]:
    """Some of the list. Done again where the operator has replaced one of them meanwhile."""
    for left in reversed(range(_TRIES)):
        page = await books.locations.page(PageQuery(after=after, limit=_PIECE))
        change, found = books.change(), 0
        for location in page.items:
            lifted = _lifted(location, tariff_id, to_text(now))
            if lifted is not None:
                books.locations.expect(change, location["id"], location)
                books.locations.put(change, location["id"], lifted, updated=now)
                ref = ObjectRef(ObjectKind.LOCATION, location["id"])
                books.owed.mark(change, partner_ids, ref)
                found += 1
        try:
            if found:
                await store.commit(change)
        except Conflict:
            if not left:
                raise
            continue
        return page, found
    raise AssertionError("the last try has returned or raised")


def _lifted(location: dict[str, Any], tariff_id: str, now: str) -> dict[str, Any] | None:
    """The Location with a new last_updated where the tariff is named; None: nowhere."""
    evses = [_evse(one, tariff_id, now) for one in location.get("evses", ())]
    if all(one is None for one in evses):
        return None
    pairs = zip(location["evses"], evses, strict=True)
    return location | {"evses": [new or old for old, new in pairs], "last_updated": now}


def _evse(evse: dict[str, Any], tariff_id: str, now: str) -> dict[str, Any] | None:
    if not any(_names(one, tariff_id) for one in evse["connectors"]):
        return None
    connectors = [
        one | {"last_updated": now} if _names(one, tariff_id) else one for one in evse["connectors"]
    ]
    return evse | {"connectors": connectors, "last_updated": now}


def _names(connector: dict[str, Any], tariff_id: str) -> bool:
    return tariff_id in (one.lower() for one in connector.get("tariff_ids") or ())
