"""When a partner that did not answer is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.backoff import Backoff, BackoffPolicy

POLICY = BackoffPolicy(first=1.0, longest=300.0, longest_told=3600.0, jitter=0.5)


def failed_times(count: int, chance: float = 0.0) -> Backoff:
    backoff, now = Backoff(POLICY), 0.0
    for _ in range(count):
        backoff = backoff.failed(now, chance, began=now)
        now = backoff.not_before
    return backoff


def test_a_partner_without_failures_is_tried_at_once() -> None:
    assert Backoff(POLICY).wait(0.0) == 0.0


def test_the_pause_doubles_with_every_failure_in_a_row() -> None:
    assert [POLICY.pause(failures, 0.0) for failures in (1, 2, 3, 4)] == [1, 2, 4, 8]


@given(failures=st.integers(1, 10_000), chance=st.floats(0, 1, exclude_max=True))
def test_a_pause_is_never_longer_than_the_longest_nor_shorter_than_half_the_first(
    failures: int, chance: float
) -> None:
    assert 0.5 <= POLICY.pause(failures, chance) <= 300.0


def test_jitter_spreads_partners_that_failed_together() -> None:
    pauses = {POLICY.pause(5, chance / 10) for chance in range(10)}
    assert len(pauses) == 10


def test_failures_of_attempts_that_were_in_flight_together_count_once() -> None:
    backoff = Backoff(POLICY).failed(10.0, 0.0, began=5.0)
    backoff = backoff.failed(10.1, 0.0, began=5.0).failed(10.2, 0.0, began=6.0)
    assert backoff.failures == 1


def test_a_success_ends_the_back_off() -> None:
    backoff = failed_times(8).succeeded()
    assert (backoff.failures, backoff.wait(0.0)) == (0, 0.0)


def test_a_pause_that_the_partner_asked_for_is_kept() -> None:
    backoff = Backoff(POLICY).failed(0.0, 0.0, began=0.0, retry_after=120.0)
    assert backoff.wait(0.0) == 120.0


def test_a_pause_that_the_partner_asked_for_is_bounded() -> None:
    backoff = Backoff(POLICY).failed(0.0, 0.0, began=0.0, retry_after=1e9)
    assert backoff.wait(0.0) == 3600.0


def test_a_call_from_the_partner_does_not_shorten_a_pause_it_asked_for() -> None:
    backoff = Backoff(POLICY).failed(0.0, 0.0, began=0.0, retry_after=120.0).called(10.0)
    assert backoff.wait(10.0) == 110.0


def test_a_call_from_the_partner_ends_a_long_pause() -> None:
    backoff = failed_times(9)
    now = backoff.failed_at + 5.0
    assert backoff.wait(now) > 100.0
    assert backoff.called(now).wait(now) == 0.0


def test_calls_from_the_partner_do_not_lead_to_more_than_one_try_in_the_first_pause() -> None:
    backoff = failed_times(9)
    now = backoff.failed_at + 0.125
    assert backoff.called(now).called(now).wait(now) == 0.875


def test_after_a_call_the_next_failure_backs_off_further_than_the_last() -> None:
    backoff = failed_times(4)
    now = backoff.failed_at + 2.0
    assert backoff.called(now).failed(now, 0.0, began=now).wait(now) == 16.0
