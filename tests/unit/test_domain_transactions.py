"""The transaction's table of steps, and its names and times."""

import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.domain.party import Party
from gateway.domain.timestamps import from_text, to_text
from gateway.domain.transactions import (
    TRANSITIONS,
    Effect,
    Step,
    Transaction,
    TransactionState,
    UnknownTransaction,
    effect_on,
    transition,
)


@pytest.mark.parametrize(
    ("state", "step"), list(itertools.product([None, *TransactionState], Step))
)
def test_every_step_in_every_state_has_an_effect_or_is_an_error(
    state: TransactionState | None, step: Step
) -> None:
    if (state, step) == (None, Step.CLOSE):
        with pytest.raises(UnknownTransaction):
            transition(state, step)
    else:
        assert transition(state, step) == TRANSITIONS[state, step]


@pytest.mark.parametrize("step", Step)
def test_nothing_reopens_an_ended_transaction(step: Step) -> None:
    _, state = transition(TransactionState.ENDED, step)
    assert state is TransactionState.ENDED


@pytest.mark.parametrize("step", Step)
def test_what_comes_after_the_bill_is_only_kept(step: Step) -> None:
    billed = Transaction(
        identity="CP1",
        id="1",
        evse_id=1,
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
        session_id="s",
        cdr_id="s",
        state=TransactionState.ENDED,
        billed=True,
    )
    assert effect_on(billed, step) is Effect.KEEP


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000Z"),
        ("2026-03-01T10:00:00", "2026-03-01T10:00:00.000Z"),
        ("2026-03-01T12:00:00.1234567+02:00", "2026-03-01T10:00:00.123Z"),
        ("2026-03-01 10:00:00.5Z", "2026-03-01T10:00:00.500Z"),
    ],
)
def test_times_are_read_tolerantly_and_written_strictly(text: str, expected: str) -> None:
    """ocpi-rules 22: at most 25 characters, Z, never +00:00."""
    assert to_text(from_text(text)) == expected


def test_a_time_of_another_zone_is_written_in_utc() -> None:
    there = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    assert to_text(there) == "2026-03-01T10:00:00.000Z"
    assert len(to_text(datetime.now(UTC))) <= 25


@pytest.mark.parametrize("text", ["", "NL", "NL*AB", "NLD*ABC", "N1*ABC", "NL*A-C", "NL*ABCD"])
def test_what_is_no_party_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="OCPI party"):
        Party.parse(text)


def test_a_party_is_kept_in_upper_case() -> None:
    """ocpi-rules 23."""
    assert Party.parse("nl*abc") == Party("NL", "ABC")
