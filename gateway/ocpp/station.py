"""The `Station` of the services: one live link, asked in its own version's words."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import structlog
from websockets.frames import CloseCode

from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.ocpp import codec
from gateway.ocpp.dialect import Line
from gateway.ocpp.mending import mend
from gateway.ocpp.schemas import MessageSchema, Rule
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


class LinkedStation(Station):
    """A live link of any version."""

    def __init__(self, link: Line) -> None:
        self._link = link
        self.protocol = link.dialect.subprotocol

    async def call(
        self, action: str, payload: dict[str, Any], timeout: float
    ) -> CallResult | CallError:
        """Send a CALL; its payload is checked before, its answer's after.

        An answer that breaks its schema is reported in the log and handed on as it is: part 4
        allows to drop it (2.1, 4.2.3), and what the station did is done. A 2.1 station is told by
        a CALLRESULTERROR if there is more wrong with it than what is mended for everyone.
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
            self._link.answer_broke_schema(action, ())
            self._link.refuse_answer(answer.message_id, code, "the payload is no object")
            return CallError(code, "the answer's payload is no object")
        violations = response.violations(answer.payload)
        if violations:
            self._link.answer_broke_schema(action, violations[0].path)
            self._complain(response, answer)
        for violation in violations:
            log.warning(
                "answer breaks its schema",
                charge_point=self._link.identity,
                action=action,
                path=violation.path,
                rule=violation.keyword,
            )
        return CallResult(answer.payload)

    def _complain(self, response: MessageSchema, answer: codec.Answer) -> None:
        left = mend(response, deepcopy(answer.payload), quirks=())
        if left:
            code = self._link.dialect.codes[left[0].rule]
            self._link.refuse_answer(answer.message_id, code, "; ".join(map(str, left)))

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        """Carry a command out, as far as the station's answer says."""
        ask = self._link.dialect.asks.get(type(command))
        if ask is None:
            return CommandReply(CommandOutcome.NOT_SUPPORTED)
        asked = ask(command)
        if asked is None:
            return CommandReply(CommandOutcome.FAILED)
        try:
            answer = await self.call(asked.action, asked.payload, timeout)
        except CallTimeout:
            return CommandReply(CommandOutcome.TIMEOUT)
        except (InvalidCall, NotConnected) as error:
            log.info("command not sent", charge_point=self._link.identity, reason=str(error))
            return CommandReply(CommandOutcome.FAILED)
        if isinstance(answer, CallError):
            outcome = _OUTCOMES_OF_ERRORS.get(answer.code, CommandOutcome.FAILED)
            return CommandReply(outcome, data={"error": answer.code})
        try:
            return asked.read(answer.payload)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # an answer that broke its schema beyond reading was reported above
            log.info("answer not understood", charge_point=self._link.identity, reason=repr(error))
            return CommandReply(CommandOutcome.FAILED)

    async def close(self, reason: str) -> None:
        """End the socket quietly: an error code makes some stacks reconnect at once."""
        self._link.close(CloseCode.NORMAL_CLOSURE, reason)
