"""The one writer of a process: whatever is pending goes out as one batch of script calls.

With `appendfsync always` the server writes its log to disk once per turn of its event loop, for
all commands of that turn together. So a batch of a hundred changes costs about as much as one
change alone, if they arrive together: while one batch is in flight, the next one gathers.

Each change is still atomic by itself and succeeds or fails by itself; only the round trip is
shared. A caller that is cancelled leaves its place; the batch goes on without it.

When the connection is lost in the middle of a batch, nobody can know which of its changes have
been applied: all its callers get `StoreUnavailable`, and are expected to be idempotent. The
writer reconnects by itself; until then, every commit fails at once instead of piling up.
"""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import structlog
from prometheus_client import Counter, Histogram

from gateway.store.change import Change
from gateway.store.errors import Conflict, Fenced, StoreError, StoreUnavailable
from gateway.store.scripts import COMMIT
from gateway.store.wire import ErrorReply, Replies, Wire, pack

_log = structlog.get_logger(__name__)

_COMMITS = Counter("gateway_store_commits_total", "Changes handed to the store", ["outcome"])
_APPLIED = _COMMITS.labels("applied")
_REFUSED = _COMMITS.labels("refused")
_UNAVAILABLE = _COMMITS.labels("unavailable")
_BATCH_SIZE = Histogram(
    "gateway_store_batch_size",
    "Changes that went to the server together",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)

LOAD_SCRIPT = ("SCRIPT", "LOAD", COMMIT.source)


class _Entry(NamedTuple):
    """A change that waits, and its caller's future."""

    change: Change
    packed: bytes
    future: "asyncio.Future[None]"


