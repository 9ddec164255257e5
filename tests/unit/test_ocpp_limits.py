"""Bounds on what one peer may ask, on a clock of the test's own."""

from gateway.ocpp.limits import LoginLimiter, TokenBucket

GOOD, BAD = b"the right password", b"a wrong password"


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=2, burst=3, now=0)
    assert [bucket.spend(0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert bucket.spend(10) == 0


def attempts_verified(limiter: LoginLimiter, address: str, identities: list[str]) -> int:
    verified = 0
    for number, identity in enumerate(identities):
        now = number / 1_000
        if limiter.allows(address, identity, BAD, now):
            verified += 1
            limiter.failed(address, identity, BAD, now)
    return verified


def test_of_ten_thousand_bad_logins_to_one_charge_point_few_reach_the_verifier() -> None:
    """security-and-faults S6"""
    assert attempts_verified(LoginLimiter(), "10.0.0.1", ["CP1"] * 10_000) < 20


def test_of_ten_thousand_bad_logins_to_many_charge_points_few_reach_the_verifier() -> None:
    """security-and-faults S6"""
    identities = [f"CP{number}" for number in range(10_000)]
    assert attempts_verified(LoginLimiter(), "10.0.0.1", identities) < 800


def test_guessing_from_elsewhere_does_not_lock_the_charge_point_out() -> None:
    """security-and-faults S6"""
    limiter = LoginLimiter()
    attempts_verified(limiter, "10.0.0.1", ["CP1"] * 1_000)
    assert limiter.allows("10.0.0.2", "CP1", GOOD, 1)


def test_guessing_from_the_same_address_does_not_lock_out_who_has_logged_in_before() -> None:
    """security-and-faults S6"""
    limiter = LoginLimiter()
    limiter.succeeded("CP1", GOOD)
    attempts_verified(limiter, "10.0.0.1", ["CP1"] * 1_000)
    assert limiter.allows("10.0.0.1", "CP1", GOOD, 1)
    assert not limiter.allows("10.0.0.1", "CP1", BAD, 1)


def test_after_a_while_an_attempt_is_allowed_again() -> None:
    limiter = LoginLimiter()
    attempts_verified(limiter, "10.0.0.1", ["CP1"] * 1_000)
    assert not limiter.allows("10.0.0.1", "CP1", GOOD, 1)
    assert limiter.allows("10.0.0.1", "CP1", GOOD, 60)


def test_the_memory_of_failures_is_bounded() -> None:
    limiter = LoginLimiter(remembered=100)
    for number in range(1_000):
        limiter.failed(f"10.0.{number // 256}.{number % 256}", "CP1", BAD, 0)
    assert limiter.allows("10.0.0.1", "CP1", BAD, 0)  # long forgotten
    assert len(limiter._buckets) == 100


def test_a_password_that_was_good_and_is_no_longer_is_limited_like_any_other() -> None:
    """S6: whoever still knows the one before does not get past the limit with it."""
    limiter = LoginLimiter()
    limiter.succeeded("CP1", b"old")
    allowed = 0
    while allowed < 1_000 and limiter.allows("10.0.0.1", "CP1", b"old", 0):
        limiter.failed("10.0.0.1", "CP1", b"old", 0)
        allowed += 1
    assert allowed == 10


def test_a_wrong_guess_does_not_make_the_good_password_forgotten() -> None:
    limiter = LoginLimiter()
    limiter.succeeded("CP1", b"good")
    for _ in range(100):
        limiter.failed("10.0.0.1", "CP1", BAD, 0)
    assert limiter.allows("10.0.0.1", "CP1", b"good", 0)


def test_a_large_spending_is_paid_for_by_its_size() -> None:
    bucket = TokenBucket(rate=2, burst=3, now=0)
    assert bucket.spend(now=0, tokens=3) == 0
    assert bucket.spend(now=0, tokens=10) == 5
