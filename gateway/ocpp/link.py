"""The link to one charge point: its frames in, our answers and calls out.

The reader is a callback and never waits: answers to our calls are matched at once, calls queue in
a bounded inbox for the connection's one worker, which handles them one after the other in order;
so do 2.1's SENDs, which are never answered, and its complaints about answers of ours. A full inbox
or a spent rate limit stops the reading, so the flood stays in the station's TCP stack and nothing
is lost. The rate limit counts what frames cost: long ones more than one, and those that break
their schema by their faults and size. One CALL of ours is outstanding at a time (OCPP-J 4.1.1).

What is answered has been handled; what could not be made durable gets no answer at all: the
socket is closed, and the station keeps its message and tries again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Counter
from websockets.frames import CloseCode

from gateway.domain.boot import RegistrationStatus
from gateway.ocpp import codec, wire
from gateway.ocpp.dialect import Dialect, Handler, Payload, Refused
from gateway.ocpp.frames import RECEIVED, SENT, FrameRecord
from gateway.ocpp.later_version import is_of_later_version
from gateway.ocpp.leniency import Leniency
from gateway.ocpp.limits import TokenBucket
from gateway.ocpp.outgoing import OutgoingCalls
from gateway.ocpp.schemas import MessageSchema, Rule, Violation
from gateway.ocpp.socket import ChargePointSocket
from gateway.services.ports import Withheld
from gateway.services.stations.station_state import StationState
from gateway.store import Fenced, StoreError

log = structlog.get_logger(__name__)

MESSAGES = Counter(
    "gateway_ocpp_calls", "Calls of charge points, by what became of them", ["outcome"]
)
DROPPED = Counter("gateway_ocpp_dropped_frames", "Frames that could not be answered", ["reason"])
RESULT_ERRORS = Counter(
    "gateway_ocpp_result_errors", "CALLRESULTERRORs of OCPP 2.1, by who sent them", ["by"]
)

_ANSWERED = MESSAGES.labels("answered")
_REFUSED = MESSAGES.labels("refused")
_FAILED = MESSAGES.labels("failed")
_UNANSWERED = MESSAGES.labels("unanswered")

RESULT_ERROR_STREAM = "call_result_errors"  # where complaints about our answers are kept

# What a frame costs of the allowance, in tokens: one for so many bytes.
_BYTES_A_TOKEN = 16_384
# The same for what breaks its schema. A token stands for about a millisecond of work here, so
# that a station that sends nothing else has a tenth of one core.
_FAULTS_A_TOKEN = 25
_FAULTY_BYTES_A_TOKEN = 1_024
_LAST_PAUSE = 1.0  # seconds

# Far above every message; what is deeper would break whoever goes through it by recursion.
_MOST_NESTED = 100

Keep = Callable[[StationState, str, dict[str, Any]], Awaitable[None]]
"""Keeps a report of a station in a stream, for the operator."""


@dataclass(frozen=True, slots=True)
class _Complaint:
    """A CALLRESULTERROR, and what it is about."""

    action: str
    refusal: codec.ResultRefusal


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
        "_ended",
        "_faults",
        "_frames",
        "_inbox",
        "_keep",
        "_leniency",
        "_limits",
        "_mended",
        "_nonsense",
        "_outgoing",
        "_overdue",
        "_resume_at",
        "_routes",
        "_seen",
        "_socket",
        "_state",
        "_triggered",
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
        keep: Keep,
        leniency: Leniency,
    ) -> None:
        self.identity = identity
        self._socket = socket
        self._dialect = dialect
        self._routes = routes
        self._frames = frames
        self._limits = limits
        self._keep = keep
        self._leniency = leniency
        self._inbox: deque[tuple[codec.Call | codec.Send | _Complaint, int]] = deque()
        self._wake: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] | None = None  # awaited by a pause
        self._closing = False
        self._worker: asyncio.Task[Any] | None = None
        self._busy_since: float | None = None
        self._overdue = False
        self._faults: int | None = None
        self._state: StationState | None = None
        self._seen: Callable[[StationState], None] | None = None
        self._outgoing = OutgoingCalls(self._send, limits.outbox)
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
        size = len(data)
        tokens = 1 if size <= _BYTES_A_TOKEN else -(-size // _BYTES_A_TOKEN)
        debt = self._allowance.spend(self._socket.heard, tokens)
        if debt:
            self._slow_down(debt)
        self._frames.add(RECEIVED, data)
        if self._state is not None and self._seen is not None:
            self._seen(self._state)
        message = self._read(data, is_text)
        if isinstance(message, codec.Call):
            self._leniency.numbered(self._state, message.message_id)
            self._queue(message, size)
        elif isinstance(message, codec.Send):
            self._queue(message, size)
        elif isinstance(message, codec.Malformed):
            self._reject(message)
        elif size > 2 * _MOST_NESTED and _is_deep(message):
            reason = "nested too deeply"
            self._reject(codec.Malformed(codec.Fault.ANSWER, reason, message.message_id))
        elif isinstance(message, (codec.Answer, codec.Refusal)):
            self._match(message)
        elif isinstance(message, codec.ResultRefusal):
            self._match_refusal(message)

    def _read(self, data: bytes, is_text: bool) -> codec.Message:
        # OCPP-J is text: "valid JSON encoded with UTF-8" (4.1.2).
        message: codec.Message
        if is_text:
            message = codec.read(data, self._dialect.kinds)
        else:
            message = codec.Malformed(codec.Fault.FRAME, "a binary frame")
        if type(message) is codec.Malformed:
            return self._leniency.read_again(self._state, data, is_text) or message
        return message

    def know(self, state: StationState) -> None:
        """Whose frames these are, before the first one comes."""
        self._state = state

    def lost(self) -> None:
        """The socket is gone: nobody waits for an answer any more, what was received is handled."""
        self._outgoing.lost()
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

    def _queue(self, message: codec.Call | codec.Send | _Complaint, size: int = 0) -> None:
        if self._closing:
            _UNANSWERED.inc()
            return
        self._inbox.append((message, size))
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
        if malformed.message_id is not None and self._outgoing.awaits(malformed.message_id):
            self._settle_broken(malformed.message_id, malformed.reason)
            return
        refusal = self._dialect.refusal_of(malformed)
        if refusal is None:
            DROPPED.labels(malformed.fault.value).inc()
        else:
            self._send(refusal)
        self._count_nonsense()

    def _match(self, answer: codec.Answer | codec.Refusal) -> None:
        if self._outgoing.settle(answer):
            return
        self._leniency.unasked(self._state)
        DROPPED.labels("answer to nothing").inc()
        self._count_nonsense()

    def _settle_broken(self, message_id: str, reason: str) -> None:
        """Our call was answered by a frame that says nothing: nobody need wait any longer."""
        code = self._dialect.codes[Rule.FORMAT]
        self._match(codec.Refusal(message_id, code, reason, {}))
        self.refuse_answer(message_id, code, reason)

    def _match_refusal(self, refusal: codec.ResultRefusal) -> None:
        """2.1: the station could not process an answer of ours; only a recent one is believed."""
        action = self._frames.answered_action(refusal.message_id)
        if action is None:
            DROPPED.labels("answer to nothing").inc()
            self._count_nonsense()
            return
        RESULT_ERRORS.labels("station").inc()
        log.warning(
            "station refuses our answer",
            charge_point=self.identity,
            action=action,
            code=refusal.code[:50],
            reason=refusal.description[:200],
        )
        self._queue(_Complaint(action, refusal))

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
                await self._work(state, *self._inbox.popleft())
            if self._closing:
                return
            self._wake = self._socket.loop.create_future()
            await self._wake
            self._wake = None

    async def _work(
        self, state: StationState, message: codec.Call | codec.Send | _Complaint, size: int
    ) -> None:
        backlog = len(self._inbox)
        if backlog <= self._limits.inbox // 2:
            self._socket.release("inbox")
        self._busy_since = self._socket.loop.time()
        answer: bytes | None = None
        if type(message) is codec.Call:
            answer = await self._handled(state, message)
        elif type(message) is codec.Send:
            await self._taken(state, message)
        elif type(message) is _Complaint:
            await self._attempt("", message.action, self._keep_complaint(state, message))
        self._busy_since = None
        if answer is not None:
            self._send(answer)
        wait = self._charge(size)
        if wait:
            await self._pause(wait)
        elif backlog:
            await asyncio.sleep(0)  # a handler that had nothing to wait for must not starve others

    async def _pause(self, seconds: float) -> None:
        """Leave the inbox alone for a while, a short one once the link ends."""
        if self._closing:
            await asyncio.sleep(min(seconds, _LAST_PAUSE))
            return
        self._ended = self._socket.loop.create_future()
        await asyncio.wait([self._ended], timeout=seconds)
        self._ended = None

    def _charge(self, size: int) -> float:
        """Take what a message has cost that broke its schema; the seconds until that is paid.

        The rest of the inbox waits as long: it may hold more of the same.
        """
        faults, self._faults = self._faults, None
        if faults is None:
            return 0.0
        tokens = faults / _FAULTS_A_TOKEN + size / _FAULTY_BYTES_A_TOKEN
        debt = self._allowance.spend(self._socket.loop.time(), tokens)
        if debt:
            self._slow_down(debt)
        return debt

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
        noticed = wire.tally.noticed
        handling = self._routes[call.action](state, call.payload)
        answer = await self._attempt(call.message_id, call.action, handling)
        if wire.tally.noticed != noticed or self._leniency.curious:
            self._leniency.look(state, call.action, call.payload)
        return answer

    async def _taken(self, state: StationState, send: codec.Send) -> None:
        """Handle a SEND: "The receiver SHALL NOT respond" (2.1, 4.2.4), whatever is wrong."""
        schema = self._dialect.schemas.unconfirmed(send.action)
        if schema is None or send.action not in self._routes:
            reason = "unknown"
        elif not state.boot_accepted and not self._allowed_early(send.action):
            reason = "not booted"
        elif not schema.valid(send.payload) and self._violations(state, schema, send):
            reason = "breaks its schema"
        else:
            handling = self._routes[send.action](state, send.payload)
            await self._attempt(send.message_id, send.action, handling)
            return
        DROPPED.labels("send").inc()
        log.info("SEND dropped", charge_point=self.identity, action=send.action[:50], reason=reason)
        self._count_nonsense()

    async def _keep_complaint(self, state: StationState, complaint: _Complaint) -> Payload:
        kept = {"action": complaint.action, **complaint.refusal._asdict()}
        await self._keep(state, RESULT_ERROR_STREAM, kept)
        return {}

    async def _attempt(
        self, message_id: str | int, action: str, handling: Awaitable[Payload]
    ) -> bytes | None:
        """Await a handler; its answer, or None when there must be none."""
        try:
            payload = await handling
        except Refused as refused:
            _REFUSED.inc()
            code = self._dialect.codes[refused.rule]
            return codec.write_refusal(message_id, code, str(refused))
        except Fenced:
            self._give_up(CloseCode.NORMAL_CLOSURE, "superseded")
        except (StoreError, TimeoutError) as error:
            log.error("not durable, not answered", charge_point=self.identity, reason=repr(error))
            self._give_up(CloseCode.INTERNAL_ERROR, "try again later")
        except asyncio.CancelledError:
            if not self._overdue or self._worker is None or self._worker.uncancel():
                raise
            self._overdue = False
            log.error("handler took too long", charge_point=self.identity, action=action)
            self._give_up(CloseCode.INTERNAL_ERROR, "try again later")
        except Exception:
            log.exception("handler failed", charge_point=self.identity, action=action)
            _FAILED.inc()
            return codec.write_refusal(message_id, "InternalError", "")
        else:
            _ANSWERED.inc()
            return codec.write_answer(message_id, payload)
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
        if state.quirks.change_meaning:
            self._leniency.rescale(state, call.action, call.payload)
        refusal = None
        if not schema.valid(call.payload):
            refusal = self._unmended(state, schema, call)
        if state.quirks.change_meaning and refusal is None:
            self._leniency.reinterpret(state, call.action, schema, call.payload)
        return refusal

    def _allowed_early(self, action: str) -> bool:
        if action == "BootNotification":
            return True
        # B03.FR.07: while Rejected, nothing that was asked for earlier passes either
        is_rejected = self._state is not None and (
            self._state.boot_answer is RegistrationStatus.REJECTED
        )
        return action in self._triggered and not is_rejected

    def _unmended(
        self, state: StationState, schema: MessageSchema, call: codec.Call
    ) -> bytes | None:
        later = self._dialect.later.request(call.action) if self._dialect.later else None
        if later is not None and is_of_later_version(schema, later, call.payload):
            self._report_mended(call.action)
            return None
        violations = self._violations(state, schema, call)
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

    def _violations(
        self, state: StationState, schema: MessageSchema, message: codec.Call | codec.Send
    ) -> list[Violation]:
        violations = self._leniency.mend(state, message.action, schema, message.payload)
        self._faults = len(violations)
        return violations

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
        """Send a CALL in its turn and await its answer: see `OutgoingCalls.call`.

        Raises `Withheld` too, for what the station is not to be sent now.
        """
        self._check_not_withheld(action)
        self._triggered |= self._dialect.triggers(action, payload)
        return await self._outgoing.call(action, payload, timeout)

    def _check_not_withheld(self, action: str) -> None:
        answer = self._state.boot_answer if self._state is not None else None
        if answer is RegistrationStatus.REJECTED:
            # B03.FR.03: until the station boots again, we "SHALL NOT send any request"
            raise Withheld("its boot was rejected; until it boots again it is sent nothing")
        if answer is RegistrationStatus.PENDING and action in self._dialect.withheld:
            raise Withheld(f"its boot is pending; {action} is not allowed until it is accepted")

    def answer_broke_schema(self, action: str, path: tuple[str | int, ...]) -> None:
        """The station's answer to a call of ours was not what its schema says."""
        self._leniency.broken_answer(self._state, action, path)

    def refuse_answer(self, message_id: str, code: str, reason: str) -> None:
        """Send a CALLRESULTERROR, to a version that knows it."""
        if codec.CALLRESULTERROR in self._dialect.kinds:
            RESULT_ERRORS.labels("gateway").inc()
            self._send(codec.write_result_refusal(message_id, code, reason))

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
        for waiting in (self._wake, self._ended):
            if waiting is not None and not waiting.done():
                waiting.set_result(None)


def _is_deep(message: codec.Answer | codec.Refusal | codec.ResultRefusal) -> bool:
    level: list[Any] = list(message)
    for _ in range(_MOST_NESTED):
        level = [
            one
            for holder in level
            if type(holder) is dict or type(holder) is list
            for one in (holder.values() if type(holder) is dict else holder)
        ]
        if not level:
            return False
    return True
