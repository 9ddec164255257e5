"""Reports over the real books, as JSON or CSV."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from gateway.admin import reports
from gateway.admin.calls import DATES, PARTY, Answer, Call, Query, Route
from gateway.admin.errors import BadRequest
from gateway.admin.reports import Billed, By, Charged, Fault
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
        by, first, end = _by(call, *By), call.moment("date_from"), call.moment("date_to")
        found: list[Charged] = []
        for one in party.asked(call, self._parties):
            books = self._store.party(one)
            async for documents in _transactions(books):
                transactions = [msgspec.convert(document, Transaction) for document in documents]
                wanted = [one for one in transactions if _within(one.started_at, first, end)]
                sessions = await books.sessions.get_many([one.session_id for one in wanted])
                found += map(self._charged, wanted, sessions)
        return _answer(call, reports.usage(found, by))

    async def revenue(self, call: Call) -> Answer:
        """From CDRs; `date_from`/`date_to` are their last update."""
        by = _by(call, *By)
        query = PageQuery(date_from=call.moment("date_from"), date_to=call.moment("date_to"))
        found: list[Billed] = []
        for one in party.asked(call, self._parties):
            books = self._store.party(one)
            async for cdrs in _cdrs(books, query):
                origins: list[tuple[str, str] | None] = [None] * len(cdrs)
                if by is By.CHARGE_POINT:
                    ids = [cdr.get("session_id") or "" for cdr in cdrs]
                    origins = await asyncio.gather(*map(books.transactions.of_session, ids))
                found += map(_billed, cdrs, origins)
        return _answer(call, reports.revenue(found, by))

    async def faults(self, call: Call) -> Answer:
        """Connectors that report a fault now."""
        by = _by(call, By.CHARGE_POINT, By.LOCATION, By.DAY)
        first, end = call.moment("date_from"), call.moment("date_to")
        found: list[Fault] = []
        for one in party.asked(call, self._parties):
            places = await self._places(one)
            for record in await self._store.charge_points.all():
                if record.party == one:
                    described = await self._charge_points.describe(record.identity)
                    found += _faults(described or {}, places)
        wanted = [one for one in found if _within(from_text(one.since), first, end)]
        return _answer(call, reports.faults(wanted, by))

    def _charged(self, transaction: Transaction, session: Document | None) -> Charged:
        end = transaction.stopped_at or self._now()
        span = max(end - transaction.started_at, end - end)
        holder = transaction.holder
        keys = {
            By.CHARGE_POINT: transaction.identity,
            By.LOCATION: session["location_id"] if session else None,
            By.PARTNER: f"{holder.country_code}*{holder.party_id}" if holder else None,
            By.DAY: to_text(transaction.started_at)[:10],
        }
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
        shape = Query("format", "json (default) or csv")
        by = Query("by", "charge_point, location, partner or day (UTC); default: day")
        options = (by, shape, *DATES, PARTY)
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
                "CDRs, energy and money, per currency",
                self.revenue,
                query=options,
                timeout=_SECONDS,
            ),
        ]


def _by(call: Call, *allowed: By) -> By:
    text = call.query.get("by", By.DAY.value)
    found = next((by for by in allowed if by.value == text), None)
    if found is None:
        raise BadRequest(f"by is none of {', '.join(by.value for by in allowed)}")
    return found


def _answer(call: Call, rows: list[reports.Row]) -> Answer:
    wanted = call.query.get("format") or ("csv" if call.accept.startswith("text/csv") else "json")
    if wanted not in ("json", "csv"):
        raise BadRequest("format is neither json nor csv")
    if wanted == "json":
        return Answer(rows)
    headers = {"Content-Disposition": 'attachment; filename="report.csv"'}
    return Answer(reports.to_csv(rows), headers=headers, content_type="text/csv")


def _billed(cdr: Document, origin: tuple[str, str] | None) -> Billed:
    token, cost = cdr["cdr_token"], cdr["total_cost"]
    keys = {
        By.CHARGE_POINT: origin[0] if origin else None,
        By.LOCATION: cdr["cdr_location"]["id"],
        By.PARTNER: f"{token['country_code']}*{token['party_id']}",
        By.DAY: cdr["end_date_time"][:10],
    }
    taxes = sum((Decimal(tax["amount"]) for tax in cost.get("taxes") or ()), Decimal(0))
    return Billed(
        keys,
        cdr["currency"],
        Decimal(cdr["total_energy"]),
        Decimal(cost["before_taxes"]),
        taxes,
    )


def _faults(described: Document, places: dict[tuple[str, int], str]) -> list[Fault]:
    found = []
    for one in described.get("connectors", ()):
        if one["state"] != "Faulted":
            continue
        identity, evse_id = described["identity"], one["evse_id"]
        since = to_text(from_text(one["at"]))
        keys = {
            By.CHARGE_POINT: identity,
            By.LOCATION: places.get((identity, evse_id)),
            By.DAY: since[:10],
        }
        found.append(
            Fault(
                keys,
                identity,
                evse_id,
                one["connector_id"],
                one.get("error_code"),
                one.get("info"),
                since,
            )
        )
    return found


def _within(moment: datetime, first: datetime | None, end: datetime | None) -> bool:
    return (first is None or first <= moment) and (end is None or moment < end)


async def _transactions(books: PartyStore) -> AsyncIterator[list[Document]]:
    offset = 0
    while True:
        documents, total = await books.transactions.page(offset=offset, limit=_PIECE)
        yield documents
        offset += _PIECE
        if offset >= total:
            return


async def _cdrs(books: PartyStore, query: PageQuery) -> AsyncIterator[list[Document]]:
    offset = 0
    while True:
        piece = PageQuery(offset, _PIECE, query.date_from, query.date_to)
        page = await books.cdrs.page(piece)
        yield page.items
        offset += _PIECE
        if offset >= page.total:
            return
