"""What a password means, how long changes stay open, and how much a flood of refusals logs."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from gateway.domain.charge_points import ChargePointRecord, PendingPassword, SecurityProfile
from gateway.domain.credentials import (
    Verdict,
    accepted_profiles,
    as_authorization_key,
    canonical,
    may_become,
    password_answered,
    password_sent,
    password_used,
    profile_sent,
    profile_used,
)
from gateway.domain.party import Party
from gateway.ocpp.tls import RefusedHandshakes
from gateway.services.security.credentials import Begun

RECORD = ChargePointRecord("CP", Party("NL", "GWY"), SecurityProfile.BASIC_AUTH, "old")
TLS, CERTIFICATE = SecurityProfile.TLS_BASIC_AUTH, SecurityProfile.TLS_CLIENT_CERTIFICATE


@pytest.mark.parametrize(
    ("written", "means"),
    [
        (b"00" * 16, bytes(16)),
        (b"fF" * 20, b"\xff" * 20),
        (b"00" * 15, b"00" * 15),
        (b"00" * 21, b"00" * 21),
        (b"0" * 33, b"0" * 33),
        (b"correct-horse-battery", b"correct-horse-battery"),
    ],
)
def test_hex_digits_of_a_keys_length_mean_the_key(written: bytes, means: bytes) -> None:
    """security-and-faults row 5."""
    assert canonical(written) == means


@pytest.mark.parametrize(
    ("password", "key"),
    [
        ("ab" * 16, "ab" * 16),
        ("x" * 16, "78" * 16),
        ("x" * 20, "78" * 20),
        ("x" * 21, None),
        ("x" * 15, None),
    ],
)
def test_a_1_6_key_holds_16_to_20_bytes(password: str, key: str | None) -> None:
    """security-and-faults row 5: 1.6 A00.FR.205."""
    assert as_authorization_key(password) == key


def test_an_answer_concerns_only_its_own_password() -> None:
    """security-and-faults row 6."""
    both = password_sent(password_sent(RECORD, "first"), "second")
    refused = password_answered(both, "second", Verdict.REFUSED)
    assert refused.pending_passwords == (PendingPassword("first"),)
    accepted = password_answered(both, "first", Verdict.ACCEPTED)
    assert accepted.password_hash == "first"
    assert accepted.pending_passwords == (PendingPassword("second"),)  # still on its way


def test_an_accepted_password_ends_those_sent_before_it() -> None:
    """security-and-faults row 6: A01.FR.03."""
    both = password_sent(password_sent(RECORD, "first"), "second")
    accepted = password_answered(both, "second", Verdict.ACCEPTED)
    assert (accepted.password_hash, accepted.pending_passwords) == ("second", ())


def test_an_answer_does_not_undo_what_the_operator_has_set_meanwhile() -> None:
    """security-and-faults row 6: the registry was changed between sending and the answer."""
    begun = Begun("CP", hash="sent", over="old")
    put = replace(begun.entered(RECORD), password_hash="the operator's", pending_passwords=())
    assert begun.settled(put, Verdict.ACCEPTED) == put


def test_an_answer_that_comes_after_a_login_with_the_old_password_still_counts() -> None:
    settled = password_used(password_sent(RECORD, "new"), "old")
    assert settled == RECORD
    assert password_answered(settled, "new", Verdict.ACCEPTED).password_hash == "new"


@pytest.mark.parametrize("profile", SecurityProfile)
def test_over_ocpp_a_profile_only_rises(profile: SecurityProfile) -> None:
    """security-and-faults row 3."""
    for current in SecurityProfile:
        record = replace(RECORD, security_profile=current)
        assert may_become(record, profile) is (profile > current)
        flagged = replace(record, allow_security_profile_downgrade=True)
        falls_back = (current, profile) == (CERTIFICATE, TLS)
        assert may_become(flagged, profile) is (profile > current or falls_back)


def test_a_login_with_the_higher_profile_ends_the_lower_one() -> None:
    """security-and-faults row 3: A05.FR.09."""
    sent = profile_sent(RECORD, TLS)
    assert accepted_profiles(sent) == {SecurityProfile.BASIC_AUTH, TLS}
    assert profile_used(sent, SecurityProfile.BASIC_AUTH) == sent
    used = profile_used(sent, TLS)
    assert accepted_profiles(used) == {TLS}
    assert used.profile_floor is TLS


def test_a_flood_of_refused_handshakes_is_counted_and_not_all_logged() -> None:
    """security-and-faults row 10: one event each, and bounded."""
    time = 0.0
    refused = RefusedHandshakes(lambda: time)
    with capture_logs() as logs:
        for _ in range(1_000):
            refused("NO_SHARED_CIPHER")
        time = 2.0
        refused("UNSUPPORTED_PROTOCOL")
    assert len(logs) == 101
    assert logs[-1]["not_logged_before"] == 900
