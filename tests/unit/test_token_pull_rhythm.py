"""When the tokens of a partner are pulled."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.domain.token_pulls import PullKind, PullRhythm, PullState

T0 = datetime(2026, 3, 1, tzinfo=UTC)
RHYTHM = PullRhythm(full=1_000, changes=100, pauses=(1, 5))
PULLED = PullState(wanted=1, answered=1, full=T0, latest=T0)


def due(state: PullState, seconds: float, rhythm: PullRhythm = RHYTHM) -> PullKind | None:
    return state.due("p1", T0 + timedelta(seconds=seconds), rhythm)


def test_what_was_never_pulled_is_pulled_whole() -> None:
    assert due(PullState(), 0) is PullKind.FULL


def test_changes_are_pulled_more_often_than_everything() -> None:
    """mod_tokens 12.1.2: "to get a list of all tokens [...] every X hours"."""
    kinds = [due(PULLED, seconds) for seconds in (99, 110, 999, 1_100)]
    assert kinds == [None, PullKind.CHANGES, PullKind.CHANGES, PullKind.FULL]


def test_without_an_interval_changes_are_not_pulled() -> None:
    assert due(PULLED, 999, replace(RHYTHM, changes=0)) is None


def test_a_wish_is_fulfilled_at_once_and_once() -> None:
    wished = replace(PULLED, wanted=2)
    assert due(wished, 0) is PullKind.FULL
    assert due(replace(wished, answered=2), 0) is None


def test_partners_are_spread_over_a_tenth_of_the_interval() -> None:
    """The same moment on every node, another one for every partner."""
    first = [
        next(
            seconds
            for seconds in range(0, 2_000)
            if PULLED.due(f"p{number}", T0 + timedelta(seconds=seconds), RHYTHM) is PullKind.FULL
        )
        for number in range(50)
    ]
    assert min(first) >= 1_000
    assert max(first) <= 1_100
    assert len(set(first)) > 25


def test_a_failure_waits_longer_each_time_but_for_a_new_wish() -> None:
    failure = PULLED.failed(T0, 1, "away", RHYTHM.pauses)
    again = replace(PULLED, failure=failure).failed(T0, 1, "away", RHYTHM.pauses)
    third = replace(PULLED, failure=again).failed(T0, 1, "away", RHYTHM.pauses)
    pauses = [(one.again - T0).total_seconds() for one in (failure, again, third)]
    assert pauses == [1, 5, 5]

    waiting = PullState(wanted=1, failure=again)
    assert due(waiting, 4) is None
    assert due(waiting, 5) is PullKind.FULL
    assert due(replace(waiting, wanted=2), 0) is PullKind.FULL
