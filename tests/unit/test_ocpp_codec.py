"""OCPP-J frames: every byte string becomes a message or a reasoned refusal."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ocpp import codec, v16, v201
from gateway.ocpp.codec import Answer, Call, Fault, Malformed, Refusal, read

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_reader_raise(frame: bytes) -> None:
    for dialect in (v16.DIALECT, v201.DIALECT):
        message = read(frame)
        if isinstance(message, Malformed):
            dialect.refusal_of(message)


@settings(deadline=None)
@given(st.lists(json_values, max_size=7))
def test_no_json_array_makes_the_reader_raise(parts: list[Any]) -> None:
    frame = json.dumps(parts).encode()
    message = read(frame)
    if isinstance(message, Malformed):
        refusal = v201.DIALECT.refusal_of(message)
        assert refusal is None or json.loads(refusal)[0] == codec.CALLERROR


@pytest.mark.parametrize(
    "frame",
    [
        b"[" * 100_000,
        b'[2,"1","Heartbeat",' + b'{"a":' * 50_000,
        b'[2,"1","Heartbeat",{"a":NaN}]',
        b'[2,"1","Heartbeat",{"a":Infinity}]',
        b'[2,"1","Heartbeat",{"a":"\\ud800"}]',
        b'[2,"1","Heartbeat",{"a":"\xff"}]',
        b"\xef\xbb\xbf",
        b"",
        b"{}",
        b"[]",
        b'"text"',
        b"null",
    ],
)
def test_json_traps_are_malformed_frames(frame: bytes) -> None:
    """security-and-faults S18"""
    message = read(frame)
    assert isinstance(message, Malformed)
    assert message.fault is Fault.FRAME


def test_a_call_is_read() -> None:
    assert read(b'[2, "1", "Heartbeat", {}]') == Call("1", "Heartbeat", {})


def test_a_call_without_payload_or_with_null_has_an_empty_one() -> None:
    assert read(b'[2,"1","Heartbeat",null]') == Call("1", "Heartbeat", {})
    assert read(b'[2,"1","Heartbeat"]') == Call("1", "Heartbeat", {})


def test_duplicate_members_and_an_unhashable_action_do_not_disturb() -> None:
    """security-and-faults S18"""
    assert read(b'[2,"1","Heartbeat",{"a":1,"a":2}]') == Call("1", "Heartbeat", {"a": 2})
    assert isinstance(read(b'[2,"1",{"a":[]},{}]'), Malformed)


def test_an_answer_is_read() -> None:
    assert read(b'[3,"1",{"status":"Accepted"}]') == Answer("1", {"status": "Accepted"})
    assert read(b'[3,"1"]') == Answer("1", {})


def test_a_refusal_is_read_however_short_and_however_long_its_description() -> None:
    assert read(b'[4,"1"]') == Refusal("1", "GenericError", "", {})
    assert read(b'[4,"1","NotSupported","no",{"a":1}]') == Refusal(
        "1", "NotSupported", "no", {"a": 1}
    )
    long = b'[4,"1","InternalError","' + b"x" * 2_000 + b'",{}]'
    assert read(long) == Refusal("1", "InternalError", "x" * 2_000, {})


def test_a_broken_answer_is_never_answered() -> None:
    for frame in (b"[3]", b'[3,["1"],{}]', b'[4,"1","a","b",{},1]', b"[4]"):
        message = read(frame)
        assert isinstance(message, Malformed)
        assert message.fault is Fault.ANSWER
        assert v201.DIALECT.refusal_of(message) is None
        assert v16.DIALECT.refusal_of(message) is None


def refused(frame: bytes) -> dict[str, list[Any] | None]:
    message = read(frame)
    assert isinstance(message, Malformed)
    answers = {d.subprotocol: d.refusal_of(message) for d in (v16.DIALECT, v201.DIALECT)}
    return {name: json.loads(a)[:3] if a else None for name, a in answers.items()}


def test_an_unreadable_frame_is_answered_with_minus_one_in_2_0_1_and_dropped_in_1_6() -> None:
    """ocpp-rules 4"""
    assert refused(b"nonsense") == {"ocpp1.6": None, "ocpp2.0.1": [4, "-1", "RpcFrameworkError"]}
    assert refused(b'{"a":1}') == {"ocpp1.6": None, "ocpp2.0.1": [4, "-1", "RpcFrameworkError"]}


def test_a_call_whose_payload_is_broken_json_is_refused_by_its_id() -> None:
    """ocpp-rules 4"""
    assert refused(b'[2,"77","Heartbeat",{') == {
        "ocpp1.6": [4, "77", "FormationViolation"],
        "ocpp2.0.1": [4, "77", "RpcFrameworkError"],
    }


def test_an_unknown_message_type_is_ignored_in_1_6_and_named_in_2_0_1() -> None:
    assert refused(b'[6,"1","NotifyPeriodicEventStream",{}]') == {
        "ocpp1.6": None,
        "ocpp2.0.1": [4, "1", "MessageTypeNotSupported"],
    }


def test_a_message_id_of_37_characters_is_refused() -> None:
    """ocpp-rules 5"""
    id_ = "x" * 37
    assert refused(f'[2,"{id_}","Heartbeat",{{}}]'.encode()) == {
        "ocpp1.6": [4, id_, "FormationViolation"],
        "ocpp2.0.1": [4, id_, "RpcFrameworkError"],
    }


def test_a_message_id_of_a_megabyte_is_not_sent_back() -> None:
    frame = b'[2,"' + b"x" * 1_000_000 + b'","Heartbeat",{}]'
    assert refused(frame) == {"ocpp1.6": None, "ocpp2.0.1": [4, "-1", "RpcFrameworkError"]}


def test_a_number_as_message_id_is_refused_with_its_digits() -> None:
    assert refused(b'[2,12,"Heartbeat",{}]')["ocpp1.6"] == [4, "12", "FormationViolation"]


def test_what_is_written_is_compact() -> None:
    call = codec.write_call("1", "Reset", {"type": "Hard"})
    assert call == b'[2,"1","Reset",{"type":"Hard"}]'
    assert codec.write_answer("1", {}) == b'[3,"1",{}]'


def test_a_description_is_cut_to_255_characters() -> None:
    refusal = json.loads(codec.write_refusal("1", "GenericError", "x" * 1_000))
    assert refusal == [4, "1", "GenericError", "x" * 255, {}]


@settings(deadline=None)
@given(st.text(max_size=36), st.text(), st.dictionaries(st.text(), st.integers(0, 9)))
def test_a_call_survives_writing_and_reading(
    message_id: str, action: str, payload: dict[str, int]
) -> None:
    frame = codec.write_call(message_id, action, payload)
    assert read(frame) == Call(message_id, action, payload)
