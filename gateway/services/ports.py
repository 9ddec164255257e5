"""What the services need from the edges, and the words in which the edges answer."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.domain.charging_profiles import ActiveProfile
from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.tokens import Authorization, TokenType


@dataclass(frozen=True, slots=True)
class CallResult:
    """A station's CALLRESULT."""

    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CallError:
    """A station's CALLERROR."""

    code: str
    description: str
    details: dict[str, Any] = field(default_factory=dict)


class InvalidCall(ValueError):
    """The payload breaks the action's OCPP schema, or the version has no such action.

    Nothing was sent. `errors` are for a person.
    """

    def __init__(self, errors: list[str]) -> None:
        super().__init__("; ".join(errors))
        self.errors = errors


class UnknownChargePoint(LookupError):
    """No charge point of that identity is registered."""


class NotConnected(ConnectionError):
    """The charge point has no live socket, or lost it before the call was sent."""


class Withheld(NotConnected):
    """The standard forbids this call after what the station's boot was told; nothing was sent."""


class CallTimeout(TimeoutError):
    """The station did not answer in time, or its socket closed while the answer was awaited."""


class Station(Protocol):
    """One live connection of a charge point."""

    protocol: str

    async def call(
        self, action: str, payload: dict[str, Any], timeout: float
    ) -> CallResult | CallError:
        """Send a CALL in the names of the connected version and await its answer.

        Raises `InvalidCall`, `NotConnected`, `CallTimeout`.
        """
        ...

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        """Carry out a domain command; whatever goes wrong becomes an outcome."""
        ...

    async def close(self, reason: str) -> None:
        """Close the socket without haste, as a normal end (1000)."""
        ...


class TokenAuthorizer(Protocol):
    """Real-time authorization at the token's owner (OCPI mod_tokens 12.2.2)."""

    async def authorize(
        self,
        partner: Partner,
        party: Party,
        uid: str,
        type: TokenType,
        location: tuple[str, str | None] | None,
        owner: Party | None = None,
    ) -> Authorization | None:
        """Ask the partner about its party's token; None when it could not be reached in time."""
        ...


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where the result of a partner's request goes.

    `url` is the `response_url` as given; `sender` the partner's party that asked, None: unsaid.
    """

    partner: Partner
    party: Party
    url: str
    sender: Party | None = None


class CommandResults(Protocol):
    """Where a command's asynchronous result goes (OCPI mod_commands 13.2.2)."""

    async def send(self, to: ReplyTo, outcome: CommandOutcome) -> bool:
        """POST one CommandResult, once. False when the partner did not take it."""
        ...

    async def cancelled(self, to: ReplyTo) -> bool:
        """POST to the URL of a RESERVE_NOW that the reservation was cancelled by us."""
        ...


class ProfileResults(Protocol):
    """Where results and updates of charging profiles go (OCPI mod_charging_profiles)."""

    async def set(self, to: ReplyTo, reply: CommandReply) -> bool:
        """POST a ChargingProfileResult, once. False when the partner did not take it."""
        ...

    async def active(self, to: ReplyTo, reply: CommandReply, profile: ActiveProfile | None) -> bool:
        """POST an ActiveChargingProfileResult, once."""
        ...

    async def cleared(self, to: ReplyTo, reply: CommandReply) -> bool:
        """POST a ClearProfileResult, once."""
        ...

    async def updated(self, to: ReplyTo, session_id: str, profile: ActiveProfile) -> bool:
        """PUT an ActiveChargingProfile at the partner's Sender interface, once."""
        ...


class CopyUnreadable(Exception):
    """The partner's copy of an object could not be read; the text says why."""


@dataclass(frozen=True, slots=True)
class PartnerCopy:
    """An object as a partner holds it: None if it does not. `differences` from ours, as text."""

    url: str
    document: dict[str, Any] | None
    differences: tuple[str, ...]


class CdrReader(Protocol):
    """The way back to a CDR that a partner has taken."""

    async def read(self, partner: Partner, party: Party, cdr: Mapping[str, Any]) -> PartnerCopy:
        """Read and compare it. Raises `CopyUnreadable`."""
        ...


class ProviderFailed(Exception):
    """A payment terminal provider did not do its part; the text says what it answered."""


class TerminalProviders(Protocol):
    """The Sender interface of payment terminal providers (OCPI mod_payments 1.2.1).

    Everything raises `ProviderFailed`.
    """

    def terminals(self, partner: Partner) -> AsyncIterator[dict[str, Any]]:
        """All of the provider's Terminals."""
        ...

    def confirmations(self, partner: Partner) -> AsyncIterator[dict[str, Any]]:
        """All of its FinancialAdviceConfirmations."""
        ...

    async def assign(self, partner: Partner, terminal_id: str, changes: dict[str, Any]) -> None:
        """Tell it which locations and EVSEs a Terminal serves."""
        ...

    async def update(self, partner: Partner, terminal: dict[str, Any]) -> None:
        """Tell it a whole Terminal."""
        ...

    async def activate(self, partner: Partner, terminal: dict[str, Any]) -> None:
        """Have a terminal that came with a station put to use."""
        ...

    async def deactivate(self, partner: Partner, terminal_id: str) -> None:
        """Have a terminal taken out of use."""
        ...
