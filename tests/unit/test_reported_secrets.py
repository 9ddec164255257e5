"""What a station reports of itself is kept without the passwords that it should not report."""

from gateway.ocpp.v201.reports import reported_variable


def _report(variable: str, value: str | None) -> str | None:
    data = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": variable},
        "variableAttribute": [{"mutability": "WriteOnly"} | ({"value": value} if value else {})],
    }
    (attribute,) = reported_variable(data).attributes
    return attribute.value


def test_a_password_that_a_station_reports_is_not_kept() -> None:
    """security-and-faults row 7: BasicAuthPassword is WriteOnly, yet some stations tell it."""
    assert _report("BasicAuthPassword", "c4n4ry-of-16-chars") == "***"


def test_what_is_no_secret_is_kept_as_it_is() -> None:
    assert _report("OrganizationName", "Gateway") == "Gateway"
    assert _report("BasicAuthPassword", None) is None
