"""Reports over the real books, as JSON or CSV."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from gateway.admin import reports
from gateway.admin.calls import DATES, PARTY, Answer, Call, Query, Route
from gateway.admin.errors import BadRequest
from gateway.admin.reports import Billed, By, Charged, Fault, Held
from gateway.admin.resources import party
from gateway.admin.services import Services
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text, to_text
from gateway.domain.transactions import Transaction
from gateway.store import PageQuery, PartyStore

_PIECE = 500
_SECONDS = 300.0  # a year of a large operator takes its time
_WH_PER_KWH = Decimal(1000)

Document = dict[str, Any]


class ReportCalls:
    """`/reports`."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._parties = services.parties
        self._charge_points = services.charge_points
        self._locations = services.catalogue
        self._now = services.now

    async def usage(self, call: Call) -> Answer:
        """From transactions, whoever pays for them; `date_from`/`date_to` are their start."""
        report = reports.Usage(_by(call, *By))
        zone, first, end = _zone(call), call.moment("date_from"), call.moment("date_to")
        for one in party.asked(call, self._parties):
            books = self._store.party(one)
            async for transactions, sessions in _with_sessions(books, books.transactions.page):
                for transaction, session in zip(transactions, sessions, strict=True):
                    if _within(transaction.started_at, first, end):
                        report.add(self._charged(transaction, session, zone))
        return _answer(call, report.columns, report.rows())

    async def revenue(self, call: Call) -> Answer:
        """From CDRs and, apart, what is held; `date_from`/`date_to` are their last update."""
        by, zone = _by(call, *By), _zone(call)
        report = reports.Revenue(by)
        first, end = call.moment("date_from"), call.moment("date_to")
        for one in party.asked(call, self._parties):
            books = self._store.party(one)
            async for cdrs in _cdrs(books, first, end):
                origins: list[tuple[str, str] | None] = [None] * len(cdrs)
                if By.CHARGE_POINT in by:
                    ids = [cdr.get("session_id") or "" for cdr in cdrs]
                    origins = await asyncio.gather(*map(books.transactions.of_session, ids))
                for cdr, origin in zip(cdrs, origins, strict=True):
                    report.add(_billed(cdr, origin, zone))
            async for transactions, sessions in _with_sessions(books, books.transactions.held):
                for transaction, session in zip(transactions, sessions, strict=True):
                    # without a place there is no Session
                    last = from_text(session["last_updated"]) if session else transaction.latest_at
                    if _within(last, first, end):
                        report.hold(_held(transaction, session, zone))
        return _answer(call, report.columns, report.rows())

    async def faults(self, call: Call) -> Answer:
        """Connectors that report a fault now."""
        report = reports.Faults(_by(call, By.CHARGE_POINT, By.LOCATION, By.DAY))
        zone, first, end = _zone(call), call.moment("date_from"), call.moment("date_to")
        for one in party.asked(call, self._parties):
            places = await self._places(one)
            for record in await self._store.charge_points.all():
                if record.party == one:
                    described = await self._charge_points.describe(record.identity)
                    for fault in _faults(described or {}, places, zone):
                        if _within(from_text(fault.since), first, end):
                            report.add(fault)
        return _answer(call, report.columns, report.rows())

    def _charged(
        self, transaction: Transaction, session: Document | None, zone: ZoneInfo
    ) -> Charged:
        end = transaction.stopped_at or self._now()
        span = max(end - transaction.started_at, end - end)
        keys = _keys(transaction, session, _day(transaction.started_at, zone))
        kwh = transaction.energy.delivered_wh / _WH_PER_KWH
        return Charged(keys, kwh, Decimal(int(span.total_seconds())), transaction.is_open)

    async def _places(self, owner: Party) -> dict[tuple[str, int], str]:
        """The location of each EVSE of each charge point."""
        return {
            (evse["charge_point"]["identity"], int(evse["charge_point"]["evse_id"])): location["id"]
            for location in await self._locations.operator_list(owner)
            for evse in location.get("evses", ())
            if "charge_point" in evse
        }

    def routes(self) -> list[Route]:
        """The calls."""
        by = Query("by", "charge_point, location, partner, day, or several: day,location")
        zone = Query("time_zone", "whose days: an IANA name; default: UTC")
        shape = Query("format", "json (default) or csv")
        options = (by, zone, shape, *DATES, PARTY)
        return [
            Route(
                "GET",
                "/reports/usage",
                "Transactions, energy and hours",
                self.usage,
                query=options,
                timeout=_SECONDS,
            ),
            Route(
                "GET",
                "/reports/faults",
                "Connectors that report a fault now; not by partner",
                self.faults,
                query=options,
                timeout=_SECONDS,
            ),
            Route(
                "GET",
                "/reports/revenue",
                "CDRs, energy and money, per currency; what is held apart",
                self.revenue,
                query=options,
                timeout=_SECONDS,
            ),
        ]


