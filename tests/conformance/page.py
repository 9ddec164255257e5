"""Writes docs/ocpp-conformance.md: which test covers which test case of the standards.

A test covers the cases that its docstring names: `TC_B_01_CSMS` of OCPP 2.0.1 part 6, or
`OCPP 1.6 5.13` for a section of the 1.6 specification (`OCPP 1.6 WP A01` for a use case of the
security white paper). Run it as `make docs`; a test compares the page with what it would write.
"""

import ast
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent
PAGE = TESTS.parent / "docs" / "ocpp-conformance.md"

_CASE = re.compile(r"TC_[A-Z]+_\d+_CSMS")
_SECTION = re.compile(r"OCPP 1\.6 ((?:WP [A-Z]\d+)|(?:\d+\.\d+))")


@dataclass(frozen=True)
class Case:
    """A line of one of the lists: `need` is M (mandatory), C (conditional) or a profile."""

    id: str
    group: str
    need: str
    name: str
    reason: str = ""


def cases(file: str) -> list[Case]:
    """The lists are kept as CSV beside this module; `reason` says why a case has no test."""
    with (HERE / file).open(encoding="utf-8", newline="") as lines:
        return [
            Case(row["id"], row["profile"], row["need"], row["name"], row.get("reason") or "")
            for row in csv.DictReader(lines)
        ]


def covered() -> dict[str, list[str]]:
    """Case -> the tests that name it, as `file::function`."""
    found: dict[str, list[str]] = {}
    for name, text in sorted(_docstrings()):
        ids = _CASE.findall(text) + [f"OCPP 1.6 {one}" for one in _SECTION.findall(text)]
        for case in dict.fromkeys(ids):
            found.setdefault(case, []).append(name)
    return found


def _docstrings() -> Iterator[tuple[str, str]]:
    for path in TESTS.rglob("test_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("test_"):
                yield f"{path.relative_to(TESTS)}::{node.name}", ast.get_docstring(node) or ""


def render() -> str:
    """The whole page."""
    tests = covered()
    part6, sections = cases("part6_csms.csv"), cases("ocpp16_sections.csv")
    return "\n".join(
        [
            "# Conformance: which test covers what\n",
            "Made by `make docs` from the docstrings of the tests; a test fails when it is stale.",
            "",
            "## OCPP 2.0.1 part 6: test cases for a CSMS\n",
            "Need: M mandatory, C conditional, as part 5 says for the certification profile.",
            _summary(part6, tests),
            *_table(part6, tests),
            "",
            "## OCPP 1.6: sections of the specification, by profile\n",
            "What the specification asks of a Central System, operation by operation, and the use"
            " cases of the security white paper.",
            _summary(sections, tests),
            *_table(sections, tests),
            "",
        ]
    )


def _summary(cases: list[Case], tests: dict[str, list[str]]) -> str:
    count = sum(case.id in tests for case in cases)
    return f"Covered: {count} of {len(cases)}.\n"


def _table(cases: list[Case], tests: dict[str, list[str]]) -> Iterator[str]:
    yield "| case | profile | need | name | covered by |"
    yield "|---|---|---|---|---|"
    for case in cases:
        by = "<br>".join(f"`{name}`" for name in tests.get(case.id, ()))
        by = by or f"not covered: {case.reason}"
        yield f"| {case.id} | {case.group} | {case.need} | {case.name} | {by} |"


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
