"""Text messages that are one websocket frame (RFC 6455 5.2): nearly all that stations and we say.

Such a frame needs no parser that can wait for its next byte, nor one that may be extended; that
is two thirds of what `websockets` does for a message. Pure; whatever is not just this is left to
`websockets`.
"""

from struct import Struct

from websockets import frames

_FINAL_TEXT = 0x81  # FIN, no reserved bit, opcode 1
_MASKED = 0x80
_LONG, _HUGE = 126, 127  # what stands for a length of two bytes, and of eight
_LONGEST = 0xFFFF
_MASK = 4  # bytes

_long_header = Struct(">BBH").pack
_huge_header = Struct(">BBQ").pack

# the compiled one where there is one
_unmasked = frames.apply_mask  # type: ignore[attr-defined]


def text_of(data: bytes) -> bytes | None:
    """The text, if these bytes are one whole frame of a client with one whole text, else None."""
    size = len(data)
    if size < 2 + _MASK or data[0] != _FINAL_TEXT:
        return None
    length = data[1] - _MASKED
    start = 2
    if length == _LONG:
        length, start = (data[2] << 8) | data[3], 4
    elif not 0 <= length < _LONG:
        return None
    begin = start + _MASK
    if size != begin + length:
        return None
    text: bytes = _unmasked(data[begin:], data[start:begin])
    return text


def text_frame(text: bytes) -> bytes:
    """A server's frame of one whole text."""
    length = len(text)
    if length < _LONG:
        return bytes((_FINAL_TEXT, length)) + text
    if length <= _LONGEST:
        return _long_header(_FINAL_TEXT, _LONG, length) + text
    return _huge_header(_FINAL_TEXT, _HUGE, length) + text
