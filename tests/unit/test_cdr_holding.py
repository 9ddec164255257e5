"""Which flags hold a CDR, and which of them an operator's settings may release (ADR 0012)."""

import pytest

from gateway.domain import flags
from gateway.domain.bills.holding import (
    NAME_OF,
    NOTHING,
    RELEASABLE,
    UNRELEASABLE,
    held_by,
    releases,
)
from gateway.settings import Settings

NAMES = {
    "no-location",
    "start-missing",
    "end-missing",
    "clock-wrong",
    "clock-jumped",
    "meter-error",
    "signed-contradicts",
    "went-back",
    "beyond-power",
    "start-unread",
    "stop-unread",
    "events-missing",
    "no-meter-value",
    "too-many-events",
    "not-priced",
    "no-tariff",
}


def test_every_flag_that_holds_has_its_name_and_no_other_has_one() -> None:
    """The names stand in operators' settings: they stay as they are."""
    assert set(NAME_OF) == flags.HOLDING
    assert set(NAME_OF.values()) == NAMES


@pytest.mark.parametrize("flag", sorted(flags.HOLDING))
def test_nothing_is_released_unless_the_operator_says_so(flag: str) -> None:
    assert held_by((flag,), NOTHING) == (flag,)


@pytest.mark.parametrize("flag", sorted(flags.ALL - flags.HOLDING))
def test_what_is_only_odd_holds_nothing(flag: str) -> None:
    assert held_by((flag,)) == ()


def test_the_reasons_are_those_that_are_left_in_their_order() -> None:
    found = (flags.EVENTS_MISSING, flags.SUPERSEDED, flags.WENT_BACK, flags.STOP_UNREAD)
    released = releases("went-back, no-meter-value")
    assert held_by(found, released) == (flags.EVENTS_MISSING, flags.STOP_UNREAD)


@pytest.mark.parametrize("names", ["", " ", ","])
def test_an_empty_setting_releases_nothing(names: str) -> None:
    assert releases(names) == NOTHING


@pytest.mark.parametrize("name", ["events missing", "Events-Missing", "superseded", "all"])
def test_a_name_that_holds_nothing_is_refused_with_those_that_do(name: str) -> None:
    with pytest.raises(ValueError, match="clock-jumped, clock-wrong, end-missing"):
        releases(f"went-back,{name}")


@pytest.mark.parametrize("flag", sorted(UNRELEASABLE))
def test_without_a_place_or_a_price_there_is_nothing_to_release(flag: str) -> None:
    with pytest.raises(ValueError, match="there is no bill"):
        releases(NAME_OF[flag])
    assert held_by((flag,), flags.HOLDING) == (flag,)
    assert flag not in RELEASABLE


def test_the_setting_is_read_when_the_gateway_starts() -> None:
    """GATEWAY_CDR_RELEASE; `gateway check` shows what is wrong with it."""
    assert Settings().released == NOTHING
    assert Settings(cdr_release="events-missing").released == {flags.EVENTS_MISSING}
    with pytest.raises(ValueError, match="GATEWAY_CDR_RELEASE: nothing holds a CDR"):
        Settings(cdr_release="gaps")
