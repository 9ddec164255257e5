"""Transaction messages on their way to the CSMS, in order, until each was answered.

OCPP 1.6 §3.7 (and 2.0.1 likewise): transaction-related messages are queued while offline and
delivered in chronological order; one that gets no answer is sent again with the same payload.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.charge_point.ledger import Transaction

QUEUED_MESSAGES = 10_000


@dataclass(eq=False)
class TransactionMessage:
    """One queued CALL.

    `fields` is asked at each sending, because a 1.6 message learns its transaction id from the
    answer to the StartTransaction before it; once that is known it always gives the same.
    """

    action: str
    transaction: Transaction
    fields: Callable[[], dict[str, Any]]
    answered: Callable[[dict[str, Any]], None]
    given_up: Callable[[], None]
    sample: bool = False
    refusals: int = 0


class Outbox:
    def __init__(self, room: int = QUEUED_MESSAGES) -> None:
        self._room = room
        self._messages: deque[TransactionMessage] = deque()
        self._filled = asyncio.Event()

    def put(self, message: TransactionMessage) -> None:
        """Queues a message; a full queue loses its oldest sample, never a start or a stop."""
        if len(self._messages) >= self._room:
            self._make_room()
        self._messages.append(message)
        self._filled.set()

    async def head(self) -> TransactionMessage:
        while not self._messages:
            self._filled.clear()
            await self._filled.wait()
        return self._messages[0]

    def remove(self, message: TransactionMessage) -> None:
        self._messages.remove(message)

    def concerns(self, transaction: Transaction) -> bool:
        """Whether something about this transaction is still to be told."""
        return any(message.transaction is transaction for message in self._messages)

    def __len__(self) -> int:
        return len(self._messages)

    def _make_room(self) -> None:
        # The head may be on the wire right now: leave it.
        for message in list(self._messages)[1:]:
            if message.sample:
                self._messages.remove(message)
                return
