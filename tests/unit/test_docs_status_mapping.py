"""docs/status-mapping.md says what the code does, line by line."""

from pathlib import Path

from gateway.domain.evse_status import STATUS_OF_CONNECTOR
from gateway.domain.metering.phases import PARKING
from gateway.domain.tokens import AuthorizationStatus
from gateway.ocpi.tokens.token_authorizer import ALLOWED
from gateway.ocpp.v16 import translate as v16
from gateway.ocpp.v201 import translate as v201
from gateway.services.stations.status import CHARGING_STATE_OF_CONNECTOR

PAGE = Path(__file__).parents[2] / "docs" / "status-mapping.md"


def rows(first_heading: str) -> list[list[str]]:
    """The cells of the table whose first column has this heading."""
    lines = iter(PAGE.read_text(encoding="utf-8").splitlines())
    for line in lines:
        if line.startswith(f"| {first_heading} |"):
            break
    else:
        raise AssertionError(f"no table {first_heading!r}")
    next(lines)
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def columns(first_heading: str, second: int = 1) -> dict[str, str]:
    return {row[0]: row[second] for row in rows(first_heading)}


def test_every_1_6_status_is_shown_with_its_ocpi_status() -> None:
    expected = {word: STATUS_OF_CONNECTOR[s].value for word, s in v16.CONNECTOR_STATES.items()}
    assert columns("OCPP 1.6") == expected


def test_every_2_0_1_status_is_shown_with_its_ocpi_status() -> None:
    expected = {word: STATUS_OF_CONNECTOR[s].value for word, s in v201.CONNECTOR_STATES.items()}
    assert columns("OCPP 2.0.1") == expected


def test_every_charging_state_is_shown_with_what_it_counts_as() -> None:
    expected = {s.value: "PARKING_TIME" if parks else "TIME" for s, parks in PARKING.items()}
    assert columns("state", 2) == expected


def test_every_1_6_status_that_tells_of_charging_is_shown_with_its_charging_state() -> None:
    expected = {s.value: c.value for s, c in CHARGING_STATE_OF_CONNECTOR.items() if c}
    assert {row[1]: row[0] for row in rows("state") if row[1]} == expected


def test_every_decision_about_a_token_is_shown_in_the_words_of_each_version() -> None:
    expected = {
        s.value: (v16.ID_TAG_STATUSES[s], v201.ID_TOKEN_STATUSES[s]) for s in AuthorizationStatus
    }
    assert {row[0]: (row[1], row[2]) for row in rows("decision")} == expected


def test_every_answer_of_a_partner_is_shown_with_its_decision() -> None:
    assert columns("OCPI `allowed`") == {word: s.value for word, s in ALLOWED.items()}
