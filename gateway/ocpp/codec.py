"""OCPP-J frames: bytes to message and back. Pure, and never raises whatever the bytes.

Shapes are those of OCPP-J 1.6 and 2.0.1, both 4.2; what differs is how a frame that is none of
them is answered, and that is the dialect's business (`Malformed.fault`).
"""

import re
from enum import Enum
from typing import Any, NamedTuple

from gateway import exact_json

CALL, CALLRESULT, CALLERROR = 2, 3, 4

MAX_MESSAGE_ID = 36  # OCPP-J 4.1.4
MAX_DESCRIPTION = 255  # OCPP-J 2.0.1 table 7


class Fault(Enum):
    """What kind of nonsense a frame is."""

    FRAME = "frame"  # no JSON array, or a CALL without the parts of a CALL
    MESSAGE_TYPE = "message type"  # a number that no OCPP-J version we speak defines
    ANSWER = "answer"  # a broken CALLRESULT or CALLERROR: answering it would start a loop


class Call(NamedTuple):
    """A request."""

    message_id: str
    action: str
    payload: Any


class Answer(NamedTuple):
    """A CALLRESULT."""

    message_id: str
    payload: Any


class Refusal(NamedTuple):
    """A CALLERROR."""

    message_id: str
    code: str
    description: str
    details: dict[str, Any]


class Malformed(NamedTuple):
    """No message. `message_id` is what could still be read of the id."""

    fault: Fault
    reason: str
    message_id: str | None = None


Message = Call | Answer | Refusal | Malformed


def read(frame: bytes) -> Message:
    """Make a message of one text frame's bytes."""
    try:
        parts = exact_json.loads(frame)
    except exact_json.InvalidJSON as error:
        return Malformed(Fault.FRAME, f"no JSON: {error}", _salvaged_id(frame))
    if type(parts) is not list or not parts:
        return Malformed(Fault.FRAME, "no JSON array with elements")
    kind = parts[0]
    if kind == CALL and type(kind) is int:
        return _call(parts)
    message_id = _id(parts)
    if type(kind) is not int:
        return Malformed(Fault.FRAME, "the message type is no integer", message_id)
    if kind == CALLRESULT:
        return _answer(parts, message_id)
    if kind == CALLERROR:
        return _refusal(parts, message_id)
    return Malformed(Fault.MESSAGE_TYPE, f"unknown message type {kind}", message_id)


def _call(parts: list[Any]) -> Call | Malformed:
    message_id = _id(parts)
    if message_id is None:
        return Malformed(Fault.FRAME, "the message id cannot be read")
    if type(parts[1]) is not str:
        return Malformed(Fault.FRAME, "the message id is no string", message_id)
    if len(message_id) > MAX_MESSAGE_ID:
        reason = f"the message id is longer than {MAX_MESSAGE_ID} characters"
        return Malformed(Fault.FRAME, reason, message_id)
    if len(parts) not in (3, 4) or type(parts[2]) is not str:
        return Malformed(Fault.FRAME, "a CALL is [2, id, action, payload]", message_id)
    # "If there is no payload JSON allows for two different notations: null and {}" (4.2.1)
    payload = parts[3] if len(parts) == 4 else None
    return Call(message_id, parts[2], {} if payload is None else payload)


def _answer(parts: list[Any], message_id: str | None) -> Answer | Malformed:
    if message_id is None or len(parts) not in (2, 3):
        return Malformed(Fault.ANSWER, "a CALLRESULT is [3, id, payload]", message_id)
    payload = parts[2] if len(parts) == 3 else None
    return Answer(message_id, {} if payload is None else payload)


def _refusal(parts: list[Any], message_id: str | None) -> Refusal | Malformed:
    if message_id is None or len(parts) > 5:
        shape = "a CALLERROR is [4, id, code, description, details]"
        return Malformed(Fault.ANSWER, shape, message_id)
    # Stations leave out the tail, and write far more than 255 characters of description.
    code = parts[2] if len(parts) > 2 else "GenericError"
    description = parts[3] if len(parts) > 3 else ""
    details = parts[4] if len(parts) > 4 else None
    return Refusal(
        message_id, str(code), str(description), details if isinstance(details, dict) else {}
    )


def _id(parts: list[Any]) -> str | None:
    """The id as text, if there is one that can be sent back; a number counts as its digits."""
    if len(parts) < 2 or type(parts[1]) not in (str, int):
        return None
    message_id = str(parts[1])
    return message_id if len(message_id) <= 4 * MAX_MESSAGE_ID else None


_CALL_ID = re.compile(rb'\s*\[\s*2\s*,\s*"([\x20\x21\x23-\x5b\x5d-\x7e]{1,36})"')


def _salvaged_id(frame: bytes) -> str | None:
    """The id of a CALL whose payload is broken JSON, so that it can be refused by name."""
    match = _CALL_ID.match(frame)
    return match[1].decode() if match else None


def write_call(message_id: str, action: str, payload: Any) -> bytes:
    """A CALL as compact JSON."""
    return exact_json.dumps((CALL, message_id, action, payload))


def write_answer(message_id: str, payload: Any) -> bytes:
    """A CALLRESULT as compact JSON."""
    return exact_json.dumps((CALLRESULT, message_id, payload))


def write_refusal(message_id: str, code: str, description: str) -> bytes:
    """A CALLERROR as compact JSON; the description is cut to what the standard allows."""
    return exact_json.dumps((CALLERROR, message_id, code, description[:MAX_DESCRIPTION], {}))
