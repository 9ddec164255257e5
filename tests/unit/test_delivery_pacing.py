"""How often a running session is pushed."""

from gateway.delivery.pacing import Pace


def test_an_object_that_was_not_pushed_lately_does_not_wait() -> None:
    pace = Pace(10.0)
    pace.pushed("s", "ACTIVE", 0.0)
    pace.forget_old(10.0)
    assert not pace.recent("s")
    assert pace.hold("s", 2, "ACTIVE", 10.0) == 0.0


def test_an_object_pushed_within_the_interval_waits_for_its_end() -> None:
    pace = Pace(10.0)
    pace.pushed("s", "ACTIVE", 0.0)
    assert pace.recent("s")
    assert pace.hold("s", 2, "ACTIVE", 4.0) == 6.0


def test_another_status_does_not_wait() -> None:
    pace = Pace(10.0)
    pace.pushed("s", "ACTIVE", 0.0)
    assert pace.hold("s", 2, "COMPLETED", 4.0) == 0.0


def test_what_was_decided_for_a_version_is_remembered_for_that_version_only() -> None:
    pace = Pace(10.0)
    pace.pushed("s", "ACTIVE", 0.0)
    pace.hold("s", 2, "ACTIVE", 1.0)
    assert pace.held("s", 2, 3.0) == 7.0
    assert pace.held("s", 3, 3.0) == 0.0


def test_nothing_is_kept_beyond_the_interval() -> None:
    pace = Pace(10.0)
    for number in range(100):
        pace.pushed(number, "ACTIVE", 0.0)
        pace.hold(number, 1, "ACTIVE", 1.0)
    pace.forget_old(10.0)
    assert len(pace) == 0
    assert not any(pace.recent(number) for number in range(100))


def test_another_interval_counts_for_what_waits_already() -> None:
    pace = Pace(100.0)
    pace.pushed("s", "ACTIVE", 0.0)
    pace.hold("s", 2, "ACTIVE", 1.0)
    pace.interval = 5.0
    assert pace.held("s", 2, 3.0) == 2.0
    pace.interval = 50.0
    assert pace.held("s", 2, 3.0) == 47.0
