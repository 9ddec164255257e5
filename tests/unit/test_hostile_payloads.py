"""What a hostile station can make us look for in one frame is bounded (S14, S18, S20)."""

from typing import Any

import pytest

from gateway.domain import quirks as q
from gateway.ocpp import codec
from gateway.ocpp.frame_mending import read_again
from gateway.ocpp.mending import mend
from gateway.ocpp.schemas import MOST_ITEMS, v16

_NAMED = [name for name, quirk in q.QUIRKS.items() if quirk.applies is q.Applies.NAMED]


def _meter_values(samples: list[Any]) -> dict[str, Any]:
    reading = {"timestamp": "2026-01-01T00:00:00Z", "sampledValue": samples}
    return {"connectorId": 1, "meterValue": [reading]}


def _meter_values_schema() -> Any:
    schema = v16().request("MeterValues")
    assert schema is not None
    return schema


@pytest.mark.timeout(60)  # it took hours, by the square of the length
@pytest.mark.parametrize("inside", [rb"\"", rb"\",", rb"\"["])
def test_an_unclosed_text_full_of_quotes_is_read_in_one_pass(inside: bytes) -> None:
    frame = b'[2,"1","Heartbeat",["' + inside * 300_000

    again = read_again(frame, True, codec.KINDS, _NAMED)

    assert again is None or isinstance(again[0], codec.Malformed)


def test_of_a_huge_payload_only_the_first_fault_is_told() -> None:
    payload = _meter_values([{}] * (MOST_ITEMS + 1))

    assert len(_meter_values_schema().violations(payload)) == 1


def test_of_a_payload_of_ordinary_size_every_fault_is_told() -> None:
    payload = _meter_values([{}] * 5_000)

    assert len(_meter_values_schema().violations(payload)) == 5_000


def test_a_huge_payload_without_a_fault_has_none() -> None:
    payload = _meter_values([{"value": "1"}] * (MOST_ITEMS + 1))

    assert _meter_values_schema().violations(payload) == []


def test_every_unknown_member_is_left_out_however_many_there_are() -> None:
    payload: dict[str, Any] = {"connectorId": 1, "meterValue": []}
    payload |= _meter_values([{"value": "1"}]) | {f"extra{number}": 1 for number in range(5_000)}

    assert mend(_meter_values_schema(), payload, ()) == []
    assert payload.keys() == {"connectorId", "meterValue"}
