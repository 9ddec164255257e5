"""Puts on the list of held CDRs what is held and is not on it: what an earlier release has held.

It had no list. A node that begins to look after what waits goes once through the transactions of
each party, the newest first and so slowly that nobody notices; also where nodes of both releases
work side by side, the next one finds what the older has held meanwhile.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import structlog

from gateway.domain.party import Party
from gateway.domain.transactions import Transaction
from gateway.store import Conflict, Store

log = structlog.get_logger(__name__)

_PIECE = 500


class HeldList:
    """Completes the lists, piece by piece."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[Party, int] = {}
        self._whole: set[Party] = set()

    async def complete(self, party: Party) -> int:
        """Look at some more transactions of a party; returns how many were put on its list."""
        if party in self._whole:
            return 0
        # what begins meanwhile moves the others on: some are looked at twice, none is missed
        offset = self._read.get(party, 0)
        transactions = self._store.party(party).transactions
        documents, total = await transactions.page(offset=offset, limit=_PIECE)
        held = _held(documents)
        listed = await transactions.are_held([(one.identity, one.id) for one in held])
        missing = [one for one, is_there in zip(held, listed, strict=True) if not is_there]
        for one in missing:
            await self._list(party, one)
        self._read[party] = offset + _PIECE
        if offset + _PIECE >= total:
            self._whole.add(party)
        return len(missing)

    async def _list(self, party: Party, transaction: Transaction) -> None:
        books = self._store.party(party)
        document = await books.transactions.get(transaction.identity, transaction.id)
        if document is None or not _held([document]):
            return
        change = books.change()
        books.transactions.hold_as(change, document, transaction.latest_at)
        try:
            await self._store.commit(change)
        except Conflict:
            return  # decided or told again just now: who did that has seen to the list
        log.info(
            "held before there was a list",
            charge_point=transaction.identity,
            session=transaction.session_id,
        )


def _held(documents: Sequence[dict[str, Any]]) -> list[Transaction]:
    """Those that are held. One that nobody can read hides no other."""
    found = []
    for document in documents:
        if document.get("billed"):
            continue
        try:
            transaction = msgspec.convert(document, Transaction)
        except msgspec.ValidationError as error:
            log.error("transaction cannot be read", id=document.get("id"), error=str(error))
            continue
        if transaction.is_held:
            found.append(transaction)
    return found
