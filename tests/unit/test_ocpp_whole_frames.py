"""Whole text frames: the same bytes and texts as the protocol of `websockets` has."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from gateway.ocpp.whole_frames import text_frame, text_of

LENGTHS = [0, 1, 125, 126, 127, 65_535, 65_536]


@pytest.mark.parametrize("length", LENGTHS)
def test_a_text_is_framed_as_websockets_does(length: int) -> None:
    """RFC 6455 5.2."""
    text = b"x" * length
    assert text_frame(text) == Frame(Opcode.TEXT, text).serialize(mask=False)


@pytest.mark.parametrize("length", LENGTHS[:-1])
def test_a_clients_whole_frame_is_its_text(length: int) -> None:
    text = (b"text that is long enough" * 3_000)[:length]
    assert text_of(Frame(Opcode.TEXT, text).serialize(mask=True)) == text


@given(st.binary(max_size=300), st.integers(0, 310))
def test_a_cut_frame_is_left_to_the_parser(text: bytes, cut: int) -> None:
    frame = Frame(Opcode.TEXT, text).serialize(mask=True)
    if cut < len(frame):
        assert text_of(frame[:cut]) is None


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.BINARY, b"[]").serialize(mask=True),
        Frame(Opcode.PING, b"[]").serialize(mask=True),
        Frame(Opcode.TEXT, b"[]", fin=False).serialize(mask=True),
        b"\xc1" + Frame(Opcode.TEXT, b"[]").serialize(mask=True)[1:],
        Frame(Opcode.TEXT, b"[]").serialize(mask=False),
        Frame(Opcode.TEXT, b"x" * 200).serialize(mask=False),
        Frame(Opcode.TEXT, b"x" * 65_536).serialize(mask=True),
        2 * Frame(Opcode.TEXT, b"[]").serialize(mask=True),
    ],
    ids=["binary", "ping", "begun", "compressed", "bare", "bare and long", "huge", "two"],
)
def test_everything_else_is_left_to_the_parser(frame: bytes) -> None:
    assert text_of(frame) is None