class _Batch:
    """Changes on their way to the server; their replies come back in the same order."""

    def __init__(self, entries: list[_Entry], wire: Wire) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.unloaded: list[_Entry] = []
        self._applied = 0
        self._error_logged = False
        self._waiting = deque(entries)
        wire.on_reply = self._reply
        wire.on_lost = self._lost
        wire.send(b"".join([entry.packed for entry in entries]))

    def _reply(self, reply: Any) -> None:
        entry = self._waiting.popleft()
        if reply == 1:
            self._applied += 1
            if not entry.future.done():
                entry.future.set_result(None)
        elif not isinstance(reply, ErrorReply):
            _refuse(entry, _refusal(entry.change, reply))
        elif str(reply).startswith("NOSCRIPT"):
            self.unloaded.append(entry)
        else:
            self._refused(entry, str(reply))
        if not self._waiting and not self.done.done():
            _APPLIED.inc(self._applied)
            self.done.set_result(None)

    def _refused(self, entry: _Entry, detail: str) -> None:
        _refuse(entry, StoreUnavailable(detail))
        if not self._error_logged:  # out of memory or disk, it would be said for every change
            self._error_logged = True
            _log.error("store refused a change", detail=detail)
        if detail.startswith("READONLY"):
            # this server has become a replica; reconnecting may find the primary
            self._lost(ConnectionError(detail))

    def _lost(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class GroupCommit:
    """Gathers the changes of all callers and writes them in batches over one connection.

    `connect` opens a connection with the script loaded. Times are in seconds.
    """

    def __init__(
        self,
        connect: Callable[[], Awaitable[Wire]],
        *,
        batch_deadline: float = 5.0,
        connect_deadline: float = 2.0,
        max_batch: int = 256,
        max_pending: int = 10_000,
        max_back_off: float = 2.0,
    ) -> None:
        self._open_wire = connect
        self._loop = asyncio.get_running_loop()  # to ask for it is a system call
        self._batch_deadline = batch_deadline
        self._connect_deadline = connect_deadline
        self._max_batch = max_batch
        self._max_pending = max_pending
        self._max_back_off = max_back_off
        self._wire: Wire | None = None
        self._pending: deque[_Entry] = deque()
        self._wake = asyncio.Event()
        self._why_down: str | None = "not started"
        self._closing = False
        self._writer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect for the first time; raises StoreUnavailable."""
        try:
            await self._connect()
        except _FAILURES as error:
            raise StoreUnavailable(_describe(error)) from error
        self._writer = asyncio.create_task(self._write(), name="store group commit")

    async def close(self) -> None:
        """Let the batch in flight end (within its deadline), refuse the rest, disconnect."""
        self._closing = True
        self._why_down = "the store is closed"
        self._fail_pending()
        self._wake.set()
        if self._writer is not None:
            await asyncio.wait([self._writer], timeout=self._batch_deadline)
            self._writer.cancel()
            await asyncio.wait([self._writer])
        self._disconnect()

    @property
    def connected(self) -> bool:
        """Whether a commit would be tried now."""
        return self._why_down is None

    async def commit(self, change: Change) -> None:
        """Return when the server has confirmed; raises Fenced, Conflict, StoreUnavailable.

        A change without writes is confirmed at once.
        """
        if not change:
            return
        if self._why_down is not None:
            _UNAVAILABLE.inc()
            raise StoreUnavailable(self._why_down)
        if len(self._pending) >= self._max_pending:
            _UNAVAILABLE.inc()
            raise StoreUnavailable(f"{self._max_pending} changes are waiting already")
        future: asyncio.Future[None] = self._loop.create_future()
        # packed here, so that what cannot be packed fails its own caller only
        self._pending.append(_Entry(change, pack(change.command()), future))
        self._wake.set()
        await future

    async def _write(self) -> None:
        while not self._closing:
            wire = self._wire
            if wire is None or not wire.alive:
                await self._reconnect()
            elif batch := self._take_batch():
                await self._write_batch(wire, batch)
                wire.on_lost = self._lost_while_idle
            else:
                self._wake.clear()
                await self._wake.wait()

    def _lost_while_idle(self, error: Exception) -> None:
        _log.warning("store connection lost", detail=_describe(error))
        self._wake.set()

    def _take_batch(self) -> list[_Entry]:
        batch: list[_Entry] = []
        pending = self._pending
        while pending and len(batch) < self._max_batch:
            entry = pending.popleft()
            if not entry.future.done():  # else its caller has gone
                batch.append(entry)
        return batch

    async def _write_batch(self, wire: Wire, entries: list[_Entry]) -> None:
        _BATCH_SIZE.observe(len(entries))
        try:
            async with asyncio.timeout(self._batch_deadline):
                unloaded = await _exchange(wire, entries)
                if unloaded:
                    # the server has lost the script; these have not run, so they may run now
                    await Replies(wire).call(*LOAD_SCRIPT)
                    if await _exchange(wire, unloaded):
                        raise ConnectionError("the server keeps forgetting the script")
        except _FAILURES as error:
            _log.warning("store connection lost", detail=_describe(error))
            self._disconnect()
            _fail(entries, _describe(error))
        except asyncio.CancelledError:
            _fail(entries, "the store is closed")
            raise
        except Exception as error:  # a fault of ours must not end the one writer
            _log.exception("store writer failed")
            self._disconnect()
            _fail(entries, _describe(error))

    async def _connect(self) -> None:
        async with asyncio.timeout(self._connect_deadline):
            self._wire = await self._open_wire()
        self._wire.on_lost = self._lost_while_idle
        if not self._closing:
            self._why_down = None

    async def _reconnect(self) -> None:
        """Connect again, at first at once, then with growing and jittered pauses."""
        attempt = 0
        while not self._closing:
            try:
                await self._connect()
            except _FAILURES as error:
                self._why_down = self._why_down or f"no connection: {_describe(error)}"
                self._fail_pending()
                _log.warning("store not reachable", detail=_describe(error), attempt=attempt)
                pause = min(self._max_back_off, 0.05 * 2 ** min(attempt, 10))
                await self._pause(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret
                attempt += 1
            else:
                _log.info("store reachable again")
                return

    async def _pause(self, seconds: float) -> None:
        """Sleep, unless `close` wakes us."""
        self._wake.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()

    def _disconnect(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    def _fail_pending(self) -> None:
        entries = list(self._pending)
        self._pending.clear()
        _fail(entries, self._why_down or "no connection")


_FAILURES = (ErrorReply, OSError, TimeoutError)


async def _exchange(wire: Wire, entries: list[_Entry]) -> list[_Entry]:
    """Write a batch and settle what is answered; returns those that found no script."""
    batch = _Batch(entries, wire)
    await batch.done
    return batch.unloaded


def _refusal(change: Change, reply: Any) -> StoreError:
    """What the script said instead of 1."""
    match reply:
        case [b"FENCED", current] if change.fence is not None:
            now = None if current is None else int(current)
            return Fenced(change.fence.identity, change.fence.epoch, now)
        case [b"CONFLICT", number, current]:
            return Conflict(*change.expectation(number), current)
    return StoreUnavailable(f"unknown reply to a change: {reply!r}")


def _refuse(entry: _Entry, error: StoreError) -> None:
    _REFUSED.inc()
    if not entry.future.done():
        entry.future.set_exception(error)


def _fail(entries: list[_Entry], why: str) -> None:
    for entry in entries:
        if not entry.future.done():
            _UNAVAILABLE.inc()
            entry.future.set_exception(StoreUnavailable(why))


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
