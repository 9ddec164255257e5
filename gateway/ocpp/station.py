"""The `Station` of the services: one live link, asked in its own version's words."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from websockets.frames import CloseCode

from gateway.domain.commands import Command, CommandOutcome
from gateway.ocpp import codec
from gateway.ocpp.dialect import Line, Payload
from gateway.ocpp.schemas import Rule
from gateway.services.ports import (
    CallError,
    CallResult,
    CallTimeout,
    InvalidCall,
    NotConnected,
    Station,
)

log = structlog.get_logger(__name__)

# A CALLERROR in answer to a command; any other code is a failure of the station.
_OUTCOMES_OF_ERRORS: Mapping[str, CommandOutcome] = {
    "NotImplemented": CommandOutcome.NOT_SUPPORTED,
    "NotSupported": CommandOutcome.NOT_SUPPORTED,
    "SecurityError": CommandOutcome.REJECTED,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A command in a version's words, and what the answer's `status` means."""

    action: str
    payload: Payload
    outcomes: Mapping[str, CommandOutcome]


class LinkedStation(Station):
    """What is the same in all versions; `ask` is what is not."""

    def __init__(self, link: Line) -> None:
        self._link = link
        self.protocol = link.dialect.subprotocol

    @abstractmethod
    def ask(self, command: Command) -> Asked | None:
        """The command in this version's words; None when the version cannot say it."""

    async def call(
        self, action: str, payload: dict[str, Any], timeout: float
    ) -> CallResult | CallError:
        """Send a CALL; its payload is checked before, its answer's after.

        An answer that breaks its schema is reported in the log and handed on as it is.
        """
        schemas = self._link.dialect.schemas
        request, response = schemas.request(action), schemas.response(action)
        if request is None or response is None:
            raise InvalidCall([f"{self.protocol} has no action {action!r}"])
        faults = request.faults(payload)
        if faults:
            raise InvalidCall([str(fault) for fault in faults])
        answer = await self._link.call(action, request.ordered(payload), timeout)
        if isinstance(answer, codec.Refusal):
            return CallError(answer.code, answer.description, answer.details)
        if not isinstance(answer.payload, dict):
            code = self._link.dialect.codes[Rule.FORMAT]
            return CallError(code, "the answer's payload is no object")
        for violation in response.violations(answer.payload):
            log.warning(
                "answer breaks its schema",
                charge_point=self._link.identity,
                action=action,
                path=violation.path,
                rule=violation.keyword,
            )
        return CallResult(answer.payload)

    async def execute(self, command: Command, timeout: float) -> CommandOutcome:
        """Carry a command out, as far as the station's answer says."""
        asked = self.ask(command)
        if asked is None:
            return CommandOutcome.FAILED
        try:
            answer = await self.call(asked.action, asked.payload, timeout)
        except CallTimeout:
            return CommandOutcome.TIMEOUT
        except (InvalidCall, NotConnected) as error:
            log.info("command not sent", charge_point=self._link.identity, reason=str(error))
            return CommandOutcome.FAILED
        if isinstance(answer, CallError):
            return _OUTCOMES_OF_ERRORS.get(answer.code, CommandOutcome.FAILED)
        return asked.outcomes.get(str(answer.payload.get("status")), CommandOutcome.FAILED)

    async def close(self, reason: str) -> None:
        """End the socket quietly: an error code makes some stacks reconnect at once."""
        self._link.close(CloseCode.NORMAL_CLOSURE, reason)
