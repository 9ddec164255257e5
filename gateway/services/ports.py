"""What the services need from the edges, and the words in which the edges answer."""

from dataclasses import dataclass, field
from typing import Any, Protocol

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
    ) -> Authorization | None:
        """Ask the partner; None when it could not be reached within its bound."""
        ...


class CommandResults(Protocol):
    """Where a command's asynchronous result goes (OCPI mod_commands 13.2.2)."""

    async def send(
        self,
        partner: Partner,
        party: Party,
        response_url: str,
        outcome: CommandOutcome,
        message: str | None = None,
    ) -> bool:
        """POST one CommandResult, once. False when the partner did not take it."""
        ...
