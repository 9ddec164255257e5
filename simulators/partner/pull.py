"""Pulls a whole list page by page, and checks the paging itself.

Bounded in pages and objects; a `Link` to another origin is not followed, because the request that
follows it carries our credentials token.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from simulators.partner.client import Client, Reply
from simulators.partner.finding import Finding, violation
from simulators.partner.owner import Owner
from simulators.partner.peer import Peer
from simulators.partner.v2_2_1.types import parse_datetime

MAX_PAGES = 1000
MAX_OBJECTS = 200_000
PAGINATION = "2.2.1 transport_and_format, Pagination"

_LINK = re.compile(r'\s*<([^>]*)>\s*;\s*rel="?next"?\s*')


@dataclass(slots=True)
class Pulled:
    """Everything one pull brought."""

    objects: list[Any] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    pages: int = 0
    total: int | None = None
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Filters:
    date_from: datetime | None = None
    date_to: datetime | None = None
    limit: int | None = None

    def query(self, write: Callable[[datetime], str]) -> dict[str, str]:
        query: dict[str, str] = {}
        if self.date_from is not None:
            query["date_from"] = write(self.date_from)
        if self.date_to is not None:
            query["date_to"] = write(self.date_to)
        if self.limit is not None:
            query["limit"] = str(self.limit)
        return query


async def pull(
    client: Client, peer: Peer, endpoint: str, filters: Filters, sender: Owner | None = None
) -> Pulled:
    """All pages of one list; raises `CallFailed` when a page cannot be had."""
    pulled = Pulled()
    query = filters.query(peer.version.write_datetime)
    url: str | None = endpoint + ("?" + urlencode(query) if query else "")
    while url is not None and pulled.pages < MAX_PAGES and len(pulled.objects) < MAX_OBJECTS:
        reply = await client.functional("GET", url, peer, sender=sender)
        pulled.pages += 1
        pulled.findings += _page_findings(reply, url, filters)
        if isinstance(reply.data, list):
            pulled.objects += reply.data
        pulled.total = _int(reply.headers, "X-Total-Count")
        url, found = _next(reply.headers, url, query)
        pulled.findings += found
    pulled.complete = url is None
    if pulled.complete and pulled.total is not None and pulled.total != len(pulled.objects):
        pulled.findings.append(
            violation(
                PAGINATION,
                "X-Total-Count is the number of all matching objects",
                "X-Total-Count",
                f"{pulled.total} != {len(pulled.objects)}",
            )
        )
    return pulled


def _page_findings(reply: Reply, url: str, filters: Filters) -> Iterator[Finding]:
    if not isinstance(reply.data, list):
        yield violation(PAGINATION, "data is a list", url, reply.data)
        return
    for name in ("X-Total-Count", "X-Limit"):
        if _int(reply.headers, name) is None:
            yield violation(
                PAGINATION, "a paginated answer has this header", name, reply.headers.get(name)
            )
    limits = [limit for limit in (filters.limit, _int(reply.headers, "X-Limit")) if limit]
    if limits and len(reply.data) > min(limits):
        yield violation(
            PAGINATION, "more objects than the limit", url, f"{len(reply.data)} > {min(limits)}"
        )
    for item in reply.data:
        yield from _date_findings(item, filters)


def _date_findings(item: Any, filters: Filters) -> Iterator[Finding]:
    try:
        updated = parse_datetime(item["last_updated"])
    except (KeyError, TypeError, ValueError):
        return  # the object's own check reports it
    if filters.date_from is not None and updated < filters.date_from:
        yield violation(PAGINATION, "before date_from", "last_updated", item["last_updated"])
    if filters.date_to is not None and updated >= filters.date_to:
        yield violation(PAGINATION, "date_to is exclusive", "last_updated", item["last_updated"])


def _next(
    headers: Mapping[str, str], url: str, query: Mapping[str, str]
) -> tuple[str | None, list[Finding]]:
    header = headers.get("Link")
    if header is None:
        return None, []
    match = _LINK.fullmatch(header)
    if match is None:
        return None, [violation(PAGINATION, 'not <url>; rel="next"', "Link", header)]
    link = match.group(1)
    if _origin(link) != _origin(url):
        return None, [violation(PAGINATION, "the next page is at another origin", "Link", link)]
    if link == url:
        return None, [violation(PAGINATION, "the next page is this page", "Link", link)]
    kept = dict(parse_qsl(urlsplit(link).query))
    lost = [
        name
        for name in ("date_from", "date_to")
        if name in query and not _same_moment(kept.get(name), query[name])
    ]
    if lost:
        what = "the Link should contain any filters of the original request"
        return link, [violation(PAGINATION, what, "Link", link)]
    return link, []


def _same_moment(kept: str | None, asked: str) -> bool:
    try:
        return parse_datetime(kept) == parse_datetime(asked)
    except ValueError:
        return False


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port


def _int(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if re.fullmatch(r"\d{1,9}", text, re.ASCII) else None
