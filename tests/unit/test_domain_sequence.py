"""Which events of a transaction were heard (2.x seqNo; ocpp-rules 23)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.events import TransactionPhase
from gateway.domain.sequence import Sequence

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
STARTED, UPDATED, ENDED = TransactionPhase


def heard(*events: tuple[int, TransactionPhase]) -> Sequence:
    sequence = Sequence()
    for number, phase in events:
        sequence = sequence.hearing(number, T0 + timedelta(seconds=number), phase)
    return sequence


@given(st.integers(0, 50), st.integers(1, 12), st.data())
def test_the_order_of_hearing_says_nothing(first: int, more: int, data: st.DataObject) -> None:
    last = first + more
    story = [(first, STARTED), *((n, UPDATED) for n in range(first + 1, last)), (last, ENDED)]
    mixed = data.draw(st.permutations(story))
    assert heard(*mixed) == heard(*story)
    assert heard(*story).complete


@given(st.integers(2, 12), st.data())
def test_it_is_complete_only_when_no_number_is_missing(last: int, data: st.DataObject) -> None:
    story = [(0, STARTED), *((n, UPDATED) for n in range(1, last)), (last, ENDED)]
    story.remove(data.draw(st.sampled_from(story)))
    assert not heard(*story).settled


@pytest.mark.parametrize(
    "story",
    [
        [(0, STARTED), (0, UPDATED), (0, ENDED)],  # always 0
        [(7, STARTED), (8, UPDATED), (0, ENDED)],  # counted from 0 again after a boot
        [(0, STARTED), (2, ENDED), (3, UPDATED)],  # counts on after the end
    ],
)
def test_a_station_that_cannot_count_is_not_waited_for(
    story: list[tuple[int, TransactionPhase]],
) -> None:
    """Seen on the wire: seqNo 0 on every event (2.0.1)."""
    assert not heard(*story).counts
    assert heard(*story).settled


def test_without_a_start_even_one_that_cannot_count_is_waited_for() -> None:
    assert not heard((0, UPDATED), (0, ENDED)).settled


def test_a_station_that_skips_every_other_number_is_not_believed_to_count() -> None:
    """What is kept of its numbers is bounded, and nothing is waited for."""
    story = [(0, STARTED), *((n, UPDATED) for n in range(2, 4_000, 2)), (4_001, ENDED)]
    sequence = heard(*story)
    assert len(sequence.seen) <= 1_000
    assert not sequence.counts
    assert sequence.settled


def test_the_next_event_is_above_all_others_and_not_before_them() -> None:
    """Where number and time contradict each other, the whole story has to be seen."""
    so_far, later = heard((0, STARTED), (3, UPDATED)), T0 + timedelta(seconds=9)
    assert so_far.is_next(later, 4)
    assert not so_far.is_next(later, 2)
    assert not so_far.is_next(T0, 4)


def test_the_numbers_of_a_station_that_does_not_count_put_nothing_out_of_turn() -> None:
    so_far, later = heard((0, STARTED), (0, UPDATED)), T0 + timedelta(seconds=9)
    assert so_far.is_next(later, 0)
    assert not so_far.is_next(T0 - timedelta(seconds=1), 0)
