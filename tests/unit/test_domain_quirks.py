"""The table of quirks, rules for kinds of charge points, and the counting of deviations."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.domain.deviations import DeviationLog
from gateway.domain.quirks import (
    LOCAL_TIME,
    QUIRKS,
    Applies,
    EffectiveQuirks,
    QuirkRule,
    faults,
    of_rules,
)

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_every_named_quirk_says_what_is_risked_and_the_others_risk_nothing() -> None:
    for quirk in QUIRKS.values():
        assert quirk.shown
        assert quirk.tolerated
        assert quirk.risk == "none" or quirk.applies is Applies.NAMED


@pytest.mark.parametrize(
    "named",
    [
        ["no-such-quirk"],
        ["extra-members"],
        ["local-time"],
        ["local-time:Europe/Nowhere"],
        ["local-time:../../etc/passwd"],
        ["loose-types:yes"],
        ["kwh-as-wh", "wh-as-kwh"],
        ["kw-as-w", "w-as-kw"],
    ],
)
def test_quirks_that_cannot_be_used_are_told(named: list[str]) -> None:
    assert len(faults(named)) == 1


def test_quirks_that_can_be_used_have_no_fault() -> None:
    assert faults(["loose-types", "local-time:Europe/Amsterdam", "kwh-as-wh"]) == []


def test_an_unusable_zone_changes_nothing() -> None:
    assert EffectiveQuirks(["local-time:Nowhere"]).local_zone is None
    assert not EffectiveQuirks(["local-time:Nowhere"]).change_meaning


RULE = QuirkRule(("loose-types",), vendor="Acme*", model="EV[2]*", firmware="1.?")


@pytest.mark.parametrize(
    ("told", "covered"),
    [
        (("ACME Ltd", "ev[2]-fast", "1.4"), True),
        (("Acme", "EV2", "1.4"), False),  # a bracket is a bracket
        (("Acme", "EV[2]", "2.0"), False),
        (("Acme", "EV[2]", None), False),
        (("Other Acme", "EV[2]", "1.4"), False),
    ],
)
def test_a_rule_covers_a_kind_of_station_in_any_case(
    told: tuple[str, str, str | None], covered: bool
) -> None:
    assert of_rules([RULE], *told) == (frozenset({"loose-types"}) if covered else frozenset())


def test_all_rules_together_give_their_quirks() -> None:
    rules = [QuirkRule(("loose-types",)), QuirkRule(("latin-1",), model="m*"), RULE]
    assert of_rules(rules, "V", "M1", None) == {"loose-types", "latin-1"}


def test_deviations_are_counted_with_their_first_example() -> None:
    log = DeviationLog()
    log.note("no-zone", "StatusNotification", "timestamp", NOW)
    log.note("no-zone", "MeterValues", "timestamp", NOW + timedelta(hours=1))
    assert log.document() == {
        "no-zone": {
            "count": 2,
            "would_help": 0,
            "first_seen": "2026-07-01T12:00:00.000Z",
            "last_seen": "2026-07-01T13:00:00.000Z",
            "example": "StatusNotification: timestamp",
        }
    }


def test_counting_goes_on_where_an_earlier_connection_has_ended() -> None:
    before, after = DeviationLog(), DeviationLog()
    before.note("no-zone", "A", "x", NOW)
    after.note("no-zone", "B", "y", NOW + timedelta(days=1))
    after.note("latin-1", "B", "y", NOW + timedelta(days=1))
    after.restore(before.document() | {"of a newer gateway": {}})
    assert {name: entry["count"] for name, entry in after.document().items()} == {
        "no-zone": 2,
        "latin-1": 1,
    }
    assert after.document()["no-zone"]["first_seen"] == "2026-07-01T12:00:00.000Z"


def suggested(log: DeviationLog) -> bool:
    return log.document().get(LOCAL_TIME, {}).get("would_help", 0) > 0


@pytest.mark.parametrize("hours", [2, -5, 5.5, -3.5])
def test_times_that_go_with_our_clock_but_for_whole_quarters_of_an_hour_suggest_local_time(
    hours: float,
) -> None:
    log = DeviationLog()
    for minute in range(3):
        now = NOW + timedelta(minutes=minute)
        log.clock(now + timedelta(hours=hours, seconds=minute), now, "StatusNotification")
    assert suggested(log)


def test_messages_that_are_told_late_do_not_suggest_local_time() -> None:
    """ocpp-rules 23: offline events come late, all at once, each with its own time"""
    log = DeviationLog()
    for minute in range(20):
        log.clock(NOW - timedelta(hours=2, minutes=minute), NOW, "MeterValues")
    for _ in range(5):  # one moment told by several messages
        log.clock(NOW - timedelta(hours=3), NOW, "MeterValues")
    assert not suggested(log)


def test_a_clock_that_is_right_once_takes_the_suspicion_back() -> None:
    log = DeviationLog()
    for minute in (0, 1, 2, 3):
        now = NOW + timedelta(minutes=minute)
        log.clock(now if minute == 2 else now + timedelta(hours=2), now, "StatusNotification")
    assert not suggested(log)


def test_a_time_in_the_future_and_one_of_1970_are_a_wrong_clock() -> None:
    """ocpp-rules 20: its clock may be at 1970 until answered"""
    log = DeviationLog()
    log.clock(NOW + timedelta(days=400), NOW, "A")
    log.clock(datetime(1970, 1, 1, tzinfo=UTC), NOW, "A")
    log.clock(NOW - timedelta(days=4), NOW, "A")  # told late, for all we know
    assert log.document()["clock-off"]["count"] == 2
