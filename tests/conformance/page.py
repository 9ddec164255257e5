"""Writes docs/ocpp-conformance.md and docs/ocpi-rules.md: which test covers what of the standards.

A test covers what its docstring names: `TC_B_01_CSMS` of OCPP 2.0.1 part 6, `OCPP 1.6 5.13` for a
section of the 1.6 specification (`OCPP 1.6 WP A01` for a use case of the security white paper),
`ocpi-rules 6` (`ocpi-rules 6, 7`) or `ocpi-rules: hub roles` for a rule of OCPI that is easily
broken. Run it as `make docs`; a test compares the pages with what it would write.
"""

import ast
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent
DOCS = TESTS.parent / "docs"
RULES = "ocpi_rules.csv"

_CASE = re.compile(r"TC_[A-Z]+_\d+_CSMS")
_RULES = re.compile(r"ocpi-rules (\d+(?:(?:, | and )\d+)*)")
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


def rules() -> list[dict[str, str]]:
    """The rules of OCPI, each with its clause in 2.2.1 and later and in 2.1.1."""
    with (HERE / RULES).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@cache
def covered() -> dict[str, list[str]]:
    """Case -> the tests that name it, as `file::function`."""
    found: dict[str, list[str]] = {}
    named_rules = [rule["id"] for rule in rules() if ":" in rule["id"]]
    for name, docstring in sorted(_docstrings()):
        text = " ".join(docstring.split())
        ids = _CASE.findall(text) + [f"OCPP 1.6 {one}" for one in _SECTION.findall(text)]
        numbers = re.findall(r"\d+", " ".join(_RULES.findall(text)))
        ids += [f"ocpi-rules {number}" for number in numbers]
        ids += [rule for rule in named_rules if rule in text]
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


def pages() -> dict[Path, str]:
    """Every page and what is to be in it."""
    return {DOCS / "ocpp-conformance.md": _conformance(), DOCS / "ocpi-rules.md": _ocpi_rules()}


def _ocpi_rules() -> str:
    tests = covered()
    lines = [
        "# OCPI rules that are easily broken, and the tests that hold us to them\n",
        "Made by `make docs` from the docstrings of the tests; a test fails when it is stale or a"
        " rule has no test. Clauses are those of 2.2.1; 2.3.0 has the same chapters.\n",
        "| rule | what it says | clause | 2.1.1 | tests |",
        "|---|---|---|---|---|",
    ]
    for rule in rules():
        by = "<br>".join(f"`{name}`" for name in tests.get(rule["id"], ()))
        name = rule["id"].removeprefix("ocpi-rules").removeprefix(":").strip()
        lines.append(
            f"| {name} | {rule['rule']} | {rule['clause']} | {rule['clause_211']} | {by} |"
        )
    return "\n".join([*lines, ""])


def _conformance() -> str:
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
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