def _by(call: Call, *allowed: By) -> list[By]:
    words = call.query.get("by", By.DAY.value).split(",")
    known = {by.value: by for by in allowed}
    if not known.keys() >= set(words):
        raise BadRequest(f"by is none of {', '.join(known)}, nor several of them")
    return [known[word] for word in dict.fromkeys(words)]


def _zone(call: Call) -> ZoneInfo:
    name = call.query.get("time_zone", "UTC")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise BadRequest("time_zone is no name of the IANA time zone database") from None


def _answer(call: Call, columns: list[str], rows: list[reports.Row]) -> Answer:
    wanted = call.query.get("format") or ("csv" if call.accept.startswith("text/csv") else "json")
    if wanted not in ("json", "csv"):
        raise BadRequest("format is neither json nor csv")
    if wanted == "json":
        return Answer(rows)
    headers = {"Content-Disposition": 'attachment; filename="report.csv"'}
    return Answer(reports.to_csv(rows, columns), headers=headers, content_type="text/csv")


def _keys(transaction: Transaction, session: Document | None, day: str) -> reports.Keys:
    holder = transaction.holder
    return {
        By.CHARGE_POINT: transaction.identity,
        By.LOCATION: session["location_id"] if session else None,
        By.PARTNER: f"{holder.country_code}*{holder.party_id}" if holder else None,
        By.DAY: day,
    }


def _billed(cdr: Document, origin: tuple[str, str] | None, zone: ZoneInfo) -> Billed:
    token, cost = cdr["cdr_token"], cdr["total_cost"]
    keys = {
        By.CHARGE_POINT: origin[0] if origin else None,
        By.LOCATION: cdr["cdr_location"]["id"],
        By.PARTNER: f"{token['country_code']}*{token['party_id']}",
        By.DAY: _day(from_text(cdr["end_date_time"]), zone),
    }
    taxes = sum((Decimal(tax["amount"]) for tax in cost.get("taxes") or ()), Decimal(0))
    return Billed(
        keys,
        cdr["currency"],
        Decimal(cdr["total_energy"]),
        Decimal(cost["before_taxes"]),
        taxes,
        bool(cdr.get("credit")),
    )


def _held(transaction: Transaction, session: Document | None, zone: ZoneInfo) -> Held:
    keys = _keys(transaction, session, _day(transaction.latest_at, zone))
    currency = session["currency"] if session else ""
    return Held(keys, currency, transaction.energy.delivered_wh / _WH_PER_KWH)


def _faults(described: Document, places: dict[tuple[str, int], str], zone: ZoneInfo) -> list[Fault]:
    found = []
    for one in described.get("connectors", ()):
        if one["state"] != "Faulted":
            continue
        identity, evse_id = described["identity"], one["evse_id"]
        since = from_text(one["at"])
        keys = {
            By.CHARGE_POINT: identity,
            By.LOCATION: places.get((identity, evse_id)),
            By.DAY: _day(since, zone),
        }
        found.append(
            Fault(
                keys,
                identity,
                evse_id,
                one["connector_id"],
                one.get("error_code"),
                one.get("info"),
                to_text(since),
            )
        )
    return found


def _day(moment: datetime, zone: ZoneInfo) -> str:
    """The day that it is there."""
    return moment.astimezone(zone).date().isoformat()


def _within(moment: datetime, first: datetime | None, end: datetime | None) -> bool:
    return (first is None or first <= moment) and (end is None or moment < end)


async def _with_sessions(
    books: PartyStore, read: Callable[..., Coroutine[Any, Any, tuple[list[Document], int]]]
) -> AsyncIterator[tuple[list[Transaction], list[Document | None]]]:
    """A list of transactions in pieces, each with the sessions of its own."""
    offset, total = 0, 1
    while offset < total:
        documents, total = await read(offset=offset, limit=_PIECE)
        transactions = [msgspec.convert(document, Transaction) for document in documents]
        ids = [transaction.session_id for transaction in transactions]
        yield transactions, await books.sessions.get_many(ids)
        offset += _PIECE


async def _cdrs(
    books: PartyStore, first: datetime | None, end: datetime | None
) -> AsyncIterator[list[Document]]:
    offset, total = 0, 1
    while offset < total:
        page = await books.cdrs.page(PageQuery(offset, _PIECE, first, end))
        total = page.total
        yield page.items
        offset += _PIECE
