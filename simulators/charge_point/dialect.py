"""What differs between the OCPP versions: how a station says a thing, and how it is asked."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from simulators.charge_point.connector import Connector
from simulators.charge_point.ledger import Reading, Token, Transaction
from simulators.charge_point.library import Endpoint, Handler

Version = Literal["1.6", "2.0.1"]


@dataclass(frozen=True)
class Registration:
    """The CSMS's answer to a BootNotification; the interval in seconds."""

    status: str
    interval: int


@dataclass(frozen=True)
class Verdict:
    """The CSMS's word on a token: an AuthorizationStatus and the token's group."""

    status: str
    group: str | None = None

    @property
    def accepted(self) -> bool:
        return self.status == "Accepted"


class Dialect(ABC):
    """One station's OCPP version. Transaction facts become messages in the station's outbox."""

    version: ClassVar[Version]
    subprotocol: ClassVar[str]

    @abstractmethod
    def handlers(self) -> Mapping[str, Handler]:
        """What the CSMS may call, by action."""

    @abstractmethod
    async def boot(self, endpoint: Endpoint, reason: str) -> Registration: ...

    async def heartbeat(self, endpoint: Endpoint) -> None:
        await endpoint.call("Heartbeat")

    @abstractmethod
    async def authorize(self, endpoint: Endpoint, token: Token) -> Verdict: ...

    @abstractmethod
    def status_word(self, connector: Connector) -> str:
        """The connector's status in this version's words."""

    @abstractmethod
    def send_status(self, connector: Connector, word: str) -> None: ...

    @abstractmethod
    def send_station_status(self) -> None:
        """Tells the station's own status, where the version has one."""

    @abstractmethod
    def reservation_ended(self, reservation_id: int, why: str) -> None: ...

    @abstractmethod
    def transaction_started(
        self, transaction: Transaction, reading: Reading, trigger: str
    ) -> None: ...

    @abstractmethod
    def charging_state_changed(
        self, transaction: Transaction, reading: Reading, state: str
    ) -> None: ...

    @abstractmethod
    def sampled(self, transaction: Transaction, reading: Reading) -> None: ...

    @abstractmethod
    def transaction_stopped(self, transaction: Transaction, reading: Reading) -> None: ...

    @abstractmethod
    def meter_read(self, connector: Connector, reading: Reading) -> None:
        """Tells a reading that was asked for, inside a transaction or not."""
