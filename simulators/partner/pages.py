"""The lists that we serve: filtered by date, page by page, with a Link to the next page."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from urllib.parse import urlencode

from simulators.partner.exact_json import Json
from simulators.partner.exchange import Answer, Refusal
from simulators.partner.finding import violation
from simulators.partner.receipt import INVALID_PARAMETERS
from simulators.partner.v2_2_1.types import parse_datetime

PAGINATION = "2.2.1 transport_and_format, Pagination"


def page(objects: Iterable[Json], query: Mapping[str, str], url: str, page_limit: int) -> Answer:
    """One page of `objects`, oldest first; raises `Refusal` for a parameter that is none."""
    begin = _moment(query.get("date_from"), "date_from")
    end = _moment(query.get("date_to"), "date_to")
    offset = _count(query.get("offset", "0"), "offset")
    limit = _count(query.get("limit", str(page_limit)), "limit")
    limit = min(max(limit, 1), page_limit)
    matching = [
        one
        for one in objects
        if (begin is None or parse_datetime(one["last_updated"]) >= begin)
        and (end is None or parse_datetime(one["last_updated"]) < end)
    ]
    headers = {"X-Total-Count": str(len(matching)), "X-Limit": str(page_limit)}
    if offset + limit < len(matching):
        filters = {name: query[name] for name in ("date_from", "date_to") if name in query}
        following = urlencode({"offset": offset + limit, "limit": limit, **filters})
        headers["Link"] = f'<{url}?{following}>; rel="next"'
    return Answer(matching[offset : offset + limit], headers=headers)


def _moment(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        return parse_datetime(text)
    except ValueError as error:
        raise _bad_parameter(name, str(error), text) from None


def _count(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _bad_parameter(name, "not a number", text)
    return int(text)


def _bad_parameter(name: str, what: str, text: str) -> Refusal:
    return Refusal(
        200, INVALID_PARAMETERS, f"{name}: {what}", [violation(PAGINATION, what, name, text)]
    )
