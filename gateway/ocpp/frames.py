"""The last frames of a connection, both ways, for the operator's eyes.

In memory only, few, and with secrets masked whenever they are shown. A frame is kept as it came,
because most are never looked at; of a long one only the begin is, and nothing of it is shown if
it has a secret anywhere and is too long to be masked by its structure.
"""

import re
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

from gateway import exact_json
from gateway.domain import timestamps
from gateway.domain.values import dataclass
from gateway.ocpp import codec

KEPT_FRAMES = 20
KEPT_CHARACTERS = 4_096
MASK = "***"

# Beyond this, a frame that mentions a secret is not taken apart: that would take too long.
LONGEST_MASKED = 32_768
_EDGE = 512  # characters before a cut that are not shown: what opens a URL may be cut in two there
_BEGIN = KEPT_CHARACTERS + 4 * _EDGE
_NAMING = 256  # bytes that hold the id and the action of a CALL

# Members and variables that hold a secret in some OCPP version: AuthorizationKey,
# BasicAuthPassword, vpn.password, apn.apnPassword, key, ...
_NAMES = ("password", "authorizationkey", "secret", "passwd", "privatekey")
_SECRET = re.compile("|".join(_NAMES), re.IGNORECASE)
_ESCAPE = r"\u00"  # a letter that is written like this may belong to such a name
_SUSPECT = tuple(name.encode() for name in (*_NAMES, _ESCAPE))

# What opens a URL that a station is sent: a ticket of the files listener, a name and password.
_OPENING = re.compile(r"(/files/[ud]/)[A-Za-z0-9_-]{20,}|(?<=://)[^/@\s\"]{1,200}@")

RECEIVED, SENT = "received", "sent"


@dataclass(frozen=True, slots=True)
class _Kept:
    """`shown`: the text that stands for a frame that was long; None while it is still to be made
    of the frame."""

    at: float
    direction: str
    frame: bytes
    shown: str | None = None
    is_cut: bool = False


class FrameRecord:
    """A ring of the last frames."""

    __slots__ = ("_frames",)

    def __init__(self) -> None:
        self._frames: deque[_Kept] = deque(maxlen=KEPT_FRAMES)

    def add(self, direction: str, frame: bytes) -> None:
        """Keep one frame, in place of the oldest."""
        at = time.time()
        if len(frame) <= KEPT_CHARACTERS:
            kept = _Kept(at, direction, frame)
        elif not _mentions_secret(frame):
            kept = _Kept(at, direction, frame[:_BEGIN], is_cut=len(frame) > _BEGIN)
        else:
            shown = masked(frame) if len(frame) <= LONGEST_MASKED else MASK
            kept = _Kept(at, direction, frame[:_NAMING], shown)
        self._frames.append(kept)

    def answered_action(self, message_id: str) -> str | None:
        """The action of the CALL that we answered under this id; None if it is not there."""
        begin = codec.begin_of_answer(message_id)
        sent = (kept.frame for kept in self._frames if kept.direction == SENT)
        if not any(frame.startswith(begin) for frame in sent):
            return None
        for kept in reversed(self._frames):
            call = codec.begin_of_call(kept.frame) if kept.direction == RECEIVED else None
            if call is not None and call[0] == message_id:
                return call[1]
        return None

    def show(self) -> list[dict[str, Any]]:
        """The frames, oldest first, secrets masked."""
        return [
            {
                "at": timestamps.to_text(datetime.fromtimestamp(kept.at, UTC)),
                "direction": kept.direction,
                "frame": _shown(kept),
            }
            for kept in self._frames
        ]


def _mentions_secret(frame: bytes) -> bool:
    """A plain search: over a megabyte, the expression takes forty times as long."""
    lowered = frame.lower()
    return any(name in lowered for name in _SUSPECT)


def _shown(kept: _Kept) -> str:
    if kept.shown is not None:
        return kept.shown
    if not kept.is_cut:
        return masked(kept.frame)
    # It mentions no secret; only what opens a URL is left to be found.
    text = _without_openings(kept.frame.decode(errors="replace"))
    return f"{text[:-_EDGE][:KEPT_CHARACTERS]}..."


def masked(frame: bytes) -> str:
    """A frame's text with the secrets taken out, cut to what is worth showing.

    What cannot be parsed cannot be masked by its structure: if it so much as mentions a secret,
    nothing of it is shown. The same goes for what is nested too deeply to be taken apart.
    """
    text = frame.decode(errors="replace")
    if _SECRET.search(text) or _ESCAPE in text:
        try:
            text = exact_json.dumps(_without_secrets(exact_json.loads(frame))).decode()
        except (ValueError, RecursionError):
            return MASK
    text = _without_openings(text)
    return text if len(text) <= KEPT_CHARACTERS else f"{text[:KEPT_CHARACTERS]}..."


def _without_openings(text: str) -> str:
    return _OPENING.sub(lambda match: f"{match[1] or ''}{MASK}{'' if match[1] else '@'}", text)


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
