"""What partners have asked of stations and still wait for: each is reported once, and in time.

"OCPI does not allow/require retries" of the result (2.2.1 mod_commands 13.3.2), and a partner that
was told a timeout counts on it: whatever happens to the station, the work is cut off so early that
its report is on its way before (R28).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.store import StoreError

log = structlog.get_logger(__name__)

TIMEOUT = 30  # seconds in which the result is promised
STATION_TIMEOUT = 25.0  # what of that a station has
_WORK_SECONDS = 27.0
_SETTLE_SECONDS = 2.0
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """OCPI CommandResponse: `result` is a CommandResponseType, `timeout` in seconds."""

    result: str
    timeout: int = TIMEOUT
    message: str | None = None


BUSY = CommandAnswer("REJECTED", message="Too many commands at once")

Work = Callable[[], Awaitable[CommandReply]]
Report = Callable[[CommandReply], Awaitable[object]]


class InFlight:
    """The work that runs, at most so much at once, each for so many seconds at most."""

    def __init__(self, work_seconds: float = _WORK_SECONDS) -> None:
        self._work_seconds = work_seconds
        self._running: set[asyncio.Task[None]] = set()

    @property
    def full(self) -> bool:
        """Whether nothing more may be begun."""
        return len(self._running) >= _MOST

    def begin(
        self,
        what: str,
        identity: str,
        work: Work,
        report: Report,
        *,
        settle: Report | None = None,
        then: Report | None = None,
    ) -> None:
        """Do it in the background and report how it went, once.

        `settle` writes down before the report how it ended, however that was; `then` follows it.
        """

        async def run() -> None:
            reply = CommandReply(CommandOutcome.TIMEOUT)  # so it is if a shutdown cuts it off
            try:
                reply = await _bounded(what, identity, work, self._work_seconds)
                if settle is not None:
                    await _settled(what, identity, settle, reply)
            finally:
                log.info(
                    "command", charge_point=identity, command=what, outcome=reply.outcome.value
                )
                await report(reply)
            if then is not None:
                await then(reply)

        self.spawn(run())

    def spawn(self, work: "Awaitable[None]") -> None:
        """Run something in the background, and close with it."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._finished)

    async def close(self, patience: float = 5.0) -> None:
        """Let what runs come to an end, then cut it off."""
        if self._running:
            await asyncio.wait(self._running, timeout=patience)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("command result not sent", exc_info=task.exception())


async def _settled(what: str, identity: str, settle: Report, reply: CommandReply) -> None:
    """It is reported all the same: the station has done what it has done."""
    try:
        async with asyncio.timeout(_SETTLE_SECONDS):
            await settle(reply)
    except (StoreError, TimeoutError) as error:
        log.error("command not written down", charge_point=identity, command=what, error=str(error))
    except Exception:
        log.exception("command not written down", charge_point=identity, command=what)


async def _bounded(what: str, identity: str, work: Work, seconds: float) -> CommandReply:
    try:
        async with asyncio.timeout(seconds):
            return await work()
    except TimeoutError:
        log.error("command took too long", charge_point=identity, command=what)
        return CommandReply(CommandOutcome.TIMEOUT)
    except StoreError as error:
        log.error("command failed", charge_point=identity, command=what, error=str(error))
    except Exception:
        log.exception("command failed", charge_point=identity, command=what)
    return CommandReply(CommandOutcome.FAILED)
