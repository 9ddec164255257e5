"""What a charge point says before the upgrade."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ocpp.handshake import (
    basic_credentials,
    identity_of,
    preferred,
    tidied_request_line,
)


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/ocpp/CP1", "CP1"),
        ("/ocpp/CP1/", "CP1"),
        ("/ocpp//CP1", "CP1"),
        ("//ocpp//CP1//", "CP1"),
        ("/ocpp/extra/CP1", "CP1"),
        ("/ocpp/CP%201", "CP 1"),
        ("/ocpp/CP%2520", "CP%20"),
        ("/ocpp/S%C3%BCd", "Süd"),
        ("/ocpp/cp1", "cp1"),
        ("/ocpp/*-_=+|@.", "*-_=+|@."),
        ("/ocpp/CP1?token=x", "CP1"),
        ("/ocpp/" + "x" * 48, "x" * 48),
    ],
)
def test_the_identity_is_the_last_segment_percent_decoded(path: str, identity: str) -> None:
    """ocpp-rules 1"""
    assert identity_of(path) == identity


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/ocpp",
        "/ocpp/",
        "/CP1",
        "/other/CP1",
        "/ocpp/a%2Fb",
        "/ocpp/a%3Ab",
        "/ocpp/a%3Fb",
        "/ocpp/a%23b",
        "/ocpp/a%00b",
        "/ocpp/a%0Ab",
        "/ocpp/%FF",
        "/ocpp/" + "x" * 49,
    ],
)
def test_a_path_without_a_permitted_identity_has_none(path: str) -> None:
    """ocpp-rules 1; security-and-faults S22"""
    assert identity_of(path) is None


@settings(deadline=None)
@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_no_path_makes_it_raise(path: str) -> None:
    identity = identity_of("/" + path)
    assert identity is None or "/" not in identity


@pytest.mark.parametrize(
    ("line", "tidied"),
    [
        (b"GET /ocpp/CP1 HTTP/1.1", b"GET /ocpp/CP1 HTTP/1.1"),
        (b"GET /ocpp/CP%201 HTTP/1.1", b"GET /ocpp/CP%201 HTTP/1.1"),
        (b"GET /ocpp/CP 1 HTTP/1.1", b"GET /ocpp/CP%201 HTTP/1.1"),
        ("GET /ocpp/Süd HTTP/1.1".encode(), b"GET /ocpp/S%C3%BCd HTTP/1.1"),
    ],
)
def test_raw_spaces_and_letters_in_a_path_are_encoded(line: bytes, tidied: bytes) -> None:
    """ocpp-rules 1"""
    assert tidied_request_line(line) == tidied


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_no_request_line_makes_the_tidying_raise(line: bytes) -> None:
    assert tidied_request_line(line).isascii() or not line.isascii()


def header(raw: bytes) -> str:
    return "Basic " + base64.b64encode(raw).decode()


def test_a_password_is_bytes_and_begins_after_the_first_colon() -> None:
    assert basic_credentials(header(b"CP1:a\x00b:c\xff")) == (b"CP1", b"a\x00b:c\xff")


def test_an_empty_password_is_one() -> None:
    assert basic_credentials(header(b"CP1:")) == (b"CP1", b"")


@pytest.mark.parametrize(
    "text",
    ["", "Basic", "Basic ", "Bearer abc", "Basic ***", "Basic " + "A" * 5, header(b"no colon")],
)
def test_what_is_no_basic_header_has_no_credentials(text: str) -> None:
    assert basic_credentials(text) is None


SERVED = {"ocpp1.6": 16, "ocpp2.0.1": 201}


def test_the_chargers_order_decides_about_the_version() -> None:
    """ocpp-rules 2"""
    assert preferred(["ocpp1.6", "ocpp2.0.1"], SERVED) == ("ocpp1.6", 16)
    assert preferred(["ocpp2.1", "ocpp2.0.1", "ocpp1.6"], SERVED) == ("ocpp2.0.1", 201)


def test_the_answer_repeats_the_chargers_spelling() -> None:
    assert preferred(["OCPP1.6"], SERVED) == ("OCPP1.6", 16)


def test_nothing_in_common_is_nothing() -> None:
    """ocpp-rules 2"""
    assert preferred(["ocpp1.5", "soap"], SERVED) is None
    assert preferred([], SERVED) is None
