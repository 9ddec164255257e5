"""What differs between the OCPP versions: how a station says a thing, and how it is asked."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from simulators.charge_point.connector import Connector
from simulators.charge_point.ledger import Reading, Token, Transaction
from simulators.charge_point.library import Endpoint, Fields, Handler

Version = Literal["1.6", "2.0.1", "2.1"]
Said = tuple[str, Fields]
"""a CALL to make: its action and its fields"""


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
    invalid_certificate: ClassVar[str]
    """the security event for a certificate that the CSMS sent and that is not taken"""
    invalid_server: ClassVar[str]
    """the one for a CSMS that is not what it says"""

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

    # -- what is told about the station itself; None where the version has no word for it

    @abstractmethod
    def firmware_status(self, status: str, request_id: int | None, *, signed: bool) -> Said | None:
        """`signed`: 1.6 has another message for what the white paper's ordered."""

    @abstractmethod
    def log_status(
        self, status: str, request_id: int | None, *, diagnostics: bool
    ) -> Said | None: ...

    @abstractmethod
    def sign_certificate(self, csr: str, use: str) -> Said: ...

    def security_event(self, event: str, at: str, tech_info: str | None) -> Said:
        fields = {"type": event, "timestamp": at, "tech_info": tech_info}
        return "SecurityEventNotification", fields

    @abstractmethod
    def meter_read(self, connector: Connector, reading: Reading) -> None:
        """Tells a reading that was asked for, inside a transaction or not."""
