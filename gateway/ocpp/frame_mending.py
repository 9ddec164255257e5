"""A frame that is no message is read again, as far as the charge point's quirks allow."""

import json
import re
from collections.abc import Collection

from gateway import exact_json
from gateway.domain import quirks as q
from gateway.ocpp import codec

MAX_LONG_ID = 4 * codec.MAX_MESSAGE_ID

_AROUND = b"\x00\xef\xbb\xbf"  # NUL, and the byte order mark
_decoder = json.JSONDecoder()


def read_again(
    data: bytes, is_text: bool, kinds: Collection[int], quirks: Collection[str]
) -> tuple[codec.Message, list[str]] | None:
    """The message that was meant, and the quirks that it took; None when nothing could be done.

    It may be malformed still, but then its id may be readable. Each quirk is tried on what those
    before it have left.
    """
    used: list[str] = []
    if not is_text:
        if q.BINARY_FRAMES not in quirks:
            return None
        used.append(q.BINARY_FRAMES)
    for name, repair in _REPAIRS:
        if name != q.TRAILING_NULS and name not in quirks:
            continue
        repaired = repair(data)
        if repaired is not None:
            data = repaired
            used.append(name)
    message = codec.read(data, kinds)
    if type(message) is codec.Malformed:
        again = _with_odd_id(data, kinds, quirks)
        if again is not None:
            message, name = again
            used.append(name)
    return (message, used) if used else None


def _without_nuls(data: bytes) -> bytes | None:
    stripped = data.strip(_AROUND)
    return None if stripped == data else stripped


def _as_utf_8(data: bytes) -> bytes | None:
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1").encode()
    return None


def _first_value(data: bytes) -> bytes | None:
    try:
        text = data.decode().lstrip()
        _, end = _decoder.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return text[:end].encode() if text[end:].strip() else None


# A text, up to the end if it is not closed: to look for another one behind each of its quotes
# would take time by the square of the frame's length.
_TEXT = rb'"(?:[^"\\]|\\.)*+"?'
_STRAY = re.compile(_TEXT + rb"|(?<=[\[{,])\s*,|,(?=\s*[\]}])")  # what is text stays


def _without_stray_commas(data: bytes) -> bytes | None:
    cleaned = _STRAY.sub(lambda match: match[0] if match[0][:1] == b'"' else b"", data)
    return None if cleaned == data else cleaned


_STRUCTURE = re.compile(_TEXT + rb"|[\[\]{}]")
_CLOSING = {b"[": b"]", b"{": b"}"}


def _closed(data: bytes) -> bytes | None:
    """With the brackets that are still open at the end, unless it ends within a text."""
    missing: list[bytes] = []
    for match in _STRUCTURE.finditer(data):
        if match[0] in _CLOSING:
            missing.append(_CLOSING[match[0]])
        elif match[0][:1] != b'"' and (not missing or missing.pop() != match[0]):
            return None
    return data + b"".join(reversed(missing)) if missing else None


_REPAIRS = (
    (q.TRAILING_NULS, _without_nuls),
    (q.LATIN_1, _as_utf_8),
    (q.STRAY_COMMAS, _without_stray_commas),
    (q.UNCLOSED_FRAMES, _closed),
    (q.TRAILING_GARBAGE, _first_value),
)


def _with_odd_id(
    data: bytes, kinds: Collection[int], quirks: Collection[str]
) -> tuple[codec.Message, str] | None:
    """A CALL whose only fault is its message id."""
    try:
        parts = exact_json.loads(data)
    except exact_json.InvalidJSON:
        return None
    if type(parts) is not list or len(parts) < 3 or parts[0] != codec.CALL:
        return None
    message_id, name = parts[1], None
    if type(message_id) is int and q.NUMERIC_IDS in quirks:
        name = q.NUMERIC_IDS
    elif type(message_id) is str and q.LONG_IDS in quirks and len(message_id) <= MAX_LONG_ID:
        name = q.LONG_IDS
    if name is None:
        return None
    message = codec.read(exact_json.dumps([parts[0], "-", *parts[2:]]), kinds)
    if type(message) is not codec.Call:
        return None
    return message._replace(message_id=message_id), name
