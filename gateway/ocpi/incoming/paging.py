"""Pagination of the lists that we send (2.2.1 transport_and_format; rules 6 and 7).

"It is important that multiple calls to the same URL [...] result in the same objects [...] the
sequence of objects mustn't change, or as little as possible." An offset cannot promise that: an
object that leaves the range of dates shifts all that follow it. So the Link to the next page
carries a `cursor` beside `offset` and `limit`: the party and the number of creation at which this
page ended, from where the next one goes on whatever has changed before it. It counts only
together with the offset that it was made for; whoever reckons offsets himself gets offsets.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from gateway.domain import timestamps
from gateway.domain.party import Party
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.incoming.errors import InvalidParameters
from gateway.store import PageQuery

LIMIT = 100
"""X-Limit: "the maximum number of objects that the server can return"."""

_NUMBER = re.compile(r"[0-9]{1,15}")
_ZONE_SIGN_LOST = re.compile(r" (\d\d:\d\d)$")
_POSITION = ("offset", "limit", "cursor")
_CHECK_BYTES = 6


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: after this number of creation in the list of this party."""

    party: Party
    number: int
    offset: int

    def to_text(self) -> str:
        """An opaque word, with a check against what happens to words on their way."""
        content = f"{self.party}/{self.number}/{self.offset}".encode()
        return base64.urlsafe_b64encode(_check(content) + content).decode().rstrip("=")

    @classmethod
    def from_text(cls, text: str) -> "Cursor":
        """Read it back. Raises `InvalidParameters`."""
        try:
            whole = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            check, content = whole[:_CHECK_BYTES], whole[_CHECK_BYTES:]
            if check != _check(content):
                raise InvalidParameters("cursor is not one that we have given out")
            party, number, offset = content.decode().split("/")
            return cls(Party.parse(party), int(number), int(offset))
        except (ValueError, binascii.Error):
            raise InvalidParameters("cursor is not one that we have given out") from None


def _check(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_CHECK_BYTES).digest()


@dataclass(frozen=True, slots=True)
class ListRequest:
    """The query of a paginated GET; `filters` is all of it but the position."""

    offset: int
    limit: int
    date_from: datetime | None
    date_to: datetime | None
    filters: tuple[tuple[str, str], ...]
    cursor: Cursor | None = None


def read(query: Mapping[str, str], *, date_from_required: bool = False) -> ListRequest:
    """Read the parameters. Raises `InvalidParameters` for those that make no sense."""
    date_from = _moment(query, "date_from")
    if date_from is None and date_from_required:
        raise InvalidParameters("date_from is required")
    limit = _number(query, "limit", LIMIT)
    if limit < 1:
        raise InvalidParameters("limit must be at least 1")
    offset = _number(query, "offset", 0)
    cursor = Cursor.from_text(query["cursor"]) if query.get("cursor") else None
    return ListRequest(
        offset,
        min(limit, LIMIT),
        date_from,
        _moment(query, "date_to"),
        tuple((name, text) for name, text in query.items() if name not in _POSITION),
        cursor if cursor and cursor.offset == offset else None,
    )


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None or text == "":
        return default
    if not _NUMBER.fullmatch(text):
        raise InvalidParameters(f"{name} is not a whole number")
    return int(text)


def _moment(query: Mapping[str, str], name: str) -> datetime | None:
    text = query.get(name)
    if text is None or text == "":
        return None
    try:
        # "+" in a query is a space: a peer that sends +00:00 unescaped means the zone
        return timestamps.from_text(_ZONE_SIGN_LOST.sub(r"+\1", text))
    except (ValueError, OverflowError):
        raise InvalidParameters(f"{name} is not an RFC 3339 time") from None


class Part(Protocol):
    """A page of one party's list (`gateway.store.Page`)."""

    @property
    def items(self) -> Sequence[Any]:
        """Its objects."""

    @property
    def total(self) -> int:
        """How many match in all."""

    @property
    def last(self) -> int | None:
        """The number at which it ends."""

    @property
    def more(self) -> bool:
        """Whether anything follows."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One page over all parties; `following` is where the next one begins, if there is one."""

    items: list[Any]
    total: int
    following: Cursor | None


async def collect(
    request: ListRequest,
    parties: Sequence[Party],
    fetch: Callable[[Party, PageQuery], Awaitable[Part]],
    partner_id: str | None = None,
) -> Listing:
    """One page over several parties' lists, one after the other, and the total of all of them.

    Raises `InvalidParameters` when the party at which the page before ended is not among them.
    """
    items: list[Any] = []
    total = 0
    end: tuple[Party, int] | None = None
    more = False
    query = PageQuery(
        limit=request.limit,
        date_from=request.date_from,
        date_to=request.date_to,
        partner_id=partner_id,
    )
    for party, window in _windows(request, parties, query):
        offset = max(0, request.offset - total) if request.cursor is None else 0
        # a full page still needs the total of the parties after it; so does one of which some
        # objects went while it was read, else the next party's would follow too early
        missing = 0 if more else max(window.limit - len(items), 0)
        page = await fetch(party, replace(window, offset=offset, limit=missing))
        items.extend(page.items)
        total += page.total
        more = more or (page.more and window.limit > 0)
        if page.last is not None:
            end = party, page.last
    if not more or end is None:
        return Listing(items, total, None)
    return Listing(items, total, Cursor(*end, request.offset + request.limit))


def _windows(
    request: ListRequest, parties: Sequence[Party], query: PageQuery
) -> list[tuple[Party, PageQuery]]:
    """What to ask of each party: nothing of those before the cursor but their total."""
    cursor = request.cursor
    if cursor is None:
        return [(party, query) for party in parties]
    if cursor.party not in parties:
        raise InvalidParameters("the party at which the last page ended is not there any more")
    place = list(parties).index(cursor.party)
    return [
        *((party, replace(query, limit=0)) for party in parties[:place]),
        (cursor.party, replace(query, after=cursor.number)),
        *((party, query) for party in parties[place + 1 :]),
    ]


def answer(request: ListRequest, url: str, items: Iterable[Any], listing: Listing) -> Answer:
    """A page with its headers: Link "when this is NOT the last page", with every filter."""
    headers = {"X-Total-Count": str(listing.total), "X-Limit": str(LIMIT)}
    following = listing.following
    if following is not None:
        position = [
            ("offset", following.offset),
            ("limit", request.limit),
            ("cursor", following.to_text()),
        ]
        query = urlencode([*request.filters, *position], safe=":")
        headers["Link"] = f'<{url}?{query}>; rel="next"'
    return Answer(list(items), headers=headers)
