"""The record of the last frames shows no secret and does not grow."""

import pytest

from gateway import exact_json
from gateway.ocpp import frames
from gateway.ocpp.frames import (
    KEPT_CHARACTERS,
    KEPT_FRAMES,
    LONGEST_MASKED,
    MASK,
    RECEIVED,
    SENT,
    FrameRecord,
    masked,
)

CANARY = "c4n4ry"


@pytest.mark.parametrize(
    "frame",
    [
        f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{CANARY}"}}]',
        f'[3,"1",{{"configurationKey":[{{"key":"AuthorizationKey","readonly":false,'
        f'"value":"{CANARY}"}}]}}]',
        f'[2,"1","SetVariables",{{"setVariableData":[{{"attributeValue":"{CANARY}","component":'
        f'{{"name":"SecurityCtrlr"}},"variable":{{"name":"BasicAuthPassword"}}}}]}}]',
        f'[2,"1","SetNetworkProfile",{{"connectionData":{{"vpn":{{"password":"{CANARY}"}},'
        f'"apn":{{"apnPassword":"{CANARY}"}}}}}}]',
        f'[2,"1","NotifyReport",{{"reportData":[{{"component":{{"name":"SecurityCtrlr"}},'
        f'"variable":{{"name":"BasicAuthPassword"}},"variableAttribute":[{{"value":"{CANARY}"}}]}}'
        "]}]",
        f'[2,"1","SetVariables",{{"password":"{CANARY}"',
    ],
)
def test_secrets_are_masked(frame: str) -> None:
    """security-and-faults 7"""
    assert CANARY not in masked(frame.encode())


def test_ordinary_frames_are_shown_as_they_came() -> None:
    frame = '[2, "1", "StatusNotification", {"info": "größer"}]'
    assert masked(frame.encode()) == frame


def test_bytes_that_are_no_text_are_shown_all_the_same() -> None:
    assert masked(b"\xff{") == "\ufffd{"


def test_only_the_last_frames_are_kept() -> None:
    record = FrameRecord()
    for number in range(KEPT_FRAMES + 5):
        record.add(RECEIVED, str(number).encode())
    record.add(SENT, b"last")
    shown = record.show()
    assert len(shown) == KEPT_FRAMES
    assert shown[-1]["frame"] == "last"
    assert shown[-1]["direction"] == "sent"
    assert str(shown[-1]["at"]).endswith("Z")


def test_a_long_frame_is_cut_after_its_secrets_are_masked() -> None:
    record = FrameRecord()
    record.add(SENT, f'{{"password":"{CANARY}","pad":"{"x" * 100_000}"}}'.encode())
    shown = str(record.show()[0]["frame"])
    assert len(shown) <= KEPT_CHARACTERS + 3
    assert CANARY not in shown


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example:9100/files/u/Abcdefghijklmnopqrstuvwxyz-_0123",
        "https://files.example/files/d/Abcdefghijklmnopqrstuvwxyz-_0123/firmware.bin",
        "ftp://name:Abcdefghijklmnopqrstuvwxyz-_0123@files.example/logs",
    ],
)
def test_what_opens_a_url_is_not_shown(url: str) -> None:
    """A ticket of the files listener, or the name and password of another place (S21)."""
    record = FrameRecord()
    record.add(SENT, exact_json.dumps([2, "1", "GetDiagnostics", {"location": url}]))
    shown = record.show()[0]["frame"]
    assert "Abcdefgh" not in shown
    assert "files.example" in shown


def test_of_a_huge_frame_only_the_begin_is_searched_and_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """S20: to mask a megabyte whole took 0.1 s, to keep 4,096 characters of it."""

    def not_whole(_: bytes) -> str:
        raise AssertionError

    monkeypatch.setattr(frames, "masked", not_whole)
    record = FrameRecord()
    record.add(RECEIVED, b'[2,"1","DataTransfer",{"data":"' + b"x" * 900_000 + b'"}]')
    record.add(RECEIVED, b'[2,"2","DataTransfer",{"password":"' + b"x" * 900_000 + b'"}]')
    assert all(len(kept.frame) <= 2 * KEPT_CHARACTERS for kept in record._frames)
    shown = [one["frame"] for one in record.show()]
    assert shown[0].startswith('[2,"1","DataTransfer",{"data":"xxx')
    assert len(shown[0]) == KEPT_CHARACTERS + 3
    assert shown[1] == MASK


@pytest.mark.parametrize("size", [5_000, LONGEST_MASKED - 1_000, LONGEST_MASKED, 500_000])
def test_a_secret_that_is_named_behind_the_cut_is_not_shown(size: int) -> None:
    """security-and-faults 7"""
    pad = "x" * size
    record = FrameRecord()
    frame = [
        2,
        "1",
        "ChangeConfiguration",
        {"value": CANARY, "pad": pad, "key": "AuthorizationKey"},
    ]
    record.add(SENT, exact_json.dumps(frame))
    assert CANARY not in str(record.show()[0]["frame"])


@pytest.mark.parametrize("before", range(KEPT_CHARACTERS - 260, KEPT_CHARACTERS + 10, 9))
def test_what_opens_a_url_is_not_shown_where_the_frame_is_cut(before: int) -> None:
    """S21"""
    for long in (5_000, 100_000):
        record = FrameRecord()
        text = "x" * before + f"ftp://name:{CANARY * 20}@files.example/" + "x" * long
        record.add(SENT, exact_json.dumps([2, "1", "GetDiagnostics", {"location": text}]))
        assert CANARY[:4] not in str(record.show()[0]["frame"])


def test_a_secret_whose_name_is_written_with_escapes_is_masked() -> None:
    """security-and-faults 7"""
    frame = f'[2,"1","DataTransfer",{{"p\\u0061ssword":"{CANARY}"}}]'.encode()
    assert CANARY not in masked(frame)
    record = FrameRecord()
    record.add(RECEIVED, frame[:-1] + b" " * 100_000 + b"]")
    assert CANARY not in str(record.show()[0]["frame"])


@pytest.mark.parametrize("pad", [0, KEPT_CHARACTERS])
def test_what_is_nested_too_deeply_to_be_masked_is_not_shown(pad: int) -> None:
    """S18"""
    record = FrameRecord()
    deep = b"[" * 900 + b'{"password":"%s"}' % CANARY.encode() + b"]" * 900
    record.add(RECEIVED, b'[2,"1","DataTransfer",{"data":%s}]' % deep + b" " * pad)
    assert record.show()[0]["frame"] == MASK


def test_the_action_of_a_long_call_with_a_secret_is_found_again() -> None:
    record = FrameRecord()
    record.add(RECEIVED, b'[2,"1","DataTransfer",{"password":"' + b"x" * 900_000 + b'"}]')
    record.add(SENT, b'[3,"1",{"password":"' + b"x" * 900_000 + b'"}]')
    assert record.answered_action("1") == "DataTransfer"
