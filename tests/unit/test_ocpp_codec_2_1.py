"""The two message types that OCPP-J 2.1 adds, and that the other versions do not know."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ocpp import codec, v16, v21, v201
from gateway.ocpp.codec import KINDS_2_1, Fault, Malformed, ResultRefusal, Send, read
from gateway.ocpp.frames import RECEIVED, SENT, FrameRecord

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@settings(deadline=None)
@given(st.sampled_from([5, 6]), st.lists(VALUES, max_size=6))
def test_no_frame_of_the_new_types_makes_the_reader_raise_or_answer(
    kind: int, rest: list[object]
) -> None:
    """security-and-faults S18"""
    message = read(json.dumps([kind, *rest]).encode(), KINDS_2_1)
    assert isinstance(message, (Send, ResultRefusal, Malformed))
    if isinstance(message, Malformed):
        assert v21.DIALECT.refusal_of(message) is None


def test_a_send_is_read() -> None:
    frame = b'[6,"1","NotifyPeriodicEventStream",{"id":1}]'
    assert read(frame, KINDS_2_1) == Send("1", "NotifyPeriodicEventStream", {"id": 1})


def test_a_send_whose_id_cannot_be_used_is_read_all_the_same() -> None:
    """Nothing is matched by it."""
    assert read(b'[6,null,"A",{}]', KINDS_2_1) == Send("", "A", {})


@pytest.mark.parametrize("frame", [b"[6]", b'[6,"1",2,{}]', b'[6,"1","A",{', b' [ 6 ,"1'])
def test_a_broken_send_is_never_answered(frame: bytes) -> None:
    message = read(frame, KINDS_2_1)
    assert isinstance(message, Malformed)
    assert message.fault is Fault.SEND
    assert v21.DIALECT.refusal_of(message) is None


def test_a_complaint_about_an_answer_is_read_however_short() -> None:
    assert read(b'[5,"1","FormatViolation","why",{"a":1}]', KINDS_2_1) == ResultRefusal(
        "1", "FormatViolation", "why", {"a": 1}
    )
    assert read(b'[5,"1"]', KINDS_2_1) == ResultRefusal("1", "GenericError", "", {})


def test_a_broken_complaint_is_never_answered() -> None:
    message = read(b"[5]", KINDS_2_1)
    assert isinstance(message, Malformed)
    assert message.fault is Fault.ANSWER


@pytest.mark.parametrize("kind", [5, 6])
def test_only_2_1_knows_the_new_types(kind: int) -> None:
    """ocpp-rules 4"""
    frame = f'[{kind},"1","A","",{{}}]'.encode()
    for dialect in (v16.DIALECT, v201.DIALECT):
        message = read(frame, dialect.kinds)
        assert isinstance(message, Malformed)
        assert message.fault is Fault.MESSAGE_TYPE
    assert v21.DIALECT.kinds == {2, 3, 4, 5, 6}


def test_a_complaint_of_ours_is_a_compact_frame_of_five() -> None:
    frame = codec.write_result_refusal("1", "FormatViolation", "x" * 300)
    assert json.loads(frame) == [5, "1", "FormatViolation", "x" * 255, {}]
    assert b", " not in frame


def test_2_1_spells_its_error_codes_as_2_0_1_does() -> None:
    """ocpp-rules 4; OCPP-J 2.1 table 9"""
    assert v21.DIALECT.codes == v201.DIALECT.codes
    assert v21.DIALECT.fault_codes == v201.DIALECT.fault_codes
    assert v21.DIALECT.unreadable_id == "-1"


def test_the_last_frames_tell_which_answer_is_complained_about() -> None:
    frames = FrameRecord()
    frames.add(RECEIVED, b'[ 2, "7", "Heartbeat", {}]')
    assert frames.answered_action("7") is None  # not answered yet
    frames.add(SENT, codec.write_answer("7", {}))
    assert frames.answered_action("7") == "Heartbeat"
    assert frames.answered_action("77") is None


def test_a_long_call_and_answer_are_recognized_too() -> None:
    frames = FrameRecord()
    frames.add(RECEIVED, b'[2,"7","DataTransfer",{"data":"' + b"x" * 10_000 + b'"}]')
    frames.add(SENT, codec.write_answer("7", {"data": "x" * 10_000}))
    assert frames.answered_action("7") == "DataTransfer"


def test_an_error_of_ours_is_no_answer_to_complain_about() -> None:
    frames = FrameRecord()
    frames.add(RECEIVED, b'[2,"7","Heartbeat",[]]')
    frames.add(SENT, codec.write_refusal("7", "FormatViolation", ""))
    assert frames.answered_action("7") is None
