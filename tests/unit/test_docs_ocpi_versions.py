"""docs/ocpi-versions.md against the tables of the code and those of the standard."""

from pathlib import Path

import pytest
from ocpi_documents import SCHEMA

from gateway.ocpi.versions import v211_enums, v221_enums
from gateway.ocpi.versions.words import Words

PAGE = (Path(__file__).parents[2] / "docs" / "ocpi-versions.md").read_text(encoding="utf-8")
SECTIONS = {"2.2.1": PAGE.index("\n## 2.2.1"), "2.1.1": PAGE.index("\n## 2.1.1")}
OURS = ("Location", "Tariff", "Session", "CDR", "Token")


def rows(version: str, heading: str) -> list[list[str]]:
    """The cells of a version's table whose first column has this heading."""
    start = PAGE.index(f"\n| {heading} |", SECTIONS[version])
    lines = PAGE[start:].strip().splitlines()[2:]
    end = next((n for n, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:end]]


@pytest.mark.parametrize(
    ("version", "table"),
    [("2.2.1", table) for table in v221_enums.ALL] + [("2.1.1", table) for table in v211_enums.ALL],
    ids=lambda case: case if isinstance(case, str) else case.enum,
)
def test_every_value_that_is_said_otherwise_is_shown(version: str, table: Words) -> None:
    """The page is the code's table, line by line."""
    lines = [
        ["any other" if value == "*" else value, word or "-", why]
        for value, word, why in table.lines()
    ]

    assert sorted(rows(version, table.enum)) == sorted(lines)


@pytest.mark.parametrize(
    ("newer", "older", "heading"),
    [("2.3.0", "2.2.1", "2.3.0 only"), ("2.2.1", "2.1.1", "2.2.1 and later")],
)
def test_every_field_that_a_version_lacks_is_shown(newer: str, older: str, heading: str) -> None:
    """From the standard's own tables: nothing goes missing without a line."""
    lost = set()
    for kind in _classes(newer):
        known = SCHEMA[older]["objects"].get(kind)
        if known is not None:
            fields = set(SCHEMA[newer]["objects"][kind]["fields"]) - set(known["fields"])
            lost |= {f"{kind}.{name}" for name in fields}

    assert {row[0] for row in rows(older, heading)} == lost


def _classes(version: str) -> set[str]:
    """The classes that occur in the objects that we send."""
    tables, seen, todo = SCHEMA[version]["objects"], set(), list(OURS)
    while todo:
        kind = todo.pop()
        if kind in tables and kind not in seen:
            seen.add(kind)
            todo += [type_.rstrip("?*+") for type_ in tables[kind]["fields"].values()]
    return seen
