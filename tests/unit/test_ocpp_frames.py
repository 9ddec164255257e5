"""The record of the last frames shows no secret and does not grow."""

import pytest

from gateway import exact_json
from gateway.ocpp.frames import KEPT_CHARACTERS, KEPT_FRAMES, RECEIVED, SENT, FrameRecord, masked

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
