"""OCPP transactions, of one charge point and of all."""

from collections.abc import AsyncIterator
from typing import Any

from gateway.admin.calls import PAGING, PARTY, Answer, Call, Query, Route, Window, listed
from gateway.admin.errors import NoAnswer, NotFound
from gateway.admin.lists import DEFAULT_LIMIT, Keep, taken
from gateway.admin.resources import party
from gateway.admin.services import Services
from gateway.domain.timestamps import from_text, to_text
from gateway.domain.transactions import TransactionState, UnknownTransaction
from gateway.services.ports import CallTimeout, UnknownChargePoint
from gateway.services.transaction_log import readings_of
from gateway.store import Transactions

_PIECE = 500
Document = dict[str, Any]


class TransactionCalls:
    """`/transactions` and `/charge-points/{identity}/transactions`."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._charge_points = services.charge_points
        self._parties = services.parties
        self._stale = services.stale

    async def of_charge_point(self, call: Call) -> Answer:
        """One charge point's, newest first."""
        identity = call.path["identity"]
        transactions = await self._transactions(identity)
        window, token = call.window(DEFAULT_LIMIT), call.query.get("token")
        only_open = call.flag("open")
        found = _of_station(transactions, identity, open_only=only_open is True)
        shown = await taken(found, window, _keeps(token, only_open))
        return Answer([shown_transaction(one) for one in shown])

    async def one(self, call: Call) -> Answer:
        """One transaction, with its raw meter values."""
        identity, id_ = call.path["identity"], call.path["id"]
        transactions = await self._transactions(identity)
        found = await transactions.get(identity, id_)
        if found is None:
            raise NotFound("The charge point has no such transaction")
        kept = await transactions.readings(identity, id_)
        readings = [reading for one in kept for reading in readings_of(one)]
        return Answer(shown_transaction(found) | {"readings": readings})

    async def close(self, call: Call) -> Answer:
        """End a stale one at its last meter reading."""
        identity = call.path["identity"]
        await self._transactions(identity)
        try:
            closed = await self._stale.close(identity, call.path["id"])
        except (UnknownTransaction, UnknownChargePoint):
            raise NotFound("The charge point has no such transaction") from None
        except CallTimeout:
            raise NoAnswer("The node that holds the charge point did not answer in time") from None
        return Answer(shown_transaction(closed))

    async def all(self, call: Call) -> Answer:
        """Everybody's, party by party, newest first."""
        window, token = call.window(DEFAULT_LIMIT), call.query.get("token")
        only_open, identity = call.flag("open"), call.query.get("charge_point")
        books = [self._store.party(one).transactions for one in party.asked(call, self._parties)]
        if (token, only_open, identity) == (None, None, None) and len(books) == 1:
            limit = window.limit if window.limit is not None else DEFAULT_LIMIT
            items, total = await books[0].page(offset=window.offset, limit=limit)
            return listed([shown_transaction(one) for one in items], total)
        keep = _keeps(token, only_open, identity)
        shown = await taken(_of_parties(books), _bounded(window), keep)
        return Answer([shown_transaction(one) for one in shown])

    async def _transactions(self, identity: str) -> Transactions:
        record = await self._charge_points.registered(identity)
        return self._store.party(record.party).transactions

    def routes(self) -> list[Route]:
        """The calls."""
        base = "/charge-points/{identity}/transactions"
        filters = (
            Query("open", "true: those that run; false: those that ended", "boolean"),
            Query("token", "only those of this token uid"),
        )
        unknown = {404: "unknown charge point or transaction"}
        return [
            Route(
                "GET",
                base,
                "A charge point's transactions, newest first",
                self.of_charge_point,
                query=(*filters, *PAGING),
                answers={200: "the transactions", **unknown},
            ),
            Route(
                "GET",
                base + "/{id}",
                "One transaction with its raw meter values",
                self.one,
                answers={200: "the transaction", **unknown},
            ),
            Route(
                "POST",
                base + "/{id}/close",
                "End a stale transaction by hand, at its last meter reading",
                self.close,
                answers={200: "the transaction, ended", **unknown, 504: "its node did not answer"},
            ),
            Route(
                "GET",
                "/transactions",
                "All transactions, newest first",
                self.all,
                query=(*filters, Query("charge_point", "only this one's"), PARTY, *PAGING),
            ),
        ]


def shown_transaction(document: Document) -> Document:
    """A stored transaction as operators see it: energies in Wh, times in UTC."""
    token, holder = document.get("token"), document.get("holder")
    return {
        "charge_point": document["identity"],
        "id": document["id"],
        "evse_id": document["evse_id"],
        "connector_id": _connector(document),
        "token": None if token is None else {"uid": token["uid"], "type": token["type"]},
        "started_at": _time(document["started_at"]),
        "stopped_at": _time(document.get("stopped_at")),
        "meter_start_wh": document.get("meter_start_wh"),
        "meter_stop_wh": document.get("meter_stop_wh"),
        "stop_reason": document.get("stop_reason"),
        "state": document["state"],
        "charging_state": document.get("charging_state"),
        "authorization": document.get("authorization"),
        "partner_id": holder["partner_id"] if holder else None,
        "session_id": document["session_id"],
        "cdr_id": document["cdr_id"] if document.get("billed") else None,
        "flags": document.get("flags") or [],
        "waits_until": _time(document.get("due_at")),
        "decisions": document.get("decisions") or [],
    }


def _connector(document: Document) -> int | None:
    """The EVSE's connector. In 1.6, which has no event numbers, an EVSE is one connector."""
    one_six = document.get("sequence") is None
    return document.get("connector_id") or (1 if one_six else None)


def _time(text: str | None) -> str | None:
    return None if text is None else to_text(from_text(text))


def _bounded(window: Window) -> Window:
    return window if window.limit is not None else Window(window.offset, DEFAULT_LIMIT)


def _keeps(token: str | None, only_open: bool | None, identity: str | None = None) -> Keep:
    def keep(document: Document) -> bool:
        seen = document.get("token")
        if token is not None and (seen is None or seen["uid"].casefold() != token.casefold()):
            return False
        if identity is not None and document["identity"] != identity:
            return False
        return only_open is None or (document["state"] == TransactionState.ACTIVE) is only_open

    return keep


async def _of_station(
    transactions: Transactions, identity: str, *, open_only: bool
) -> AsyncIterator[Document]:
    offset = 0
    while True:
        found = await transactions.list(identity, open_only=open_only, limit=_PIECE, offset=offset)
        for document in found:
            yield document
        if len(found) < _PIECE:
            return
        offset += _PIECE


async def _of_parties(books: list[Transactions]) -> AsyncIterator[Document]:
    for transactions in books:
        offset = 0
        while True:
            found, total = await transactions.page(offset=offset, limit=_PIECE)
            for document in found:
                yield document
            offset += _PIECE
            if offset >= total:
                break
