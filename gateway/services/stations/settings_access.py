"""Reads and writes any number of a station's settings, in as many CALLs as its limits ask for.

The limits are the station's own: how many items a message may hold, and how many bytes, told per
message in 2.x (DeviceDataCtrlr), and in 1.6 as GetConfigurationMaxKeys. They are asked once a
connection. A station that refuses a message of several items all the same gets halves of it, and
one that leaves two messages running unanswered is asked no more.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol
from weakref import WeakKeyDictionary

from gateway import exact_json
from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.configuration import ReadSettings, WriteSettings
from gateway.services.stations.routing import StationRouter

TIMEOUT = 30.0  # seconds for one CALL
MAX_TIMEOUTS = 2
UNTOLD_ITEMS = 10  # items in a message to a station that names no limit
_MAX_KEYS = "GetConfigurationMaxKeys"
_ITEMS_GET = "DeviceDataCtrlr.ItemsPerMessage[GetVariables]"
_ITEMS_SET = "DeviceDataCtrlr.ItemsPerMessage[SetVariables]"
_BYTES_GET = "DeviceDataCtrlr.BytesPerMessage[GetVariables]"
_BYTES_SET = "DeviceDataCtrlr.BytesPerMessage[SetVariables]"
_ANSWERED = frozenset({CommandOutcome.ACCEPTED, CommandOutcome.REJECTED})
# JSON around a message and around one item, with every optional member spelled out
_MESSAGE_BYTES = 100
_ITEM_BYTES = 170


class Reachable(Protocol):
    """A station, wherever its socket is."""

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        """Carry out a command; whatever goes wrong becomes an outcome."""
        ...


@dataclass(frozen=True)
class ByRouter:
    """A station by its identity, whichever node holds the socket."""

    router: StationRouter
    identity: str

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        """Carry out a command there."""
        return await self.router.execute(self.identity, command, timeout)


@dataclass(slots=True)
class SettingsRead:
    """What a station said of its settings, by the names that were asked.

    `outcome` is ACCEPTED when all was answered; names in none of the four were not.
    """

    outcome: CommandOutcome = CommandOutcome.ACCEPTED
    values: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    readonly: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class SettingsWritten:
    """The station's word for each setting; one without a word was not answered."""

    outcome: CommandOutcome = CommandOutcome.ACCEPTED
    results: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """What one message may hold; None for bytes: the station names no limit."""

    items: int
    size: int | None = None


@dataclass(frozen=True, slots=True)
class MessagesLimits:
    """A station's limits on reading and on writing."""

    read: MessageLimits
    write: MessageLimits


_known: WeakKeyDictionary[Reachable, MessagesLimits] = WeakKeyDictionary()


async def read(station: Reachable, names: Iterable[str], timeout: float = TIMEOUT) -> SettingsRead:
    """Read these settings; none named: all of them, where the version can (1.6)."""
    wanted = tuple(dict.fromkeys(names))
    if len(wanted) < 2:
        return await _read(station, [wanted], timeout)
    limits = (await limits_of(station, wanted, timeout)).read
    return await _read(station, list(split(wanted, len, limits)), timeout)


async def write(
    station: Reachable, values: dict[str, str], timeout: float = TIMEOUT
) -> SettingsWritten:
    """Write these settings; what one is answered does not keep the others from being sent."""
    done = SettingsWritten()

    async def ask(part: tuple[str, ...]) -> CommandReply:
        reply = await station.execute(WriteSettings({name: values[name] for name in part}), timeout)
        done.results |= reply.data.get("results", {})
        return reply

    names = tuple(values)
    if len(names) < 2:
        parts = [names] if names else []
    else:
        limits = (await limits_of(station, names, timeout)).write
        parts = list(split(names, lambda name: len(name) + _size(values[name]), limits))
    done.outcome = await _in_parts(ask, parts)
    return done


