"""OCPP-J frames: bytes to message and back. Pure, and never raises whatever the bytes.

Shapes are those of OCPP-J 1.6, 2.0.1 and 2.1, all 4.2. Which message types there are, and how a
frame that is no message is answered, is the dialect's business (`kinds`, `Malformed.fault`).
"""

import re
from collections.abc import Collection
from enum import Enum
from typing import Any, NamedTuple

from gateway import exact_json

CALL, CALLRESULT, CALLERROR = 2, 3, 4
CALLRESULTERROR, SEND = 5, 6  # since OCPP-J 2.1

KINDS = frozenset({CALL, CALLRESULT, CALLERROR})
KINDS_2_1 = KINDS | {CALLRESULTERROR, SEND}

MAX_MESSAGE_ID = 36  # OCPP-J 4.1.4
MAX_DESCRIPTION = 255  # OCPP-J 2.0.1 table 7


class Fault(Enum):
    """What kind of nonsense a frame is."""

    FRAME = "frame"  # no JSON array, or a CALL without the parts of a CALL
    MESSAGE_TYPE = "message type"  # a number that no OCPP-J version we speak defines
    ANSWER = "answer"  # a broken answer of any type: answering it would start a loop
    SEND = "send"  # a broken SEND: "SHALL NOT respond" (2.1, 4.2.4)


class Call(NamedTuple):
    """A request. Its id is a number only where a quirk lets that pass."""

    message_id: str | int
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


class ResultRefusal(NamedTuple):
    """A CALLRESULTERROR: an answer could not be processed. The id is that of the answer."""

    message_id: str
    code: str
    description: str
    details: dict[str, Any]


class Send(NamedTuple):
    """A SEND: a message without a response, not even an error."""

    message_id: str
    action: str
    payload: Any


class Malformed(NamedTuple):
    """No message. `message_id` is what could still be read of the id."""

    fault: Fault
    reason: str
    message_id: str | None = None


Message = Call | Answer | Refusal | ResultRefusal | Send | Malformed


def read(frame: bytes, kinds: Collection[int] = KINDS) -> Message:
    """Make a message of one text frame's bytes; `kinds` are the version's message types."""
    try:
        parts = exact_json.loads(frame)
    except exact_json.InvalidJSON as error:
        fault = Fault.SEND if SEND in kinds and _SEND_BEGIN.match(frame) else Fault.FRAME
        return Malformed(fault, f"no JSON: {error}", _salvaged_id(frame))
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
    if kind == SEND and kind in kinds:
        return _send(parts, message_id)
    if kind == CALLRESULTERROR and kind in kinds:
        refusal = _refusal(parts, message_id)
        return ResultRefusal(*refusal) if type(refusal) is Refusal else refusal
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


def _send(parts: list[Any], message_id: str | None) -> Send | Malformed:
    # Its id matches nothing, so a bad one loses nothing.
    if len(parts) not in (3, 4) or type(parts[2]) is not str:
        return Malformed(Fault.SEND, "a SEND is [6, id, action, payload]", message_id)
    payload = parts[3] if len(parts) == 4 else None
    return Send(message_id or "", parts[2], {} if payload is None else payload)


def _answer(parts: list[Any], message_id: str | None) -> Answer | Malformed:
    if message_id is None or len(parts) not in (2, 3):
        return Malformed(Fault.ANSWER, "a CALLRESULT is [3, id, payload]", message_id)
    payload = parts[2] if len(parts) == 3 else None
    return Answer(message_id, {} if payload is None else payload)


def _refusal(parts: list[Any], message_id: str | None) -> Refusal | Malformed:
    if message_id is None or len(parts) > 5:
        shape = f"an error is [{parts[0]}, id, code, description, details]"
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


_SEND_BEGIN = re.compile(rb"\s*\[\s*6\s*,")
_CALL_ID = re.compile(rb'\s*\[\s*2\s*,\s*"([\x20\x21\x23-\x5b\x5d-\x7e]{1,36})"')


def _salvaged_id(frame: bytes) -> str | None:
    """The id of a CALL whose payload is broken JSON, so that it can be refused by name."""
    match = _CALL_ID.match(frame)
    return match[1].decode() if match else None


_CALL_BEGIN = re.compile(rb'\s*\[\s*2\s*,\s*"([^"\\]{1,36})"\s*,\s*"(\w{1,50})"')


def begin_of_call(frame: bytes) -> tuple[str, str] | None:
    """Id and action of a CALL, also of one that was cut; None for everything else."""
    match = _CALL_BEGIN.match(frame)
    return (match[1].decode(errors="replace"), match[2].decode()) if match else None


def write_call(message_id: str, action: str, payload: Any) -> bytes:
    """A CALL as compact JSON."""
    return exact_json.dumps((CALL, message_id, action, payload))


def write_answer(message_id: str | int, payload: Any) -> bytes:
    """A CALLRESULT as compact JSON."""
    return exact_json.dumps((CALLRESULT, message_id, payload))


def begin_of_answer(message_id: str) -> bytes:
    """What every CALLRESULT of ours with this id begins with."""
    return exact_json.dumps((CALLRESULT, message_id))[:-1] + b","


def write_refusal(message_id: str | int, code: str, description: str) -> bytes:
    """A CALLERROR as compact JSON; the description is cut to what the standard allows."""
    return exact_json.dumps((CALLERROR, message_id, code, description[:MAX_DESCRIPTION], {}))


def write_result_refusal(message_id: str, code: str, description: str) -> bytes:
    """A CALLRESULTERROR as compact JSON; its description is cut likewise."""
    return exact_json.dumps((CALLRESULTERROR, message_id, code, description[:MAX_DESCRIPTION], {}))
