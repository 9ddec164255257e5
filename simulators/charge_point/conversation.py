"""The station as its link sees it: booting, reporting, and noting what goes wrong."""

import asyncio
from typing import TYPE_CHECKING

from simulators.charge_point.library import CallRefusedError, Endpoint, NoAnswerError
from simulators.charge_point.link import Socket

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

DEFAULT_BOOT_WAIT = 10.0
"""real seconds, where the CSMS leaves the choice (1.6 §4.2: interval 0)"""


class StationConversation:
    def __init__(self, station: "SimulatedChargePoint", answer_timeout: float) -> None:
        self.boot_reason: str | None = "PowerUp"
        """a 2.0.1 BootReason while a boot is due"""
        self._station = station
        self._answer_timeout = answer_timeout
        self._distrusting = False

    def endpoint(self, wire: Socket) -> Endpoint:
        station = self._station
        return Endpoint(
            station.version,
            station.identity,
            wire,
            station.dialect.handlers(),
            self._answer_timeout,
        )

    async def register(self, endpoint: Endpoint) -> None:
        """Boots, if this is a boot, and returns once accepted.

        A mere reconnect is no boot: 1.6 §4.2, 2.0.1 B01 want a BootNotification after a (re)boot.
        """
        self._station.emit("connected")
        self._distrusting = False
        while self.boot_reason is not None:
            try:
                answer = await self._station.dialect.boot(endpoint, self.boot_reason)
            except (CallRefusedError, NoAnswerError) as error:
                self._station.note_error(error)
                await asyncio.sleep(DEFAULT_BOOT_WAIT)
                continue
            self._station.emit("booted", status=answer.status, interval=answer.interval)
            if answer.status != "Accepted":
                await asyncio.sleep(answer.interval or DEFAULT_BOOT_WAIT)
                continue
            self.boot_reason = None
            settings = self._station.settings
            settings.heartbeat_interval = answer.interval or settings.heartbeat_interval

    def online(self) -> None:
        self._station.report_everything()

    def offline(self, why: str) -> None:
        self._station.emit("disconnected", reason=why)
        self._station.changed()

    def refused(self, why: str) -> None:
        self._station.emit("connection_refused", reason=why)

    def distrusts(self, why: str) -> None:
        """A00.FR.309: reported, once, when a server that is believed can be reached."""
        self.refused(why)
        if not self._distrusting:
            self._distrusting = True
            self._station.security_event(self._station.dialect.invalid_server, why)

    def delivered(self) -> None:
        self._station.changed()

    def call_failed(self, error: Exception) -> None:
        self._station.note_error(error)

    async def heartbeat(self, endpoint: Endpoint) -> None:
        await self._station.dialect.heartbeat(endpoint)
