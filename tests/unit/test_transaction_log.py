"""What a transaction's log keeps: small, and nothing lost."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from gateway import exact_json
from gateway.domain.events import TransactionPhase, TransactionReported
from gateway.domain.metering.meter import Measurand, Reading, ReadingContext, Sample
from gateway.services.transaction_log import Entry, Told, decoded, encoded, readings_of

AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
PLAIN = Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal("10.50"))
SPECIAL = Sample(Measurand.CURRENT_IMPORT, None, ReadingContext.CLOCK, "L1", "Inlet", signed="0a0b")
READING = Reading(AT, (PLAIN, SPECIAL))
TOLD = Told(TransactionReported(TransactionPhase.UPDATED, "t", 3, AT, "x", readings=(READING,)))


def _kept(entry: Entry) -> object:
    return exact_json.loads(exact_json.dumps(encoded(entry)))


@pytest.mark.parametrize("entry", [READING, TOLD])
def test_an_entry_is_read_as_it_was(entry: Entry) -> None:
    """ADR 0017: the record is made anew of the log."""
    assert decoded(_kept(entry)) == entry


def test_an_ordinary_value_is_kept_as_little_more_than_itself() -> None:
    kept = exact_json.dumps(encoded(Reading(AT, (PLAIN,))))
    assert kept == (
        b'{"at":"2026-03-01T10:00:00Z","samples":'
        b'[{"measurand":"Energy.Active.Import.Register","value":10.50}]}'
    )


@pytest.mark.parametrize("entry", [READING, TOLD])
def test_an_operator_sees_all_members_of_a_value(entry: Entry) -> None:
    shown = readings_of(_kept(entry))
    assert shown == [exact_json.loads(exact_json.dumps(READING))]
