"""Every message that can be triggered may come while the boot is pending."""

from collections.abc import Iterator
from typing import Any

import pytest

from gateway.ocpp import v16, v21, v201
from gateway.ocpp.dialect import Dialect
from gateway.ocpp.message_table import TABLE

TRIGGERS = ("TriggerMessage", "ExtendedTriggerMessage")
NAMES_NO_MESSAGE = {"CustomTrigger"}  # 2.1: what it leads to is the vendor's


def wanted_words(dialect: Dialect, action: str) -> list[str]:
    schema = dialect.schemas.request(action)
    if schema is None:
        return []
    wanted: dict[str, Any] = schema.document["properties"]["requestedMessage"]
    if "$ref" in wanted:
        wanted = schema.document["definitions"][wanted["$ref"].rpartition("/")[2]]
    return list(wanted["enum"])


def every_trigger() -> Iterator[Any]:
    for dialect in (v16.DIALECT, v201.DIALECT, v21.DIALECT):
        for action in TRIGGERS:
            for word in wanted_words(dialect, action):
                yield pytest.param(dialect, action, word, id=f"{dialect.subprotocol}-{word}")


@pytest.mark.parametrize(("dialect", "action", "word"), list(every_trigger()))
def test_what_a_trigger_asks_for_is_a_message_that_stations_send(
    dialect: Dialect, action: str, word: str
) -> None:
    """ocpp-rules 29"""
    received = {row.action for row in TABLE[dialect.subprotocol] if row.is_received}
    passes = dialect.triggers(action, {"requestedMessage": word})
    assert passes <= received or word in NAMES_NO_MESSAGE
    assert passes
