"""The Authorization header of 2.1.1 and of later versions."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.domain.partners import Partner, PartnerState
from gateway.ocpi.incoming.authentication import authenticate
from gateway.ocpi.incoming.errors import Unauthorized

# 2.1.1's own sample: a raw token that happens to be valid Base64
SAMPLE = "IpbJOXxkxOAuKR92z0nEcmVF3Qw09VG7I7d/WCg0koM="
PARTNER = Partner("p", "p", PartnerState.REGISTERED, datetime(2026, 1, 1, tzinfo=UTC))


def known(token, partner=PARTNER):
    return {token: partner}.get


def encoded(text):
    return "Token " + base64.b64encode(text.encode()).decode()


def test_the_example_of_the_standard_is_understood():
    """ocpi-rules 1 (2.2.1 TF 4.1.2): `ZXhhbXBsZS10b2tlbgo=` is `example-token` and a newline."""
    found, token = authenticate("Token ZXhhbXBsZS10b2tlbgo=", known("example-token"))

    assert (found, token) == (PARTNER, "example-token")


def test_the_example_without_the_newline_is_the_same_token():
    """ocpi-rules 1: "compare with and without the trailing newline"."""
    assert authenticate(encoded("example-token"), known("example-token"))[1] == "example-token"


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN"])
def test_the_scheme_is_case_insensitive(scheme):
    """RFC 9110 11.1."""
    header = encoded("abc").replace("Token", scheme)

    assert authenticate(header, known("abc"))[0] is PARTNER


def test_missing_padding_does_not_matter():
    """Some peers strip it."""
    assert authenticate(encoded("abcd").rstrip("="), known("abcd"))[0] is PARTNER


def test_a_raw_token_that_is_valid_base64_is_found():
    """ocpi-rules 1 (2.1.1 TF): "decode, fall back on failure" picks the wrong string."""
    assert authenticate(f"Token {SAMPLE}", known(SAMPLE))[1] == SAMPLE


def test_the_base64_of_a_token_that_is_valid_base64_is_found():
    """ocpi-rules 1: and one who encodes the sample means the same token."""
    assert authenticate(encoded(SAMPLE), known(SAMPLE))[1] == SAMPLE


@pytest.mark.parametrize(
    "header", [None, "", "Token", "Token ", "Bearer abc", "Token unknown", "Token " + "x" * 600]
)
def test_whoever_presents_no_known_token_is_nobody(header):
    """ocpi-rules 2."""
    with pytest.raises(Unauthorized):
        authenticate(header, known("abc"))


def test_an_unregistered_partner_is_nobody():
    """S9."""
    gone = replace(PARTNER, state=PartnerState.UNREGISTERED)

    with pytest.raises(Unauthorized):
        authenticate(encoded("abc"), known("abc", gone))
