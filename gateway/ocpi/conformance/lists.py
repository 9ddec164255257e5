"""The lists of a Sender, read whole: their objects, and what is judged of each list."""

from collections.abc import Mapping
from typing import Any

from yarl import URL

from gateway.ocpi.conformance import contents, filters, pages
from gateway.ocpi.conformance.findings import Report, Verdict
from gateway.ocpi.conformance.form import check_form, hold, no_routing, swapped
from gateway.ocpi.conformance.reading import Listed, Reading, Seen

_BEGINNING = "2000-01-01T00:00:00Z"

KINDS: Mapping[str, str] = {
    "locations": "Location",
    "sessions": "Session",
    "cdrs": "CDR",
    "tariffs": "Tariff",
    "tokens": "Token",
    "hubclientinfo": "ClientInfo",
    "invoicereconciliation": "InvoiceReconciliationRecord",
}


async def check_list(reading: Reading, report: Report, module: str) -> list[dict[str, Any]]:
    """Judge one module's list; returns its objects."""
    base = reading.endpoint(module, "SENDER")
    if base is None:
        return []
    listed = Listed(module, base)
    if module == "sessions":
        listed = Listed(module, str(URL(base).update_query(date_from=_BEGINNING)))
    first = await reading.get(listed.url, to=module)
    if not first.done:
        _no_list(reading, report, module, first)
        return []
    await _check_whole(reading, report, listed, first)
    if module == "sessions":
        await _date_from_demanded(reading, report, base)
    return listed.objects


def _no_list(reading: Reading, report: Report, module: str, first: Seen) -> None:
    rule = "The list can be fetched"
    if (module, "") not in reading.endpoints:
        report.judge(rule, f"mod_{module}", module, False, first.told())
        return
    # 2.1.1 names no roles: taken for a Receiver's endpoint, which has no list
    reading.endpoints[module, "RECEIVER"] = reading.endpoints.pop((module, ""))
    told = f"{first.told()}; taken for a Receiver's endpoint, as 2.1.1 names no roles"
    report.note(rule, f"mod_{module}", Verdict.UNSEEN, module, told)
    if first.status >= 500:
        rule = "A request that cannot be served is refused without a breakdown"
        report.judge(rule, "status_codes", module, False, first.told())


async def _check_whole(reading: Reading, report: Report, listed: Listed, first: Seen) -> None:
    module = listed.module
    check_form(reading, report, module, first)
    if module == "hubclientinfo":
        no_routing(report, module, first)
    else:
        swapped(report, module, first)
    pages.check_headers(report, module, first)
    await _collect(reading, report, listed, first)
    if not listed.objects:
        report.note("Objects are valid", f"mod_{module}", Verdict.UNSEEN, module, "an empty list")
        return
    contents.check_contents(reading, report, listed)
    await pages.check_pages(reading, report, listed, first)
    await filters.check_dates(reading, report, listed)


async def _collect(reading: Reading, report: Report, listed: Listed, first: Seen) -> None:
    """Every page in its natural size; its objects are held against the tables."""
    kind = f"{KINDS[listed.module]}[]"
    hold(report, reading.version or "", kind, listed.module, first)
    listed.objects += first.objects
    for _ in range(pages.MOST_PAGES):
        url = pages.following(report, listed.module, first)
        if url is None:
            listed.whole = True
            return
        first = await reading.get(url, to=listed.module)
        if not hold(report, reading.version or "", kind, listed.module, first):
            return
        listed.objects += first.objects


async def _date_from_demanded(reading: Reading, report: Report, base: str) -> None:
    """Clients SHALL send it; that a server answers without is no fault, but it may be a flood."""
    seen = await reading.get(base, to="sessions")
    report.advise(
        "GET sessions demands date_from (ocpi-rules 7)",
        "mod_sessions: GET Method, Request Parameters (date_from: required)",
        "sessions",
        not seen.done,
        seen.told(),
    )
