"""Frames nobody should send, through codec, schema, mending and second look (S18)."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fuzz.frames import VERSIONS, FrameSource
from bench.fuzz.one_frame import one_frame
from gateway.ocpp import schemas
from gateway.ocpp.schemas import Rule


@pytest.mark.parametrize("protocol", VERSIONS)
def test_what_is_generated_is_valid_before_it_is_spoiled(protocol: str) -> None:
    """Else the fuzzer would never get past the schema."""
    source = FrameSource(protocol, Random(1))
    for action in VERSIONS[protocol].actions:
        schema = VERSIONS[protocol].request(action)
        assert schema is not None
        assert schema.violations(source.payload(action)) == []


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(VERSIONS)), st.integers(0, 2**32))
def test_a_spoiled_frame_is_read_or_refused(protocol: str, seed: int) -> None:
    one_frame(FrameSource(protocol, Random(seed)).frame())


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    one_frame(data)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)
actions = ["BootNotification", "StatusNotification", "MeterValues", "StopTransaction", "NoSuch"]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(values, max_size=5) | st.tuples(st.just(2), values, st.sampled_from(actions), values)
)
def test_any_json_is_read_or_refused(parts: Any) -> None:
    one_frame(json.dumps(parts).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("depth", [250, 256, 500, 900, 5_000, 100_000])
def test_nesting_that_the_validator_does_not_follow_is_a_format_violation(depth: int) -> None:
    """S18: found by the fuzzer, as a connection lost"""
    deep: Any = 1
    for _ in range(min(depth, 900)):
        deep = [deep]
    schema = schemas.v16().request("Heartbeat")
    assert schema is not None
    if depth in (500, 900):
        assert not schema.valid({"a": deep})
        assert [one.rule for one in schema.violations({"a": deep})] == [Rule.FORMAT]
        assert schema.faults({"a": deep})
    one_frame(b'[2,"i","Heartbeat",{"a":' + b"[" * depth + b"]" * depth + b"}]")
