"""Our CALLs to one station: one is outstanding at a time (4.1.1), the others wait in turn."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

from prometheus_client import Counter

from gateway.ocpp import codec
from gateway.ocpp.dialect import Payload
from gateway.services.ports import CallTimeout, NotConnected

CALLS_SENT = Counter("gateway_ocpp_calls_sent", "Calls to charge points", ["outcome"])


class OutgoingCalls:
    """Of one connection: an answer is matched by its id on the socket that the CALL went out on.

    `send` sends a frame and says whether it could; `most` calls may wait for their answers.
    """

    __slots__ = ("_most", "_pending", "_pending_id", "_send", "_turn", "_waiting")

    def __init__(self, send: Callable[[bytes], bool], most: int) -> None:
        self._send = send
        self._most = most
        self._turn: asyncio.Lock | None = None
        self._waiting = 0
        self._pending_id: str | None = None
        self._pending: asyncio.Future[codec.Answer | codec.Refusal] | None = None

    async def call(
        self, action: str, payload: Payload, timeout: float
    ) -> codec.Answer | codec.Refusal:
        """Send a CALL and await its answer; the time spent waiting for its turn counts.

        Raises `NotConnected` when nothing was sent, `CallTimeout` when no answer came.
        """
        if self._waiting >= self._most:
            raise CallTimeout("too many calls are waiting for this charge point")
        if self._turn is None:
            self._turn = asyncio.Lock()
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout), self._turn:
                return await self._exchange(action, payload)
        except TimeoutError as error:
            CALLS_SENT.labels("timeout").inc()
            if isinstance(error, CallTimeout):
                raise
            raise CallTimeout(f"no answer within {timeout:g} s") from None
        finally:
            self._waiting -= 1

    async def _exchange(self, action: str, payload: Payload) -> codec.Answer | codec.Refusal:
        message_id = str(uuid4())
        self._pending = asyncio.get_running_loop().create_future()
        self._pending_id = message_id
        try:
            if not self._send(codec.write_call(message_id, action, payload)):
                raise NotConnected("the charge point is not connected")
            answer = await self._pending
            CALLS_SENT.labels("error" if isinstance(answer, codec.Refusal) else "result").inc()
            return answer
        finally:
            # A late answer is an answer to nothing.
            self._pending = self._pending_id = None

    def awaits(self, message_id: str | int | None) -> bool:
        """Whether this is the id of the call that is outstanding."""
        return message_id is not None and message_id == self._pending_id

    def settle(self, answer: codec.Answer | codec.Refusal) -> bool:
        """Hand an answer to whoever waits for it; False when nobody does."""
        if not self.awaits(answer.message_id) or self._pending is None:
            return False
        if not self._pending.done():
            self._pending.set_result(answer)
        self._pending_id = None
        return True

    def lost(self) -> None:
        """The connection is gone: no answer will come."""
        if self._pending is not None and not self._pending.done():
            self._pending.set_exception(CallTimeout("the connection was lost before the answer"))
