"""Which settings are wanted of a station, and when it has them."""

import pytest

from gateway.domain.baseline import (
    ROAMING_2X,
    ROAMING_16,
    Baseline,
    Kind,
    ModelBaseline,
    Source,
    State,
    Wish,
    items,
    satisfied,
    state_after,
    to_write,
    wishes,
)
from gateway.domain.configuration import (
    TAKEN,
    UNKNOWN,
    ReadSettings,
    VariableName,
    WriteSettings,
    Written,
)
from gateway.ocpp import v16, v201

SAMPLES = "MeterValueSampleInterval"


def wanted(baseline=None, own=None, **station):
    found = wishes(baseline or Baseline(), own or {}, **{"is_16": True, **station})
    return {wish.name: wish for wish in found}


@pytest.mark.parametrize("wish", ROAMING_16 + ROAMING_2X, ids=lambda wish: wish.name)
def test_every_line_of_the_tables_has_a_reason_and_a_value_of_its_kind(wish):
    assert len(wish.reason) > 20
    assert wish.source is Source.ROAMING
    assert wish.value
    assert wish.kind is not Kind.TEXT or "," not in wish.value


def test_no_setting_is_wanted_twice():
    for table in (ROAMING_16, ROAMING_2X):
        names = [wish.name for wish in table]
        assert len(set(names)) == len(names)


def test_each_versions_names_can_be_said_in_it():
    for table, dialect in ((ROAMING_16, v16.DIALECT), (ROAMING_2X, v201.DIALECT)):
        for wish in table:
            read = dialect.asks[ReadSettings](ReadSettings((wish.name,)))
            written = dialect.asks[WriteSettings](WriteSettings({wish.name: wish.value}))
            for asked in (read, written):
                assert dialect.schemas.request(asked.action).faults(asked.payload) == []


def test_the_names_of_2x_are_in_their_shortest_spelling():
    assert all(str(VariableName.parse(wish.name)) == wish.name for wish in ROAMING_2X)


def test_without_an_operator_what_roaming_needs_is_wanted():
    assert list(wanted().values()) == list(ROAMING_16)
    assert list(wanted(is_16=False).values()) == list(ROAMING_2X)


def test_the_later_word_counts_station_over_model_over_all_over_roaming():
    model = ModelBaseline("acme", "x*", {SAMPLES: "20", "ConnectionTimeOut": "20"})
    baseline = Baseline({SAMPLES: "10", "ConnectionTimeOut": "10", "Own": "10"}, {}, (model,))
    found = wanted(baseline, {SAMPLES: "30"}, vendor="ACME", model="X-1")

    assert (found[SAMPLES].value, found[SAMPLES].source) == ("30", Source.STATION)
    assert (found["ConnectionTimeOut"].value, found["ConnectionTimeOut"].source) == (
        "20",
        Source.MODEL,
    )
    assert (found["Own"].value, found["Own"].source) == ("10", Source.ALL)
    assert found["LocalPreAuthorize"].source is Source.ROAMING


def test_a_models_baseline_is_for_that_model_alone():
    model = ModelBaseline("ACME", "X*", {SAMPLES: "20"})
    baseline = Baseline({}, {}, (model,))

    assert wanted(baseline, vendor="ACME", model="Y")[SAMPLES].value == "60"
    assert wanted(baseline, vendor="Other", model="X")[SAMPLES].value == "60"


def test_a_wish_of_none_leaves_a_setting_to_the_station():
    assert SAMPLES not in wanted(Baseline({SAMPLES.upper(): None}))
    assert wanted(Baseline({SAMPLES: None}), {SAMPLES: "5"})[SAMPLES].value == "5"


def test_the_operators_list_is_to_be_just_what_he_says():
    found = wanted(Baseline({"MeterValuesSampledData": "Voltage", "New": "a,b", "Plain": "a"}))

    assert found["MeterValuesSampledData"].kind is Kind.LIST
    assert found["New"].kind is Kind.LIST
    assert found["Plain"].kind is Kind.TEXT


@pytest.mark.parametrize(
    ("kind", "want", "value", "expected"),
    [
        (Kind.TEXT, "60", "60", True),
        (Kind.TEXT, "60", " 60.0", True),
        (Kind.TEXT, "60", "61", False),
        (Kind.TEXT, "true", "True", True),
        (Kind.TEXT, "true", "", False),
        (Kind.LIST, "a,b", " B , a", True),
        (Kind.LIST, "a,b", "a,b,c", False),
        (Kind.LIST, "a,b", "a", False),
        (Kind.AT_LEAST, "a,b", "c,b,a", True),
        (Kind.AT_LEAST, "a,b", "a", False),
        (Kind.AT_LEAST, "a,b", "", False),
    ],
)
def test_values_are_compared_by_their_kind(kind, want, value, expected):
    assert satisfied(Wish("X", want, "", kind), value) is expected


def test_a_list_that_lacks_something_gets_it_and_keeps_what_it_has():
    wish = Wish("X", "Energy,Power", "", Kind.AT_LEAST)

    assert to_write(wish, "Voltage,power") == "Energy,Power,Voltage"
    assert to_write(wish, None) == "Energy,Power"
    assert to_write(Wish("X", "a,b", "", Kind.LIST), "c") == "a,b"
    assert satisfied(wish, to_write(wish, "Voltage"))


def test_members_of_a_list_are_counted_once():
    assert items(" a, b,,a ") == ["a", "b"]


@pytest.mark.parametrize("word", list(Written))
def test_every_answer_to_a_write_has_a_meaning(word):
    state = state_after(word.value)

    assert (state in (State.SET, State.REBOOT_REQUIRED)) == (word in TAKEN)
    assert (state is State.UNKNOWN) == (word in UNKNOWN)


def test_a_word_of_the_stations_own_is_a_refusal():
    assert state_after("Whatever") is State.REFUSED


@pytest.mark.parametrize(
    ("value", "stays"),
    [("60", True), ("10", True), ("0.5", True), ("61", False), ("0", False), ("", False)],
)
def test_a_station_that_samples_faster_is_left_alone(value, stays):
    wish = wanted()[SAMPLES]
    assert wish.kind is Kind.AT_MOST
    assert satisfied(wish, value) is stays
    assert to_write(wish, value) == "60"


def test_the_operators_sampling_interval_is_meant_exactly():
    wish = wanted(own={SAMPLES: "30"})[SAMPLES]
    assert wish.kind is Kind.TEXT
    assert not satisfied(wish, "10")
