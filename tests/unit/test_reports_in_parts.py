"""Reports that come in parts (ocpp-rules 27)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.reports import (
    MAX_PARTS,
    MAX_REPORTS,
    Numbered,
    Part,
    Progress,
    advance,
    assemble,
    inventory,
    number_of,
    slot_for,
)

T0 = datetime(2026, 3, 1, tzinfo=UTC)
EMPTY = Progress("NotifyReport", 7, 0, T0, T0)


def part(number, count):
    return Part("NotifyReport", 7, [f"item {number}"], number < count - 1, number)


def told(parts):
    """What is known after these parts, and what they say together."""
    progress, kept = EMPTY, []
    for one in parts:
        kept.append(Numbered(number_of(progress, one), one.items))
        progress = advance(progress, one, T0)
    return progress, assemble(kept)


@st.composite
def arrivals(draw):
    """A report of some parts, of which some are lost, and some come again, in any order."""
    count = draw(st.integers(1, 12))
    parts = [part(number, count) for number in range(count)]
    arrived = draw(st.lists(st.sampled_from(parts), min_size=1, max_size=30))
    return count, arrived


@given(arrivals())
def test_order_and_repetition_of_parts_change_nothing(arrival):
    count, arrived = arrival
    numbers = sorted({one.seq_no for one in arrived})

    progress, items = told(arrived)

    assert items == [f"item {number}" for number in numbers]
    assert progress.complete == (len(numbers) == count)
    highest = count - 1 if progress.last is not None else numbers[-1]
    assert progress.missing == [n for n in range(highest) if n not in numbers]


@given(st.integers(1, 30).flatmap(lambda n: st.permutations(range(n))))
def test_any_order_of_all_parts_is_the_same_report(order):
    progress, items = told([part(number, len(order)) for number in order])

    assert progress.complete
    assert progress.missing == []
    assert items == [f"item {number}" for number in range(len(order))]


def test_a_report_of_which_only_the_last_part_came_is_incomplete():
    progress, items = told([part(3, 4)])

    assert not progress.complete
    assert progress.missing == [0, 1, 2]
    assert items == ["item 3"]


def test_an_empty_part_counts_as_a_part():
    """ocpp-rules: `reportData: []`"""
    progress, items = told([Part("NotifyReport", 7, [], False, 0)])

    assert progress.complete
    assert items == []


def test_a_station_that_does_not_count_loses_nothing():
    progress, items = told(
        [Part("NotifyReport", 7, ["a"], True, 0), Part("NotifyReport", 7, ["b"], False, 0)]
    )

    assert progress.complete
    assert items == ["a", "b"]


def test_parts_without_numbers_are_numbered_as_they_come():
    progress, items = told(
        [
            Part("NotifyDisplayMessages", 7, ["a"], True),
            Part("NotifyDisplayMessages", 7, ["b"], False),
        ]
    )

    assert progress.complete
    assert items == ["a", "b"]


def test_more_parts_than_are_kept_make_a_report_that_says_so():
    progress = EMPTY
    for number in range(MAX_PARTS + 1):
        progress = advance(progress, part(number, MAX_PARTS + 1), T0)

    assert progress.cut
    assert not progress.complete
    assert progress.parts == MAX_PARTS


def test_a_number_from_nowhere_is_no_reason_to_count_to_it():
    progress = advance(EMPTY, Part("NotifyReport", 7, [], False, 2**62), T0)

    assert progress.missing[:3] == [0, 1, 2]
    assert len(progress.missing) == 100


def reports(count):
    moments = [T0 + timedelta(minutes=number) for number in range(count)]
    return [
        Progress("NotifyReport", number, number, moment, moment)
        for number, moment in enumerate(moments)
    ]


def test_a_new_report_takes_a_free_place_while_there_is_one():
    assert slot_for([]) == 0
    assert slot_for(reports(5)) == 5


def test_the_report_longest_untouched_gives_way():
    full = reports(MAX_REPORTS)

    assert slot_for(full) == full[0].slot


def test_the_device_model_never_gives_way():
    full = reports(MAX_REPORTS)
    full[0] = Progress("NotifyReport", 0, 0, T0, T0, inventory_of="1.2")

    assert slot_for(full) == full[1].slot


@pytest.mark.parametrize("finished", [True, False])
def test_a_newer_device_model_counts_once_it_is_complete(finished):
    old = advance(Progress("NotifyReport", 1, 1, T0, T0, inventory_of="1"), part(0, 1), T0)
    later = T0 + timedelta(hours=1)
    new = Progress("NotifyReport", 2, 2, later, later, inventory_of="2")
    if finished:
        new = advance(new, part(0, 1), later)

    assert inventory([old, new]) is (new if finished else old)
    assert inventory(reports(3)) is None


def test_a_station_that_skips_every_other_part_makes_no_endless_list():
    progress = EMPTY
    for number in range(1, 2_000, 2):
        progress = advance(progress, part(number, 2_001), T0)
    assert len(progress.beyond) <= 200
    assert progress.cut
    assert not progress.complete
