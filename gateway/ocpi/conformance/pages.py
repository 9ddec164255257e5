"""Pages of a list: X-Total-Count, X-Limit, Link, limit and offset (ocpi-rules 6)."""

from yarl import URL

from gateway.ocpi.conformance.findings import Report, Verdict
from gateway.ocpi.conformance.reading import Listed, Reading, Seen
from gateway.ocpi.outgoing.client import Unreachable, next_page

MOST_PAGES = 50
_CLAUSE = "transport_and_format: Pagination"


def check_headers(report: Report, module: str, seen: Seen) -> None:
    """The three headers of a page of whatever length the platform chose."""
    total, limit = (_number(seen.headers.get(name)) for name in ("X-Total-Count", "X-Limit"))
    told = f"{seen.url}: X-Total-Count {total}, X-Limit {limit}, {len(seen.objects)} objects"
    rule = "X-Total-Count and X-Limit are sent (ocpi-rules 6)"
    report.judge(rule, _CLAUSE, module, None not in (total, limit), told)
    if limit is not None:
        rule = "No more objects than X-Limit (ocpi-rules 6)"
        report.judge(rule, _CLAUSE, module, len(seen.objects) <= limit, told)
    if total is not None:
        more = total > len(seen.objects)
        report.judge(
            "Link rel=next exactly when there is a next page (ocpi-rules 6)",
            _CLAUSE,
            module,
            (following(report, module, seen) is not None) == more,
            f"{told}, Link {seen.headers.get('Link')}",
        )


async def check_pages(reading: Reading, report: Report, listed: Listed, first: Seen) -> None:
    """The same list in pages of other sizes."""
    await _walk(reading, report, listed)
    if len(listed.objects) > 1:
        await _offset(reading, report, listed)
    limit, total = (_number(first.headers.get(name)) for name in ("X-Limit", "X-Total-Count"))
    if limit is not None and total is not None and total > limit:
        url = str(URL(listed.url).update_query(limit=str(limit * 10)))
        seen = await reading.get(url, to=listed.module)
        told = f"{url}: {len(seen.objects)} objects, X-Limit {seen.headers.get('X-Limit')}"
        rule = "A greater limit than X-Limit is cut to it (ocpi-rules 6)"
        kept = seen.done and len(seen.objects) <= (_number(seen.headers.get("X-Limit")) or 0)
        report.judge(rule, _CLAUSE, listed.module, kept, told)


async def _walk(reading: Reading, report: Report, listed: Listed) -> None:
    """Follow Link through small pages."""
    module, keys, totals, led_astray = listed.module, list[str](), set[int | None](), False
    page: str | None = str(URL(listed.url).update_query(limit="2"))
    for _ in range(MOST_PAGES):
        if page is None:
            break
        seen = await reading.get(page, to=module)
        if not seen.done:
            report.judge("Every page is there", _CLAUSE, module, False, seen.told())
            return
        if len(seen.objects) > 2:
            told = f"{page}: {len(seen.objects)} objects"
            report.judge("limit is kept to", _CLAUSE, module, False, told)
            return
        keys += [listed.key(one) for one in seen.objects]
        totals.add(_number(seen.headers.get("X-Total-Count")))
        page = following(report, module, seen)
        led_astray = page is None and "Link" in seen.headers  # told already
        if page is not None and module == "sessions":
            rule = "Link keeps the filters (ocpi-rules 6)"
            report.judge(rule, _CLAUSE, module, "date_from" in URL(page).query, page)
    report.judge(
        "Following Link gives every object once (ocpi-rules 6)",
        _CLAUSE,
        module,
        len(set(keys)) == len(keys) and (bool(page) or led_astray or totals == {len(keys)}),
        f"{len(keys)} objects, {len(set(keys))} different, X-Total-Count {totals}",
    )


async def _offset(reading: Reading, report: Report, listed: Listed) -> None:
    url = str(URL(listed.url).update_query(limit="1", offset="1"))
    seen = await reading.get(url, to=listed.module)
    found = [listed.key(one) for one in seen.objects]
    report.judge(
        "offset skips objects",
        _CLAUSE,
        listed.module,
        seen.done and found == [listed.key(listed.objects[1])],
        f"{url}: {', '.join(found) or seen.told()}; second of the list: "
        f"{listed.key(listed.objects[1])}",
    )


def following(report: Report, module: str, seen: Seen) -> str | None:
    """The next page; a token is not carried to another host (S15)."""
    try:
        page = next_page(seen.url, seen.headers)
    except Unreachable as error:
        report.note("Link can be read", _CLAUSE, Verdict.BROKEN, module, str(error))
        return None
    if page is None or URL(page).origin() == URL(seen.url).origin():
        return page
    # two schemes at one port cannot both be served; another host may, but gets no token
    same_port = URL(page).authority == URL(seen.url).authority
    verdict = Verdict.BROKEN if same_port else Verdict.ADVICE
    report.note("Link stays at the same origin", _CLAUSE, verdict, module, f"{seen.url} -> {page}")
    return None


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
