"""How often something may happen."""

from datetime import UTC, datetime, timedelta

from gateway.services.security.allowances import Allowances

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_burst_then_one_in_so_many_seconds_and_the_refused_are_counted() -> None:
    allowances = Allowances(burst=2, seconds_each=10)
    assert [allowances.take("a", T0) for _ in range(4)] == [0, 0, None, None]
    assert allowances.take("b", T0) == 0
    assert allowances.take("a", T0 + timedelta(seconds=9)) is None
    assert allowances.take("a", T0 + timedelta(seconds=10)) == 3
    assert allowances.take("a", T0 + timedelta(seconds=10)) is None


def test_no_more_keys_are_remembered_than_bounded() -> None:
    allowances = Allowances(burst=1, seconds_each=10)
    assert allowances.take("first", T0) == 0
    for number in range(10_000):
        allowances.take(str(number), T0)
    assert len(allowances._known) == 10_000
    assert allowances.take("first", T0) == 0
