"""The link to one charge point: its frames in, our answers and calls out.

The reader is a callback and never waits: answers to our calls are matched at once, calls queue in
a bounded inbox for the connection's one worker, which handles them one after the other in order.
A full inbox or a spent rate limit stops the reading, so the flood stays in the station's TCP
stack and nothing is lost. One CALL of ours is outstanding at a time (OCPP-J 4.1.1).

What is answered has been handled; what could not be made durable gets no answer at all: the
socket is closed, and the station keeps its message and tries again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog
from prometheus_client import Counter
from websockets.frames import CloseCode

from gateway.ocpp import codec
from gateway.ocpp.dialect import Dialect, Handler, Payload, Refused
from gateway.ocpp.frames import RECEIVED, SENT, FrameRecord
from gateway.ocpp.limits import TokenBucket
from gateway.ocpp.mending import mend
from gateway.ocpp.schemas import MessageSchema
from gateway.ocpp.socket import ChargePointSocket
from gateway.services.ports import CallTimeout, NotConnected
from gateway.services.station_state import StationState
from gateway.store import Fenced, StoreError

log = structlog.get_logger(__name__)

MESSAGES = Counter(
    "gateway_ocpp_calls", "Calls of charge points, by what became of them", ["outcome"]
)
DROPPED = Counter("gateway_ocpp_dropped_frames", "Frames that could not be answered", ["reason"])
CALLS_SENT = Counter("gateway_ocpp_calls_sent", "Calls to charge points", ["outcome"])

_ANSWERED = MESSAGES.labels("answered")
_REFUSED = MESSAGES.labels("refused")
_FAILED = MESSAGES.labels("failed")
_UNANSWERED = MESSAGES.labels("unanswered")


@dataclass(frozen=True, slots=True)
class LinkLimits:
    """Bounds of one link; rates are per second, times in seconds."""

    frame_rate: float = 100
    frame_burst: float = 500
    inbox: int = 64
    outbox: int = 32
    handling: float = 30
    nonsense_rate: float = 1
    nonsense_burst: float = 100


class Link:
    """One charge point's connection, from the upgrade to the last handler's end."""

    __slots__ = (
        "_allowance",
        "_busy_since",
        "_closing",
        "_dialect",
        "_frames",
        "_inbox",
        "_limits",
        "_mended",
        "_nonsense",
        "_overdue",
        "_pending",
        "_pending_id",
        "_resume_at",
        "_routes",
        "_seen",
        "_socket",
        "_state",
        "_triggered",
        "_turn",
        "_waiting",
        "_wake",
        "_worker",
        "identity",
    )

    def __init__(
        self,
        socket: ChargePointSocket,
        identity: str,
        dialect: Dialect,
        routes: Mapping[str, Handler],
        frames: FrameRecord,
        limits: LinkLimits,
    ) -> None:
        self.identity = identity
        self._socket = socket
        self._dialect = dialect
        self._routes = routes
        self._frames = frames
        self._limits = limits
        self._inbox: deque[codec.Call] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._closing = False
        self._worker: asyncio.Task[Any] | None = None
        self._busy_since: float | None = None
        self._overdue = False
        self._state: StationState | None = None
        self._seen: Callable[[StationState], None] | None = None
        self._turn: asyncio.Lock | None = None
        self._waiting = 0
        self._pending_id: str | None = None
        self._pending: asyncio.Future[codec.Answer | codec.Refusal] | None = None
        self._triggered: frozenset[str] = frozenset()
        self._mended: frozenset[str] = frozenset()
        self._nonsense: TokenBucket | None = None
        self._resume_at = 0.0
        self._allowance = TokenBucket(limits.frame_rate, limits.frame_burst, socket.heard)

    @property
    def dialect(self) -> Dialect:
        """The version that was agreed on."""
        return self._dialect

    def messages(self) -> list[dict[str, Any]]:
        """The last frames, both ways, secrets masked."""
        return self._frames.show()

    # --- reading: never waits ---------------------------------------------------------------

    def received(self, data: bytes, is_text: bool) -> None:
        """Take one message from the socket."""
        debt = self._allowance.spend(self._socket.heard)
        if debt:
            self._slow_down(debt)
        self._frames.add(RECEIVED, data)
        if self._state is not None and self._seen is not None:
            self._seen(self._state)
        if not is_text:
            # OCPP-J is text: "valid JSON encoded with UTF-8" (4.1.2).
            self._reject(codec.Malformed(codec.Fault.FRAME, "a binary frame"))
            return
        message = codec.read(data)
        if type(message) is codec.Call:
            self._queue(message)
        elif isinstance(message, codec.Malformed):
            self._reject(message)
        elif isinstance(message, (codec.Answer, codec.Refusal)):
            self._match(message)

    def lost(self) -> None:
        """The socket is gone: nobody waits for an answer any more, what was received is handled."""
        if self._pending is not None and not self._pending.done():
            self._pending.set_exception(CallTimeout("the connection was lost before the answer"))
        self._stop()

    def _slow_down(self, seconds: float) -> None:
        """Stop reading until the debt is paid; one read may bring many frames that add to it."""
        loop = self._socket.loop
        is_held, self._resume_at = self._resume_at > 0, loop.time() + seconds
        if not is_held:
            self._socket.hold("rate")
            loop.call_later(seconds, self._resume)

    def _resume(self) -> None:
        loop = self._socket.loop
        if loop.time() < self._resume_at:
            loop.call_at(self._resume_at, self._resume)
            return
        self._resume_at = 0.0
        self._socket.release("rate")

    def _queue(self, call: codec.Call) -> None:
        if self._closing:
            _UNANSWERED.inc()
            return
        self._inbox.append(call)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        if len(self._inbox) >= self._limits.inbox:
            self._socket.hold("inbox")

    def _reject(self, malformed: codec.Malformed) -> None:
        log.info(
            "malformed frame",
            charge_point=self.identity,
            fault=malformed.fault.value,
            reason=malformed.reason[:200],
        )
        refusal = self._dialect.refusal_of(malformed)
        if refusal is None:
            DROPPED.labels(malformed.fault.value).inc()
        else:
            self._send(refusal)
        self._count_nonsense()

    def _match(self, answer: codec.Answer | codec.Refusal) -> None:
        if answer.message_id == self._pending_id and self._pending is not None:
            if not self._pending.done():
                self._pending.set_result(answer)
            self._pending_id = None
            return
        DROPPED.labels("answer to nothing").inc()
        self._count_nonsense()

    def _count_nonsense(self) -> None:
        now = self._socket.heard
        if self._nonsense is None:
            limits = self._limits
            self._nonsense = TokenBucket(limits.nonsense_rate, limits.nonsense_burst, now)
        if self._nonsense.spend(now):
            log.warning("too many frames that mean nothing", charge_point=self.identity)
            self.close(CloseCode.POLICY_VIOLATION, "too many frames that mean nothing")

    # --- handling: one call after the other --------------------------------------------------

    async def run(self, state: StationState, seen: Callable[[StationState], None]) -> None:
        """Handle calls until the socket is gone or the link is closed.

        A call that was received is handled even if the socket has gone meanwhile: stations
        send StopTransaction milliseconds before they close.
        """
        self._state, self._seen = state, seen
        self._worker = asyncio.current_task()
        while True:
            while self._inbox:
                await self._work(state, self._inbox.popleft())
            if self._closing:
                return
            self._wake = self._socket.loop.create_future()
            await self._wake
            self._wake = None

    async def _work(self, state: StationState, call: codec.Call) -> None:
        backlog = len(self._inbox)
        if backlog <= self._limits.inbox // 2:
            self._socket.release("inbox")
        self._busy_since = self._socket.loop.time()
        answer = await self._handled(state, call)
        self._busy_since = None
        if answer is not None:
            self._send(answer)
        if backlog:
            await asyncio.sleep(0)  # a handler that had nothing to wait for must not starve others

    def check(self, now: float) -> None:
        """Stop a handler that takes too long; called now and then for every link.

        One sweep instead of a timeout per message, which would cost more than the decoding.
        """
        since, limit = self._busy_since, self._limits.handling
        if since is None or self._worker is None or self._overdue:
            return
        if now - since > limit:
            self._overdue = True
            self._worker.cancel()

    async def _handled(self, state: StationState, call: codec.Call) -> bytes | None:
        """The frame that answers a call; None when it must not be answered."""
        refusal = self._refusal(state, call)
        if refusal is not None:
            _REFUSED.inc()
            return refusal
        try:
            payload = await self._routes[call.action](state, call.payload)
        except Refused as refused:
            _REFUSED.inc()
            code = self._dialect.codes[refused.rule]
            return codec.write_refusal(call.message_id, code, str(refused))
        except Fenced:
            self._give_up(CloseCode.NORMAL_CLOSURE, "superseded")
        except (StoreError, TimeoutError) as error:
            log.error("not durable, not answered", charge_point=self.identity, reason=repr(error))
            self._give_up(CloseCode.INTERNAL_ERROR, "try again later")
        except asyncio.CancelledError:
            if not self._overdue or self._worker is None or self._worker.uncancel():
                raise
            self._overdue = False
            log.error("handler took too long", charge_point=self.identity, action=call.action)
            self._give_up(CloseCode.INTERNAL_ERROR, "try again later")
        except Exception:
            log.exception("handler failed", charge_point=self.identity, action=call.action)
            _FAILED.inc()
            return codec.write_refusal(call.message_id, "InternalError", "")
        else:
            _ANSWERED.inc()
            return codec.write_answer(call.message_id, payload)
        _UNANSWERED.inc()
        return None

    def _refusal(self, state: StationState, call: codec.Call) -> bytes | None:
        """The CALLERROR for a call that no handler is to see, None for one that is good."""
        schema = self._dialect.schemas.request(call.action)
        if schema is None:
            return codec.write_refusal(call.message_id, "NotImplemented", f"no {call.action[:50]}")
        if call.action not in self._routes:
            reason = f"{call.action} is not for charge points to send"
            return codec.write_refusal(call.message_id, "NotSupported", reason)
        if not state.boot_accepted and not self._allowed_early(call.action):
            # J 1.6 errata 3.8, OCPP 2.0.1 B02.FR.09 and B03.FR.07
            reason = "BootNotification has not been accepted"
            return codec.write_refusal(call.message_id, "SecurityError", reason)
        if schema.valid(call.payload):
            return None
        return self._unmended(state, schema, call)

    def _allowed_early(self, action: str) -> bool:
        return action == "BootNotification" or action in self._triggered

    def _unmended(
        self, state: StationState, schema: MessageSchema, call: codec.Call
    ) -> bytes | None:
        expendable = self._dialect.expendable.get(call.action)
        violations = mend(schema, call.payload, state.record.quirks, expendable)
        if not violations:
            self._report_mended(call.action)
            return None
        reasons = "; ".join(map(str, violations))
        log.info(
            "call breaks its schema",
            charge_point=self.identity,
            action=call.action,
            reasons=reasons[:500],
        )
        code = self._dialect.codes[violations[0].rule]
        return codec.write_refusal(call.message_id, code, reasons)

    def _report_mended(self, action: str) -> None:
        """Once for each action: a station that deviates does so in every message."""
        if action not in self._mended:
            self._mended |= {action}
            log.info("call had to be mended", charge_point=self.identity, action=action)

    def _give_up(self, code: int, reason: str) -> None:
        """Close, and leave unanswered what else is waiting: the station will send it again."""
        _UNANSWERED.inc(len(self._inbox))
        self._inbox.clear()
        self.close(code, reason)

    # --- calling -----------------------------------------------------------------------------

    async def call(
        self, action: str, payload: Payload, timeout: float
    ) -> codec.Answer | codec.Refusal:
        """Send a CALL and await its answer; the time spent waiting for its turn counts.

        Raises `NotConnected` when nothing was sent, `CallTimeout` when no answer came.
        """
        if self._waiting >= self._limits.outbox:
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
        self._pending = self._socket.loop.create_future()
        self._pending_id = message_id
        self._triggered |= self._dialect.triggers(action, payload)
        try:
            if not self._send(codec.write_call(message_id, action, payload)):
                raise NotConnected(f"{self.identity} is not connected")
            answer = await self._pending
            CALLS_SENT.labels("error" if isinstance(answer, codec.Refusal) else "result").inc()
            return answer
        finally:
            # A late answer is an answer to nothing.
            self._pending = self._pending_id = None

    def _send(self, frame: bytes) -> bool:
        if not self._socket.send_text(frame):
            return False
        self._frames.add(SENT, frame)
        return True

    # --- ending ------------------------------------------------------------------------------

    def close(self, code: int, reason: str) -> None:
        """Close the socket now; the call that is being handled is finished, without an answer."""
        self._socket.finish(code, reason)
        self._stop()

    def drain(self) -> None:
        """Take no more calls; `run` returns when those that were received are answered."""
        self._stop()

    def _stop(self) -> None:
        self._closing = True
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
