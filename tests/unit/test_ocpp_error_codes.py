"""What we answer with is in the version's own table of error codes (ocpp-rules 4)."""

import pytest

from gateway.ocpp import v16, v21, v201
from gateway.ocpp.codec import Fault
from gateway.ocpp.dialect import Dialect
from gateway.ocpp.schemas import Rule

# OCPP-J 1.6, table 7, spelled as printed.
OF_1_6 = {
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
}
# Part 4 of 2.0.1, table 8, and of 2.1, table 9: the same.
OF_2 = {
    "FormatViolation",
    "GenericError",
    "InternalError",
    "MessageTypeNotSupported",
    "NotImplemented",
    "NotSupported",
    "OccurrenceConstraintViolation",
    "PropertyConstraintViolation",
    "ProtocolError",
    "RpcFrameworkError",
    "SecurityError",
    "TypeConstraintViolation",
}
TABLES = {"ocpp1.6": OF_1_6, "ocpp2.0.1": OF_2, "ocpp2.1": OF_2}
DIALECTS = [v16.DIALECT, v201.DIALECT, v21.DIALECT]


@pytest.mark.parametrize("dialect", DIALECTS, ids=list(TABLES))
def test_every_code_that_depends_on_the_version_is_in_its_table(dialect: Dialect) -> None:
    assert set(dialect.codes) == set(Rule)
    used = {*dialect.codes.values(), *dialect.fault_codes.values()}
    assert used <= TABLES[dialect.subprotocol]


@pytest.mark.parametrize("code", ["NotImplemented", "NotSupported", "SecurityError"])
def test_the_codes_that_all_versions_share_are_in_every_table(code: str) -> None:
    assert all(code in table for table in TABLES.values())
    assert all("InternalError" in table for table in TABLES.values())


@pytest.mark.parametrize("dialect", DIALECTS, ids=list(TABLES))
@pytest.mark.parametrize("fault", [Fault.ANSWER, Fault.SEND])
def test_what_must_not_be_answered_has_no_code(dialect: Dialect, fault: Fault) -> None:
    assert fault not in dialect.fault_codes
