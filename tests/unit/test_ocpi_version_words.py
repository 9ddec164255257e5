"""The tables of enum values against the standard's own, for every value of the newer version."""

import pytest
from ocpi_documents import SCHEMA

from gateway.ocpi.versions import v211_enums, v221_enums
from gateway.ocpi.versions.words import Words

# LocationType of 2.1.1 became ParkingType
_NEWER_NAME = {"LocationType": "ParkingType"}
_STEPS = [
    *[("2.3.0", "2.2.1", table) for table in v221_enums.ALL],
    *[("2.2.1", "2.1.1", table) for table in v211_enums.ALL],
]
_CASES = [
    pytest.param(newer, older, table, id=f"{older} {table.enum}") for newer, older, table in _STEPS
]
_VALUES = [
    pytest.param(older, table, value, id=f"{older} {table.enum} {value}")
    for newer, older, table in _STEPS
    for value in SCHEMA[newer]["enums"][_NEWER_NAME.get(table.enum, table.enum)]["values"]
]


@pytest.mark.parametrize(("older", "table", "value"), _VALUES)
def test_every_value_has_a_line(older: str, table: Words, value: str) -> None:
    """It is said as it is, or a line of the table says what is said instead and why.

    ocpi-rules: 2.3.0 shapes; ocpi-rules: 2.1.1 shapes.
    """
    assert value in table.same or value in table.instead
    word = table(value)
    assert word is None or word in SCHEMA[older]["enums"][table.enum]["values"]


@pytest.mark.parametrize(("newer", "older", "table"), _CASES)
def test_a_table_holds_no_word_that_a_version_lacks(newer: str, older: str, table: Words) -> None:
    """What is said as it is, is a value of both versions; the rest is a value of the newer one."""
    known = set(SCHEMA[older]["enums"][table.enum]["values"])
    before = set(SCHEMA[newer]["enums"][_NEWER_NAME.get(table.enum, table.enum)]["values"])

    assert table.same == known & before
    assert set(table.instead) == before - known
    assert all(why for _, _, why in table.lines())


@pytest.mark.parametrize(("newer", "older", "table"), _CASES)
def test_a_value_of_somebodys_own_is_said_or_left_out(newer: str, older: str, table: Words) -> None:
    """2.3.0 OpenEnum: "Implementers of OCPI may use other values".

    ocpi-rules: unknown fields; ocpi-rules: 2.3.0 shapes.
    """
    word = table("SOMETHING_ELSE")

    assert word is None or word in SCHEMA[older]["enums"][table.enum]["values"]


@pytest.mark.parametrize(("newer", "older"), [("2.3.0", "2.2.1"), ("2.2.1", "2.1.1")])
def test_every_enum_that_differs_has_a_table(newer: str, older: str) -> None:
    """No enum of the objects that we send is forgotten."""
    tables = {
        _NEWER_NAME.get(table.enum, table.enum)
        for n, _, table in _STEPS
        if (n, _) == (newer, older)
    }
    ours = _enums_of(newer, "Location", "Tariff", "Session", "CDR", "Token")
    differing = {
        name
        for name in ours
        if SCHEMA[newer]["enums"][name]["open"]
        or not set(SCHEMA[newer]["enums"][name]["values"])
        <= set(SCHEMA[older]["enums"].get(name, {"values": ()})["values"])
    }

    assert differing - tables == _WITHOUT_A_FIELD[older]


# values of fields that the older version does not have at all
_WITHOUT_A_FIELD = {
    "2.2.1": {"ConnectorCapability", "EVSEPosition", "ParkingDirection", "TaxIncluded"}
    | {"VehicleType"},
    "2.1.1": {"ProfileType", "ReservationRestrictionType", "TariffType"},
}


def _enums_of(version: str, *kinds: str) -> set[str]:
    """The enums that occur in objects of these kinds."""
    tables, found, seen, todo = SCHEMA[version], set(), set(), list(kinds)
    while todo:
        kind = todo.pop()
        if kind in seen:
            continue
        seen.add(kind)
        for type_ in tables["objects"][kind]["fields"].values():
            base = type_.rstrip("?*+")
            if base in tables["objects"]:
                todo.append(base)
            elif base in tables["enums"]:
                found.add(base)
    return found
