"""The last frames of a connection, both ways, for the operator's eyes.

In memory only, few, and with secrets masked whenever they are shown. A frame is kept as it came,
because most are never looked at; a long one is masked and cut at once.
"""

import re
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

from gateway import exact_json
from gateway.domain import timestamps
from gateway.ocpp import codec

KEPT_FRAMES = 20
KEPT_CHARACTERS = 4_096
MASK = "***"

# Members and variables that hold a secret in some OCPP version: AuthorizationKey,
# BasicAuthPassword, vpn.password, apn.apnPassword, key, ...
_SECRET = re.compile(r"password|authorizationkey|secret|passwd|privatekey", re.IGNORECASE)

# What opens a URL that a station is sent: a ticket of the files listener, a name and password.
_OPENING = re.compile(r"(/files/[ud]/)[A-Za-z0-9_-]{20,}|(?<=://)[^/@\s\"]{1,200}@")

RECEIVED, SENT = "received", "sent"


class FrameRecord:
    """A ring of the last frames."""

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames: deque[tuple[float, str, bytes]] = deque(maxlen=KEPT_FRAMES)

    def add(self, direction: str, frame: bytes) -> None:
        """Keep one frame, in place of the oldest."""
        if len(frame) > KEPT_CHARACTERS:
            frame = masked(frame).encode()
        self._frames.append((time.time(), direction, frame))

    def answered_action(self, message_id: str) -> str | None:
        """The action of the CALL that we answered under this id; None if it is not there."""
        begin = codec.begin_of_answer(message_id)
        if not any(frame.startswith(begin) for _, way, frame in self._frames if way == SENT):
            return None
        for _, way, frame in reversed(self._frames):
            call = codec.begin_of_call(frame) if way == RECEIVED else None
            if call is not None and call[0] == message_id:
                return call[1]
        return None

    def show(self) -> list[dict[str, Any]]:
        """The frames, oldest first, secrets masked."""
        return [
            {
                "at": timestamps.to_text(datetime.fromtimestamp(at, UTC)),
                "direction": direction,
                "frame": masked(frame),
            }
            for at, direction, frame in self._frames
        ]


def masked(frame: bytes) -> str:
    """A frame's text with the secrets taken out, cut to what is worth showing.

    What cannot be parsed cannot be masked by its structure: if it so much as mentions a secret,
    nothing of it is shown.
    """
    text = frame.decode(errors="replace")
    if _SECRET.search(text):
        try:
            text = exact_json.dumps(_without_secrets(exact_json.loads(frame))).decode()
        except ValueError:
            return MASK
    text = _OPENING.sub(lambda match: f"{match[1] or ''}{MASK}{'' if match[1] else '@'}", text)
    return text if len(text) <= KEPT_CHARACTERS else f"{text[:KEPT_CHARACTERS]}..."


def _without_secrets(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    if not isinstance(value, dict):
        return value
    # {"key": "AuthorizationKey", "value": ...} (1.6) and
    # {"variable": {"name": "BasicAuthPassword"}, "attributeValue": ...} (2.0.1) name it beside.
    named_beside = _names_secret(value)
    return {
        name: MASK
        if _is_secret(name, item) or (named_beside and name in _VALUES)
        else _without_secrets(item)
        for name, item in value.items()
    }


_VALUES = frozenset({"value", "attributeValue", "data", "variableAttribute", "actualValue"})


def _is_secret(name: str, item: Any) -> bool:
    return isinstance(item, (str, int)) and _SECRET.search(name) is not None


def _names_secret(members: dict[str, Any]) -> bool:
    names = [members.get("key"), members.get("messageId"), members.get("variable")]
    names += [variable.get("name") for variable in names if isinstance(variable, dict)]
    return any(isinstance(name, str) and _SECRET.search(name) for name in names)
