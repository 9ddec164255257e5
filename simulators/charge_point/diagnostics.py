"""The station's logs, and their delivery to where the CSMS asks for them.

1.6 §5.9 GetDiagnostics, security white paper N01 and 2.0.1 block N. The file is small, and is
really uploaded.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulators.charge_point.clock import wire_time
from simulators.charge_point.transfers import TransferError

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

KEPT_ENTRIES = 100
"""of each log: hundreds of stations share a process"""
SECURITY_LOG = "SecurityLog"
DIAGNOSTICS_LOG = "DiagnosticsLog"


@dataclass(frozen=True)
class LogOrder:
    """A GetLog; without `request_id` it is 1.6's GetDiagnostics."""

    location: str
    kind: str = DIAGNOSTICS_LOG
    oldest: datetime | None = None
    latest: datetime | None = None
    request_id: int | None = None
    retries: int | None = None
    retry_interval: int | None = None


class Logs:
    def __init__(self, station: "SimulatedChargePoint", *, fails: bool = False) -> None:
        self.fails = fails
        """scripted: no upload works"""
        self._station = station
        self._entries: deque[tuple[datetime, str, dict[str, Any]]] = deque(maxlen=KEPT_ENTRIES)
        self._security: deque[tuple[datetime, str, dict[str, Any]]] = deque(maxlen=KEPT_ENTRIES)
        self._running: asyncio.Task[None] | None = None
        self._order: LogOrder | None = None
        self._number = 0

    def note(self, name: str, fields: dict[str, Any]) -> None:
        self._entries.append((self._station.real_now(), name, fields))

    def note_security(self, event: str, tech_info: str | None) -> None:
        """N01.FR.05: every security event is in the security log."""
        fields = {"info": tech_info} if tech_info else {}
        self._security.append((self._station.real_now(), event, fields))

    def text(self, order: LogOrder) -> str:
        """The log file: what happened between the asked moments, oldest first."""
        station = self._station
        entries = self._security if order.kind == SECURITY_LOG else self._entries
        lines = [f"# {station.identity} {order.kind} firmware {station.firmware.version}"]
        for at, name, fields in entries:
            if (order.oldest and at < order.oldest) or (order.latest and at > order.latest):
                continue
            words = " ".join(f"{key}={value}" for key, value in fields.items())
            lines.append(f"{wire_time(at)} {name} {words}".rstrip())
        return "\n".join(lines) + "\n"

    def order(self, order: LogOrder) -> tuple[str, str]:
        """(LogStatusEnumType, the file's name); an upload that runs is cancelled (N01.FR.11)."""
        before, self._order = self._order, order
        ongoing = self._running is not None and not self._running.done()
        if self._running is not None:
            self._running.cancel()
        self._number += 1
        kind = "security" if order.kind == SECURITY_LOG else "diagnostics"
        name = f"{self._file_stem()}-{kind}-{self._number}.log"
        cancelled = before if ongoing else None
        self._running = self._station.soon(self._deliver(order, name, cancelled))
        return ("AcceptedCanceled" if ongoing else "Accepted"), name

    def tell_status(self, *, diagnostics: bool = False) -> None:
        """Triggered: Uploading while an upload of that kind runs, else Idle."""
        order, running = self._order, self._running
        ongoing = order is not None and running is not None and not running.done()
        if order is not None and ongoing and (order.request_id is None) is diagnostics:
            self._station.soon(self._tell("Uploading", order))
        else:
            idle = LogOrder("", request_id=None)
            self._station.soon(self._tell("Idle", idle, diagnostics=diagnostics))

    async def _deliver(self, order: LogOrder, name: str, cancelled: LogOrder | None) -> None:
        if cancelled is not None:
            await self._tell("AcceptedCanceled", cancelled)
        await self._tell("Uploading", order)
        body = self.text(order).encode()
        word = "UploadFailure"
        for attempt in range((order.retries or 0) + 1):
            if attempt:
                await self._station.clock.sleep(order.retry_interval or 0)
            try:
                if self.fails:
                    raise TransferError("scripted")
                await self._station.transfers.upload(order.location, name, body)
            except TransferError as error:
                self._station.note_error(error)
                word = error.word
            else:
                word = "Uploaded"
                break
        self._station.emit("log_upload", file=name, status=word)
        await self._tell(word, order)

    async def _tell(self, status: str, order: LogOrder, *, diagnostics: bool | None = None) -> None:
        plain = order.request_id is None if diagnostics is None else diagnostics
        said = self._station.dialect.log_status(status, order.request_id, diagnostics=plain)
        if said is not None:
            await self._station.say(said)

    def _file_stem(self) -> str:
        return "".join(c if c.isalnum() or c in "-_" else "-" for c in self._station.identity)
