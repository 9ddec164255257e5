"""The message table says what the schemas, the routes and the commands of the dialects say."""

from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Dialect
from gateway.ocpp.message_table import TABLE, Row, page
from gateway.ocpp.server import DIALECTS

PAGE = Path(__file__).parents[2] / "docs" / "ocpp-messages.md"
FILE = "gateway/ocpp/message_table.py"

of_each_version = pytest.mark.parametrize(
    "dialect", DIALECTS, ids=[dialect.subprotocol for dialect in DIALECTS]
)


class Unused:
    """Stands for services that nobody calls."""

    def __getattr__(self, name: str) -> "Unused":
        return self


def routed(dialect: Dialect) -> set[str]:
    unused: Any = Unused()
    services = ChargePointServices(**{field.name: unused for field in fields(ChargePointServices)})
    return set(dialect.routes(services))


def rows(dialect: Dialect) -> tuple[Row, ...]:
    return TABLE[dialect.subprotocol]


def listed(actions: set[str]) -> str:
    return ", ".join(sorted(actions)) or "none"


def test_there_is_a_table_for_each_version() -> None:
    assert set(TABLE) == {dialect.subprotocol for dialect in DIALECTS}


@of_each_version
def test_every_message_of_the_schemas_has_one_row(dialect: Dialect) -> None:
    known = dialect.schemas.actions | dialect.schemas.unconfirmed_actions
    counted = Counter(row.action for row in rows(dialect))
    missing, invented = known - set(counted), set(counted) - known
    twice = {action for action, count in counted.items() if count > 1}
    assert not missing, f"{dialect.subprotocol}: add a row to {FILE} for {listed(missing)}"
    assert not invented, f"{dialect.subprotocol}: no such message in {FILE}: {listed(invented)}"
    assert not twice, f"{dialect.subprotocol}: more than one row in {FILE} for {listed(twice)}"


@of_each_version
def test_the_rows_from_the_station_are_the_routes(dialect: Dialect) -> None:
    claimed, real = {row.action for row in rows(dialect) if row.is_received}, routed(dialect)
    unsaid, unreal = real - claimed, claimed - real
    assert not unsaid, (
        f"{dialect.subprotocol} routes these: make them received rows in {FILE}: "
        + (listed(unsaid))
    )
    assert not unreal, f"{dialect.subprotocol} has no route for these rows of {FILE}: " + (
        listed(unreal)
    )


@of_each_version
def test_the_typed_commands_are_those_that_the_dialect_can_say(dialect: Dialect) -> None:
    claimed = {name for row in rows(dialect) for name in row.typed}
    real = {kind.__name__ for kind in dialect.asks}
    unsaid, unreal = real - claimed, claimed - real
    assert not unsaid, (
        f"{dialect.subprotocol} can say these commands: name each at the row of the message that "
        f"it is said with, in {FILE}: {listed(unsaid)}"
    )
    assert not unreal, f"{dialect.subprotocol} cannot say these commands of {FILE}: " + (
        listed(unreal)
    )


@of_each_version
def test_only_what_we_send_has_commands(dialect: Dialect) -> None:
    assert [row.action for row in rows(dialect) if row.typed and not row.is_sent] == []


@of_each_version
def test_only_messages_without_a_response_are_unconfirmed(dialect: Dialect) -> None:
    unconfirmed = {row.action for row in rows(dialect) if not row.confirmed}
    assert unconfirmed == dialect.schemas.unconfirmed_actions


@of_each_version
def test_every_received_row_says_what_becomes_of_it(dialect: Dialect) -> None:
    silent = [r.action for r in rows(dialect) if r.is_received and not (r.does or r.kept)]
    assert silent == []


def test_the_page_is_generated_from_the_table() -> None:
    stale = f"run: python -m gateway.ocpp.message_table > docs/{PAGE.name}"
    assert PAGE.read_text(encoding="utf-8") == page(), stale
