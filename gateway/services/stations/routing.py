"""Finds the socket of a charge point, on this node or another, and speaks through it."""

from dataclasses import asdict
from typing import Any

import msgspec
import structlog

from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.services.ports import (
    CallError,
    CallResult,
    CallTimeout,
    InvalidCall,
    NotConnected,
    Station,
    UnknownChargePoint,
    Withheld,
)
from gateway.services.stations.registered import registered
from gateway.services.stations.station_state import StationState
from gateway.store import BusTimeout, Store, StoreError

log = structlog.get_logger(__name__)

_TOPIC = "station"
_GRACE = 1.0  # seconds that the other node has, beyond the station's own bound, to say what came


class StationRouter:
    """Local sockets by identity, and the way to the others over the bus."""

    def __init__(self, store: Store, node_id: str) -> None:
        self._store = store
        self._node_id = node_id
        self._stations: dict[str, tuple[StationState, Station]] = {}
        store.bus.serve(_TOPIC, self._serve)

    def attach(self, state: StationState, station: Station) -> Station | None:
        """Make `station` the way to its charge point; returns the one that it supersedes."""
        previous = self._stations.get(state.identity)
        self._stations[state.identity] = (state, station)
        return previous[1] if previous else None

    def detach(self, state: StationState) -> None:
        """Forget a connection, unless a newer one has taken its place (S3)."""
        current = self._stations.get(state.identity)
        if current is not None and current[0] is state:
            del self._stations[state.identity]

    def local(self, identity: str) -> tuple[StationState, Station] | None:
        """The connection on this node, if it is here."""
        return self._stations.get(identity)

    def states(self) -> list[StationState]:
        """All connections on this node."""
        return [state for state, _ in self._stations.values()]

    def is_left_behind(self, identity: str, node_id: str) -> bool:
        """Whether a route to `node_id` is one of ours whose socket is not: a process that died."""
        return node_id == self._node_id and identity not in self._stations

    async def call(
        self, identity: str, action: str, payload: dict[str, Any], timeout: float
    ) -> CallResult | CallError:
        """Send a CALL whichever node holds the socket.

        Raises `UnknownChargePoint`, `InvalidCall`, `NotConnected`, `CallTimeout`.
        """
        log.info("operator call", charge_point=identity, action=action)
        here = self._stations.get(identity)
        if here is not None:
            return await here[1].call(action, payload, timeout)
        answer = await self._elsewhere(
            identity,
            {"identity": identity, "action": action, "payload": payload, "timeout": timeout},
            timeout,
        )
        return _read_answer(answer)

    async def execute(self, identity: str, command: Command, timeout: float) -> CommandReply:
        """Carry out a command whichever node holds the socket.

        Raises nothing: failures, those of the store and of the other node among them, become
        outcomes.
        """
        try:
            here = self._stations.get(identity)
            if here is not None:
                return await here[1].execute(command, timeout)
            return await self._executed_elsewhere(identity, command, timeout)
        except CallTimeout:
            return CommandReply(CommandOutcome.TIMEOUT)
        except (NotConnected, UnknownChargePoint):
            return CommandReply(CommandOutcome.FAILED)
        except StoreError as error:
            log.warning("command not carried out", charge_point=identity, reason=repr(error))
            return CommandReply(CommandOutcome.FAILED)

    async def _executed_elsewhere(
        self, identity: str, command: Command, timeout: float
    ) -> CommandReply:
        request = {
            "identity": identity,
            "command": type(command).__name__,
            "fields": msgspec.to_builtins(command),
            "timeout": timeout,
        }
        answer = await self._elsewhere(identity, request, timeout)
        if "reply" not in answer:
            return CommandReply(CommandOutcome.FAILED)
        return msgspec.convert(answer["reply"], CommandReply)

    async def _elsewhere(self, identity: str, request: dict[str, Any], timeout: float) -> Any:
        record = await registered(self._store, identity)
        route = await self._store.party(record.party).stations.route(identity)
        if route is None or route.node_id == self._node_id:
            raise NotConnected(identity)
        try:
            return await self._store.bus.request(route.node_id, _TOPIC, request, timeout + _GRACE)
        except BusTimeout:
            raise CallTimeout(identity) from None

    async def _serve(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer another node's request with the socket that is here."""
        here = self._stations.get(request["identity"])
        if here is None:
            return {"error": "not connected"}
        station, timeout = here[1], float(request["timeout"])
        if "command" in request:
            kind = Command.kinds[request["command"]]
            command = msgspec.convert(request["fields"], kind)
            return {"reply": asdict(await station.execute(command, timeout))}
        try:
            answer = await station.call(request["action"], request["payload"], timeout)
        except InvalidCall as error:
            return {"error": "invalid", "errors": error.errors}
        except CallTimeout:
            return {"error": "timeout"}
        except Withheld as error:
            return {"error": "withheld", "reason": str(error)}
        except NotConnected:
            return {"error": "not connected"}
        return {"type": type(answer).__name__, "answer": asdict(answer)}


def _read_answer(answer: dict[str, Any]) -> CallResult | CallError:
    if answer.get("error") == "invalid":
        raise InvalidCall(answer["errors"])
    if answer.get("error") == "withheld":
        raise Withheld(answer["reason"])
    if answer.get("error") == "timeout":
        raise CallTimeout
    if "error" in answer:
        raise NotConnected(answer["error"])
    if answer["type"] == "CallResult":
        return CallResult(**answer["answer"])
    return CallError(**answer["answer"])
