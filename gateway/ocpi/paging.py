"""Pagination of the lists that we send (2.2.1 transport_and_format; rules 6 and 7)."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from gateway.domain import timestamps
from gateway.domain.party import Party
from gateway.ocpi.envelope import Answer
from gateway.ocpi.errors import InvalidParameters
from gateway.store import Page, PageQuery

LIMIT = 100
"""X-Limit: "the maximum number of objects that the server can return"."""

_NUMBER = re.compile(r"[0-9]{1,15}")
_ZONE_SIGN_LOST = re.compile(r" (\d\d:\d\d)$")


@dataclass(frozen=True, slots=True)
class ListRequest:
    """The query of a paginated GET."""

    offset: int
    limit: int
    date_from: datetime | None
    date_to: datetime | None
    filters: tuple[tuple[str, str], ...]


def read(query: Mapping[str, str], *, date_from_required: bool = False) -> ListRequest:
    """Read the parameters. Raises `InvalidParameters` for those that make no sense."""
    date_from = _moment(query, "date_from")
    if date_from is None and date_from_required:
        raise InvalidParameters("date_from is required")
    limit = _number(query, "limit", LIMIT)
    if limit < 1:
        raise InvalidParameters("limit must be at least 1")
    filters = tuple((name, text) for name, text in query.items() if name not in _POSITION)
    return ListRequest(
        _number(query, "offset", 0),
        min(limit, LIMIT),
        date_from,
        _moment(query, "date_to"),
        filters,
    )


_POSITION = ("offset", "limit")


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


async def collect(
    request: ListRequest,
    parties: Sequence[Party],
    fetch: Callable[[Party, PageQuery], Awaitable[Page]],
    partner_id: str | None = None,
) -> tuple[list[dict[str, Any]], int]:
    """One page over several parties' lists, one after the other, and the total of all of them."""
    items: list[dict[str, Any]] = []
    total = 0
    query = PageQuery(
        offset=0,
        limit=request.limit,
        date_from=request.date_from,
        date_to=request.date_to,
        partner_id=partner_id,
    )
    for party in parties:
        offset = max(0, request.offset - total)
        missing = request.limit - len(items)
        # a full page still needs the total of the parties after it
        page = await fetch(party, replace(query, offset=offset, limit=max(1, missing)))
        items.extend(page.items[:missing])
        total += page.total
    return items, total


def answer(request: ListRequest, url: str, items: list[dict[str, Any]], total: int) -> Answer:
    """A page with its headers: Link "when this is NOT the last page", with every filter."""
    headers = {"X-Total-Count": str(total), "X-Limit": str(LIMIT)}
    following = request.offset + request.limit
    if following < total:
        query = urlencode(
            [*request.filters, ("offset", following), ("limit", request.limit)], safe=":"
        )
        headers["Link"] = f'<{url}?{query}>; rel="next"'
    return Answer(items, headers=headers)
