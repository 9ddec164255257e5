"""What a CDR's remark says, and in which order."""

from dataclasses import replace
from datetime import UTC, datetime

from gateway.domain import flags
from gateway.domain.bills.decisions import Act, Decision
from gateway.domain.bills.remarks import remark
from gateway.domain.transactions import Transaction

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
PLAIN = Transaction(identity="CP1", id="1", evse_id=1, started_at=T0, session_id="s", cdr_id="s")


def test_an_ordinary_end_says_why_it_stopped():
    assert remark(replace(PLAIN, stop_reason="EVDisconnected")) == "STOP EVDisconnected"


def test_nothing_to_say_is_no_remark():
    """1.6, 4.10: it "MAY be omitted and the Reason SHOULD be assumed 'Local'"."""
    assert remark(PLAIN) is None


def test_flags_that_hold_nothing_are_not_mentioned():
    assert remark(PLAIN.flagged(flags.LATE).flagged(flags.STOP_FOUND)) is None


def test_what_a_rule_released_is_named_as_the_setting_names_it():
    found = remark(PLAIN.flagged(flags.WENT_BACK).flagged(flags.EVENTS_MISSING))

    assert found == "RELEASED went-back events-missing"


def test_everything_in_its_order():
    corrected = Decision(Act.CORRECTED, T0, "meter was changed", (flags.WENT_BACK,))
    story = replace(PLAIN, stop_reason="Local", decisions=(corrected,)).flagged(
        flags.CLOSED_BY_OPERATOR
    )

    assert remark(story) == "STOP Local; CLOSED; RELEASED went-back; CORRECTED; meter was changed"


def test_the_last_words_of_the_operator_count():
    first, last = Decision(Act.CORRECTED, T0, "first"), Decision(Act.CORRECTED, T0, "last")

    assert remark(replace(PLAIN, decisions=(first, last))) == "CORRECTED; last"


def test_a_remark_has_at_most_255_printable_characters():
    said = Decision(Act.RELEASED, T0, "two\nlines " + "x" * 255)

    found = remark(replace(PLAIN, decisions=(said,)))

    assert found is not None
    assert len(found) == 255
    assert found.startswith("two lines x")