async def limits_of(
    station: Reachable, names: tuple[str, ...], timeout: float = TIMEOUT
) -> MessagesLimits:
    """The station's limits; `names` are settings of its version."""
    known = _known.get(station)
    if known is not None:
        return known
    is_2x = all("." in name for name in names)
    limits = await (_limits_2x if is_2x else _limits_16)(station, timeout)
    if limits is None:  # it did not say: the next one asks again
        return MessagesLimits(MessageLimits(UNTOLD_ITEMS), MessageLimits(1))
    _known[station] = limits
    return limits


async def _limits_16(station: Reachable, timeout: float) -> MessagesLimits | None:
    said = await _read(station, [(_MAX_KEYS,)], timeout)
    if said.outcome is not CommandOutcome.ACCEPTED:
        return None
    # ChangeConfiguration.req holds one key
    items = _number(said.values.get(_MAX_KEYS)) or UNTOLD_ITEMS
    return MessagesLimits(MessageLimits(items), MessageLimits(1))


async def _limits_2x(station: Reachable, timeout: float) -> MessagesLimits | None:
    first = await _read(station, [(_ITEMS_GET,)], timeout)
    if first.outcome is not CommandOutcome.ACCEPTED:
        return None
    items = _number(first.values.get(_ITEMS_GET)) or UNTOLD_ITEMS
    others = split((_BYTES_GET, _ITEMS_SET, _BYTES_SET), len, MessageLimits(items))
    said = (await _read(station, list(others), timeout)).values
    return MessagesLimits(
        MessageLimits(items, _number(said.get(_BYTES_GET))),
        MessageLimits(_number(said.get(_ITEMS_SET)) or UNTOLD_ITEMS, _number(said.get(_BYTES_SET))),
    )


def split(
    names: tuple[str, ...], size: Callable[[str], int], limits: MessageLimits
) -> Iterator[tuple[str, ...]]:
    """Parts that keep within the limits; an item that is too large alone goes alone."""
    part: list[str] = []
    used = _MESSAGE_BYTES
    for name in names:
        more = _ITEM_BYTES + size(name)
        too_large = limits.size is not None and used + more > limits.size
        if part and (len(part) >= limits.items or too_large):
            yield tuple(part)
            part, used = [], _MESSAGE_BYTES
        part.append(name)
        used += more
    if part:
        yield tuple(part)


async def _read(station: Reachable, parts: list[tuple[str, ...]], timeout: float) -> SettingsRead:
    found = SettingsRead()

    async def ask(part: tuple[str, ...]) -> CommandReply:
        reply = await station.execute(ReadSettings(part), timeout)
        if reply.accepted:
            found.values |= reply.data["values"]
            found.unknown += reply.data["unknown"]
            found.readonly += reply.data["readonly"]
            found.refused |= reply.data["refused"]
        return reply

    found.outcome = await _in_parts(ask, parts)
    return found


async def _in_parts(
    ask: Callable[[tuple[str, ...]], Awaitable[CommandReply]], parts: list[tuple[str, ...]]
) -> CommandOutcome:
    """Ask part by part; returns ACCEPTED, or how the first part failed that was not answered."""
    outcome, timeouts = CommandOutcome.ACCEPTED, 0
    waiting = deque(parts)
    while waiting and timeouts < MAX_TIMEOUTS:
        part = waiting.popleft()
        reply = await ask(part)
        if reply.outcome is CommandOutcome.TIMEOUT:
            timeouts += 1
        else:
            timeouts = 0
        if reply.outcome in _ANSWERED:
            continue
        if reply.outcome is CommandOutcome.FAILED and len(part) > 1:
            half = len(part) // 2
            waiting.extendleft([part[half:], part[:half]])
        elif outcome is CommandOutcome.ACCEPTED:
            outcome = reply.outcome
    return outcome


def _size(value: str) -> int:
    return len(exact_json.dumps(value))


def _number(text: str | None) -> int | None:
    """A limit as the station tells it; none that makes no sense."""
    try:
        number = int(Decimal(text or ""))
    except (ArithmeticError, ValueError):
        return None
    return number if number > 0 else None
