"""Which events of running transactions were heard, so that a repetition reads no log.

A log is read once for a connection, when the first repetition may have come; after that what is
kept is added here too. What is left of an event is its digest and the decision about its token.
"""

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from gateway.domain.events import TransactionReported
from gateway.domain.tokens import Authorization
from gateway.domain.transactions import Transaction
from gateway.services.stations.station_state import StationState
from gateway.services.transaction_log import Entry, Told, digest, unhurried
from gateway.store import Fence

MOST = 200_000  # digests, over all transactions of this node

_Heard = dict[bytes, Authorization | None]


class HeardEvents:
    """The transactions asked for last; `read` brings a transaction's log."""

    def __init__(self, read: Callable[[StationState, str], Awaitable[list[Entry]]]) -> None:
        self._read = read
        self._known: OrderedDict[tuple[Fence, str], _Heard] = OrderedDict()
        self._size = 0

    async def told(
        self, state: StationState, transaction: Transaction, event: TransactionReported
    ) -> Told | None:
        """The same event as it was decided then, if it was heard before."""
        key = (state.fence, transaction.session_id)
        heard = self._known.get(key)
        if heard is None:
            log = await self._read(state, transaction.id)
            heard = {
                digest(one.event): one.authorization
                async for one in unhurried(log)
                if isinstance(one, Told)
            }
            self._known[key] = heard
            self._size += len(heard)
            self._shrink()
        else:
            self._known.move_to_end(key)
        mark = digest(event)
        return Told(event, heard[mark]) if mark in heard else None

    def note(self, state: StationState, transaction: Transaction, told: Told) -> None:
        """An event was kept."""
        heard = self._known.get((state.fence, transaction.session_id))
        if heard is None:
            return
        before = len(heard)
        heard[digest(told.event)] = told.authorization
        self._size += len(heard) - before
        self._shrink()

    def _shrink(self) -> None:
        while self._size > MOST:
            _, heard = self._known.popitem(last=False)
            self._size -= len(heard)
