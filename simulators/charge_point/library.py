"""The one place that touches the untyped `ocpp` package.

It drives the package's client side (`ocpp.v16.ChargePoint` and its likes) and promises the rest of
the simulator plain types: a call goes out as an action name with fields in snake_case and comes
back as a dictionary in snake_case; both ways are checked against the package's schemas.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import fields as dataclass_fields
from types import ModuleType
from typing import Any, Protocol

import ocpp.messages
import ocpp.v16
import ocpp.v16.call
import ocpp.v16.call_result
import ocpp.v16.enums
import ocpp.v21
import ocpp.v21.call
import ocpp.v21.call_result
import ocpp.v21.enums
import ocpp.v201
import ocpp.v201.call
import ocpp.v201.call_result
import ocpp.v201.enums
from ocpp.exceptions import (
    FormationViolationError,
    FormatViolationError,
    OccurrenceConstraintViolationError,
    OCPPError,
)
from websockets.exceptions import ConnectionClosed

# Validation in a thread pool costs a hop per message and buys nothing: the schemas are small.
ocpp.messages.ASYNC_VALIDATION = False

Fields = dict[str, Any]
Handler = Callable[..., Fields]


class Wire(Protocol):
    """What a connection must offer: text frames, one at a time."""

    async def recv(self) -> str: ...

    async def send(self, frame: str) -> None: ...


class CallRefusedError(Exception):
    """The CSMS answered with a CALLERROR, or with an answer that breaks its schema."""

    def __init__(self, action: str, code: str, description: str) -> None:
        super().__init__(f"{action}: {code} {description}")
        self.action = action
        self.code = code


class NoAnswerError(Exception):
    """The CSMS did not answer in time; the connection is still there."""


class DisconnectedError(Exception):
    """The connection went away before an answer came."""


def too_many(most: int) -> Exception:
    """What a handler raises for a list that is too long; it becomes the CALLERROR for that."""
    error: Exception = OccurrenceConstraintViolationError(f"at most {most} items", {})
    return error


class Endpoint:
    """One connection's OCPP conversation, until the connection ends."""

    def __init__(
        self,
        version: str,
        identity: str,
        wire: Wire,
        handlers: Mapping[str, Handler],
        answer_timeout: float,
    ) -> None:
        dialect = _DIALECTS[version]
        self._calls: ModuleType = dialect.calls
        self._answer_timeout = answer_timeout
        self._library = dialect.charge_point(
            identity, wire, response_timeout=answer_timeout, logger=_FRAMES
        )
        self._library.route_map = {
            action: {"_on_action": _answering(dialect.results, action, handler)}
            for action, handler in handlers.items()
        }
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        """Reads and answers until the connection ends; raises what ended it."""
        try:
            await self._library.start()
        finally:
            if not self._closed.done():
                self._closed.set_result(None)

    async def call(self, action: str, **fields: Any) -> Fields:
        """Sends a CALL and returns its answer's fields.

        Raises CallRefusedError, NoAnswerError, DisconnectedError.
        """
        payload = getattr(self._calls, action)(**fields)
        asking = asyncio.create_task(self._ask(action, payload))
        waited: set[asyncio.Future[Any]] = {asking, self._closed}
        try:
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                raise DisconnectedError(action)
            return asking.result()
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

    async def _ask(self, action: str, payload: Any) -> Fields:
        try:
            answer = await self._library.call(payload, suppress=False)
        except TimeoutError as error:
            raise NoAnswerError(f"{action}: none within {self._answer_timeout} s") from error
        except OCPPError as error:
            code = getattr(error, "code", "InternalError")
            raise CallRefusedError(action, code, str(error.description)) from error
        except (OSError, ConnectionClosed) as error:
            raise DisconnectedError(action) from error
        return {field.name: getattr(answer, field.name) for field in dataclass_fields(answer)}


def _answering(results: ModuleType, action: str, handler: Handler) -> Callable[..., Any]:
    result = getattr(results, action)

    def answer(**payload: Any) -> Any:
        return result(**handler(**payload))

    return answer


# Refusals reach the caller as exceptions; what the package logs as an error is a bug on one side.
_FRAMES = logging.getLogger("simulators.charge_point.frames")
_FRAMES.setLevel(logging.ERROR)


class _StandardErrors:
    """Answers what has no handler with the standard's codes, and survives malformed frames.

    The package names the codes the other way round: OCPP-J 1.6 table 7 and 2.0.1 part 4 table 8
    say NotImplemented for an unknown action and NotSupported for a recognised one that the
    receiver does not offer.
    """

    known_actions: frozenset[str]
    route_map: Mapping[str, Any]

    async def route_message(self, raw_msg: str) -> None:
        refusal = self._refusal(raw_msg)
        if refusal is None:
            await super().route_message(raw_msg)  # type: ignore[misc]  # the package's class is next in line
        else:
            await self._send(json.dumps(refusal, separators=(",", ":")))  # type: ignore[attr-defined]  # likewise

    def _refusal(self, raw_msg: str) -> list[Any] | None:
        try:
            frame = json.loads(raw_msg)
        except ValueError:
            return None
        match frame:
            case [2, str(message_id), str(action), dict()]:
                if action in self.route_map:
                    return None
                code = "NotSupported" if action in self.known_actions else "NotImplemented"
                return [4, message_id, code, f"{action} is not offered here", {}]
            case [2, str(message_id), *_]:
                return [4, message_id, "ProtocolError", "not a CALL", {}]
        return None


class _V16(_StandardErrors, ocpp.v16.ChargePoint):  # type: ignore[misc]  # the package is untyped
    known_actions = frozenset(action.value for action in ocpp.v16.enums.Action)

    async def _handle_call(self, msg: Any) -> None:
        try:
            await super()._handle_call(msg)
        except FormatViolationError as error:
            # OCPP-J 1.6 table 7 prints it so.
            raise FormationViolationError(error.description, error.details) from error


class _V201(_StandardErrors, ocpp.v201.ChargePoint):  # type: ignore[misc]  # the package is untyped
    known_actions = frozenset(action.value for action in ocpp.v201.enums.Action)


class _V21(_StandardErrors, ocpp.v21.ChargePoint):  # type: ignore[misc]  # the package is untyped
    known_actions = frozenset(action.value for action in ocpp.v21.enums.Action)


class _Dialect:
    def __init__(self, charge_point: Any, calls: ModuleType, results: ModuleType) -> None:
        self.charge_point = charge_point
        self.calls = calls
        self.results = results


_DIALECTS: Mapping[str, _Dialect] = {
    "1.6": _Dialect(_V16, ocpp.v16.call, ocpp.v16.call_result),
    "2.0.1": _Dialect(_V201, ocpp.v201.call, ocpp.v201.call_result),
    "2.1": _Dialect(_V21, ocpp.v21.call, ocpp.v21.call_result),
}
