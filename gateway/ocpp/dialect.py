"""What differs between OCPP versions, for everything that does not know a version."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from gateway.domain.commands import Command, CommandReply
from gateway.domain.happenings import Happening
from gateway.ocpp import codec
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.schemas import Rule, Schemas
from gateway.services.stations.station_state import StationState

Payload = dict[str, Any]
Handler = Callable[[StationState, Payload], Awaitable[Payload]]


class Refused(Exception):
    """A handler's CALLERROR: the payload is valid JSON of the right shape, but cannot be."""

    def __init__(self, rule: Rule, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule


class Line(Protocol):
    """A live link, as a version's `Station` uses it."""

    identity: str

    @property
    def dialect(self) -> "Dialect":
        """The version that was agreed on."""
        ...

    async def call(
        self, action: str, payload: Payload, timeout: float
    ) -> codec.Answer | codec.Refusal:
        """Send a CALL and await its answer; raises `NotConnected`, `CallTimeout`."""
        ...

    def refuse_answer(self, message_id: str, code: str, reason: str) -> None:
        """Tell the station that its answer broke its schema; only in 2.1."""
        ...

    def answer_broke_schema(self, action: str, path: tuple[str | int, ...]) -> None:
        """An answer of the station was not what its schema says."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Begin to close."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A command in a version's words, and what is read from the answer's payload."""

    action: str
    payload: Payload
    read: Callable[[Payload], CommandReply]


Ask = Callable[[Any], Asked | None]
"""A command in a version's words; None when this version cannot say it."""


def no_routes(_services: ChargePointServices) -> Mapping[str, Handler]:
    """The routes of a block that stations never begin anything of."""
    return {}


@dataclass(frozen=True)
class Block:
    """One functional block of a version: its messages, and our commands in its words."""

    routes: Callable[[ChargePointServices], Mapping[str, Handler]] = no_routes
    asks: Mapping[type[Command], Ask] = field(default_factory=dict)


@dataclass(frozen=True)
class Dialect:
    """One OCPP version on the wire.

    `codes` holds the version's spelling of the error codes; `fault_codes` the answer to frames
    that are no message, where the version has one, and `unreadable_id` the id to answer with
    when none can be read. `triggers` names, for calls of ours, what they allow a station to send
    before its boot is accepted. `expendable` names, for an action, the list whose broken elements
    are left out rather than lose the message. `kinds` are the message types on the wire; `later`
    is a superset of these messages, in whose words some stations speak already (ocpp-rules 32).
    `withheld` are the calls that a station whose boot is pending is not to get. `happening` says
    of a message that was taken, and its answer, what those read who wait for it.
    """

    subprotocol: str
    schemas: Schemas
    codes: Mapping[Rule, str]
    fault_codes: Mapping[codec.Fault, str]
    unreadable_id: str | None
    compression: bool
    blocks: tuple[Block, ...]
    triggers: Callable[[str, Payload], frozenset[str]]
    expendable: Mapping[str, str]
    happening: Callable[[str, Payload, Payload], Happening]
    kinds: frozenset[int] = codec.KINDS
    later: Schemas | None = None
    withheld: frozenset[str] = frozenset()

    def routes(self, services: ChargePointServices) -> Mapping[str, Handler]:
        """What each message of a station does; a later block's word counts."""
        merged: dict[str, Handler] = {}
        for block in self.blocks:
            merged |= block.routes(services)
        return merged

    @cached_property
    def asks(self) -> Mapping[type[Command], Ask]:
        """How each command is said; a later block's word counts."""
        merged: dict[type[Command], Ask] = {}
        for block in self.blocks:
            merged |= block.asks
        return merged

    def refusal_of(self, malformed: codec.Malformed) -> bytes | None:
        """The CALLERROR for a frame that is no message; None when it is to be dropped."""
        code = self.fault_codes.get(malformed.fault)
        message_id = malformed.message_id
        if message_id is None:
            message_id = self.unreadable_id
        if code is None or message_id is None:
            return None
        return codec.write_refusal(message_id, code, malformed.reason)
