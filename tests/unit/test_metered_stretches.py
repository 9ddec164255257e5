"""How the parts of a stretch, between two readings of energy, share what was counted in it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gateway.domain.metering.plausibility import Ceiling
from gateway.domain.metering.stretches import Samples, Stretch
from gateway.domain.pricing import Dimension

T0 = datetime(2026, 3, 1, tzinfo=UTC)
CHARGES, PARKS = False, True


def at(minutes: int) -> datetime:
    return T0 + timedelta(minutes=minutes)


def stretch(
    wh: str, *switches: tuple[int, bool], samples: tuple[Samples, ...] = (), parking: bool = CHARGES
) -> Stretch:
    """The first hour."""
    turns = [(at(minute), state) for minute, state in switches]
    return Stretch.of(at(0), at(60), parking, Decimal(wh), turns, samples)


def shares(one: Stretch) -> Iterator[tuple[str, Decimal, Decimal]]:
    """What each part was, its minutes and its Wh."""
    for period, _ in one.periods("T"):
        kind = Dimension.PARKING_TIME if Dimension.PARKING_TIME in period.volumes else "TIME"
        hours = period.volumes[Dimension(kind)]
        yield str(kind), hours * 60, period.volumes.get(Dimension.ENERGY, Decimal(0)) * 1000


def test_parts_of_charging_share_energy_by_their_time() -> None:
    found = list(shares(stretch("600", (10, PARKS), (30, CHARGES), (50, PARKS))))
    assert found == [
        ("TIME", 10, 200),
        ("PARKING_TIME", 20, 0),
        ("TIME", 20, 400),
        ("PARKING_TIME", 10, 0),
    ]


def test_what_the_shares_are_rounded_by_has_the_last() -> None:
    """100 Wh over three times ten minutes."""
    turns = ((10, PARKS), (20, CHARGES), (30, PARKS), (50, CHARGES))
    found = [wh for kind, _, wh in shares(stretch("100", *turns)) if kind == "TIME"]
    assert sum(found) == 100
    assert max(found) - min(found) < Decimal("0.00001")


def test_charging_for_no_time_at_all_takes_no_energy_from_the_parking() -> None:
    turns = ((20, CHARGES), (20, PARKS))
    found = list(shares(stretch("90", *turns, parking=PARKS)))
    assert found == [("PARKING_TIME", 20, 30), ("PARKING_TIME", 40, 60)]


def test_a_switch_at_the_very_start_or_end_makes_no_part() -> None:
    assert list(shares(stretch("90", (0, PARKS), (60, CHARGES)))) == [("PARKING_TIME", 60, 90)]


def test_a_sample_at_a_switch_belongs_to_what_it_ends() -> None:
    samples = tuple(
        Samples(at(minute), Decimal(power), None, None)
        for minute, power in ((0, 1), (10, 2), (30, 3), (31, 4), (60, 5))
    )
    found = stretch("600", (30, PARKS), samples=samples).periods("T")
    extremes = (Dimension.MIN_POWER, Dimension.MAX_POWER)
    assert [tuple(period.volumes[each] for each in extremes) for period, _ in found] == [
        (1, 3),
        (4, 5),
    ]


def test_the_power_of_a_part_is_what_flowed_in_its_time() -> None:
    charging, parking = stretch("6000", (30, PARKS)).periods("T")
    assert charging[0].volumes[Dimension.POWER] == 12
    assert parking[0].volumes[Dimension.POWER] == 0


@pytest.mark.parametrize(("wh", "beyond"), [("3700", False), ("3701", True)])
def test_more_than_can_have_flowed_is_beyond(wh: str, beyond: bool) -> None:
    """An hour at 1 Wh a second, and 100 once."""
    assert stretch(wh, (30, PARKS)).is_beyond(Ceiling(Decimal(1), Decimal(100))) is beyond
    assert not stretch(wh).is_beyond(None)
