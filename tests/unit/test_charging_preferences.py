"""What a driver may want, and what a partner may write as a profile."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.charging_preferences import (
    Preferences,
    PreferencesAnswer,
    ProfileType,
    answer,
    most_power,
)
from gateway.domain.charging_profiles import ActiveProfile, ChargingSchedule, RateUnit
from gateway.domain.commands import CommandOutcome
from gateway.ocpi.incoming.errors import InvalidParameters
from gateway.ocpi.outgoing.command_results import PROFILE_RESULTS
from gateway.ocpi.profiles_on_the_wire import read_schedule, write_active
from gateway.ocpi.versions import VERSIONS

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALL = ("PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR")


@pytest.mark.parametrize("profile_type", ProfileType)
def test_every_profile_type_can_be_had(profile_type):
    """2.2.1 mod_sessions 9.4.2."""
    wanted = Preferences(profile_type, T0 + timedelta(hours=4), Decimal(20))
    judged = answer(wanted, tariff_types=ALL, most_kw=Decimal(11), now=T0)
    assert judged is PreferencesAnswer.ACCEPTED


@pytest.mark.parametrize("profile_type", [*ProfileType, "TURBO"])
def test_a_profile_type_without_a_tariff_is_not_supported(profile_type):
    """mod_sessions 9.3.2: "for every supported ProfileType, a Tariff MUST be provided"."""
    wanted = Preferences(profile_type, T0 + timedelta(hours=4), Decimal(20))
    judged = answer(wanted, tariff_types=(), most_kw=Decimal(11), now=T0)
    regular = profile_type == ProfileType.REGULAR
    assert (judged is PreferencesAnswer.ACCEPTED) is regular
    assert (judged is PreferencesAnswer.PROFILE_TYPE_NOT_SUPPORTED) is not regular


def test_what_the_power_cannot_reach_in_time_is_not_possible():
    """mod_sessions 9.4.1, NOT_POSSIBLE."""
    for need, judged in ((22, PreferencesAnswer.ACCEPTED), (23, PreferencesAnswer.NOT_POSSIBLE)):
        wanted = Preferences("REGULAR", T0 + timedelta(hours=2), Decimal(need))
        assert answer(wanted, tariff_types=(), most_kw=Decimal(11), now=T0) is judged


@pytest.mark.parametrize(
    ("connector", "kilowatts"),
    [
        ({"power_type": "AC_3_PHASE", "max_voltage": 230, "max_amperage": 16}, "11.04"),
        ({"power_type": "AC_1_PHASE", "max_voltage": 230, "max_amperage": 16}, "3.68"),
        ({"power_type": "DC", "max_voltage": 500, "max_amperage": 200}, "100"),
        (
            {
                "power_type": "DC",
                "max_voltage": 500,
                "max_amperage": 200,
                "max_electric_power": 50_000,
            },
            "50",
        ),
    ],
)
def test_the_power_of_a_connector_is_stated_or_reckoned(connector, kilowatts):
    """mod_locations 8.3.3, max_electric_power."""
    assert most_power(connector) == Decimal(kilowatts)


# --- charging profiles ------------------------------------------------------------------------

PROFILE = {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 16}]}


def test_limits_have_one_decimal_and_are_never_raised():
    """2.2.1 mod_charging_profiles 14.6.5: "Accepts at most one digit fraction"."""
    period = {"start_period": 0, "limit": Decimal("8.19")}
    schedule = read_schedule(PROFILE | {"charging_profile_period": [period]})
    assert schedule.periods[0].limit == Decimal("8.1")


@pytest.mark.parametrize(
    "changes",
    [
        {"charging_rate_unit": "kW"},
        {"charging_rate_unit": None},
        {"charging_profile_period": []},
        {"charging_profile_period": None},
        {"charging_profile_period": {"start_period": 0, "limit": 16}},
        {"charging_profile_period": [7]},
        {"charging_profile_period": [{"start_period": 0}]},
        {"charging_profile_period": [{"start_period": -1, "limit": 16}]},
        {"charging_profile_period": [{"start_period": 0, "limit": -1}]},
        {"charging_profile_period": [{"start_period": Decimal("0.5"), "limit": 1}]},
        {"start_date_time": "now"},
        {"duration": True},
        {"duration": 2**40},
        {"min_charging_rate": "6"},
    ],
)
def test_what_is_no_profile_is_refused(changes):
    """ocpi-rules 11."""
    with pytest.raises(InvalidParameters):
        read_schedule(PROFILE | changes)


@given(
    limits=st.lists(st.decimals(0, 400, places=1), min_size=1, max_size=20),
    unit=st.sampled_from(RateUnit),
    duration=st.none() | st.integers(0, 86_400),
)
def test_a_profile_that_is_read_and_written_is_the_same(limits, unit, duration):
    """14.6.1 and 14.6.4."""
    periods = [{"start_period": 60 * n, "limit": one} for n, one in enumerate(limits)]
    told = {"charging_rate_unit": unit.value, "charging_profile_period": periods}
    told |= {} if duration is None else {"duration": duration}
    schedule = read_schedule(told)
    assert isinstance(schedule, ChargingSchedule)
    written = write_active(ActiveProfile(T0, schedule))
    at = "2026-03-01T12:00:00.000Z"
    assert written == {
        "start_date_time": at,
        "charging_profile": told | {"start_date_time": at},
    }


# --- results ----------------------------------------------------------------------------------

COMMAND_RESULTS = {
    "2.1.1": {"NOT_SUPPORTED", "REJECTED", "ACCEPTED", "TIMEOUT", "UNKNOWN_SESSION"},
    "2.2.1": {
        "ACCEPTED",
        "CANCELED_RESERVATION",
        "EVSE_OCCUPIED",
        "EVSE_INOPERATIVE",
        "FAILED",
        "NOT_SUPPORTED",
        "REJECTED",
        "TIMEOUT",
        "UNKNOWN_RESERVATION",
    },
}
COMMAND_RESULTS["2.3.0"] = COMMAND_RESULTS["2.2.1"]


@pytest.mark.parametrize("outcome", CommandOutcome)
@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.number)
def test_every_outcome_has_a_word_in_every_version(version, outcome):
    """ocpi-rules 16 (2.2.1 mod_commands 13.4.2; 2.1.1 mod_commands 4.1)."""
    assert version.commands.results[outcome] in COMMAND_RESULTS[version.number]


@pytest.mark.parametrize("outcome", CommandOutcome)
def test_every_outcome_has_a_word_for_profiles(outcome):
    """14.6.7, ChargingProfileResultType."""
    assert PROFILE_RESULTS[outcome] in {"ACCEPTED", "REJECTED", "UNKNOWN"}
