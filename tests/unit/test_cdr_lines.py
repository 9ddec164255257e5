"""`gateway cdr export --format csv`: a line per CDR, by which no bookkeeper goes wrong."""

import csv
import io
from decimal import Decimal
from typing import Any

from gateway.admin.reports import to_csv
from gateway.cli.cdrs import line

CDR: dict[str, Any] = {
    "id": "C1",
    "session_id": "C1",
    "start_date_time": "2026-03-01T10:00:00.000Z",
    "end_date_time": "2026-03-01T11:00:00.000Z",
    "cdr_location": {"id": "LOC1", "evse_uid": "E1"},
    "cdr_token": {"country_code": "DE", "party_id": "EMS", "uid": "T", "contract_id": "DE-EMS-T"},
    "total_energy": Decimal(10),
    "total_time": Decimal(1),
    "total_cost": {"before_taxes": Decimal(3), "taxes": [{"name": "VAT", "amount": Decimal(1)}]},
    "currency": "EUR",
}
CREDIT = CDR | {
    "id": "C1-0C",
    "credit": True,
    "credit_reference_id": "C1",
    "total_cost": {"before_taxes": Decimal(-3), "taxes": [{"name": "VAT", "amount": Decimal(-1)}]},
    "remark": "=HYPERLINK(1)",
}


def test_a_line_says_which_cdr_it_takes_back() -> None:
    """Its energy is that of the original (mod_cdrs, Credit CDRs): a sum has to know."""
    first, second = csv.DictReader(io.StringIO(to_csv([line(CDR), line(CREDIT)])))
    assert (first["credits"], second["credits"]) == ("", "C1")
    assert second["kwh"] == "10"
    assert (second["before_taxes"], second["taxes"]) == ("-3", "-1")


def test_no_remark_is_run_as_a_formula() -> None:
    """security-and-faults S12."""
    [read] = csv.DictReader(io.StringIO(to_csv([line(CREDIT)])))
    assert read["remark"] == "'=HYPERLINK(1)"
