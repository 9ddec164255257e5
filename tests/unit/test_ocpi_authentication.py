"""The Authorization header of 2.1.1 and 2.2.1."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.domain.partners import Partner, PartnerState
from gateway.ocpi.authentication import authenticate
from gateway.ocpi.errors import Unauthorized

# 2.1.1's own sample: a raw token that happens to be valid Base64
SAMPLE = "IpbJOXxkxOAuKR92z0nEcmVF3Qw09VG7I7d/WCg0koM="
PARTNER = Partner("p", "p", PartnerState.REGISTERED, datetime(2026, 1, 1, tzinfo=UTC))


def known(token, partner=PARTNER):
    return {token: partner}.get


def encoded(text):
    return "Token " + base64.b64encode(text.encode()).decode()


def test_the_example_of_the_standard_is_understood():
    """ocpi-rules 1: `ZXhhbXBsZS10b2tlbgo=` is `example-token` and a newline."""
    found, token = authenticate("Token ZXhhbXBsZS10b2tlbgo=", "2.2.1", known("example-token"))

    assert (found, token) == (PARTNER, "example-token")


@pytest.mark.parametrize("scheme", ["Token", "token", "TOKEN"])
def test_the_scheme_is_case_insensitive(scheme):
    """RFC 9110 11.1."""
    header = encoded("abc").replace("Token", scheme)

    assert authenticate(header, None, known("abc"))[0] is PARTNER


def test_missing_padding_does_not_matter():
    """Some peers strip it."""
    assert authenticate(encoded("abcd").rstrip("="), "2.2.1", known("abcd"))[0] is PARTNER


def test_a_raw_token_that_is_valid_base64_is_found_in_211():
    """ocpi-rules 1: "decode, fall back on failure" picks the wrong string; compare both."""
    assert authenticate(f"Token {SAMPLE}", "2.1.1", known(SAMPLE))[1] == SAMPLE
    with pytest.raises(Unauthorized):
        authenticate(f"Token {SAMPLE}", "2.2.1", known(SAMPLE))


def test_a_raw_token_in_221_is_a_quirk():
    """ocpi-rules 1."""
    quirky = replace(PARTNER, quirks=frozenset({"raw_token"}))

    assert authenticate(f"Token {SAMPLE}", "2.2.1", known(SAMPLE, quirky))[0] is quirky


def test_an_unregistered_partner_is_nobody():
    """S9."""
    gone = replace(PARTNER, state=PartnerState.UNREGISTERED)

    with pytest.raises(Unauthorized):
        authenticate(encoded("abc"), "2.2.1", known("abc", gone))
