"""No float touches money or billed energy: by the syntax of every module that handles a price, and
by the types that mypy infers for every expression of the pricing engine.

Syntax alone cannot see that `1 / 3` of two whole numbers is a float; types can.
"""

import ast
import re
import sys
from pathlib import Path

import pytest
from mypy import build
from mypy.modulefinder import BuildSource
from mypy.options import Options
from mypy.types import Instance, get_proper_type

ROOT = Path(__file__).parents[2]
MONEY = re.compile(r"total_cost|before_taxes|excl_vat|step_size|max_cost|total_amount")
# Modules that speak of money and may have floats, and what those are.
OTHERWISE = {
    "gateway/admin/resources/invoices.py": "an example in the API's description",
    "gateway/admin/resources/reports.py": "seconds that a report may take",
    "gateway/admin/resources/tariffs.py": "an example in the API's description",
    "gateway/cli/demo/run.py": "seconds to wait; reads what a terminal shows",
    "gateway/domain/metering/ocmf.py": "reads JSON with fractions as Decimal",
    "gateway/domain/metering/signed_values.py": "reads JSON with fractions as Decimal",
    "gateway/ocpi/conformance/standard/words.py": "judges what others send, bills nothing",
    "gateway/services/billing/billing.py": "seconds between two updates",
    "gateway/services/billing/session_rhythm.py": "seconds between two updates",
}
ROOMS = ("bills", "metering", "pricing", "tariffs")
ENGINE = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for room in ROOMS
    for path in (ROOT / "gateway" / "domain" / room).rglob("*.py")
    if path.stem != "__init__"
)
BANNED_NAMES = {"float", "round"}
BANNED_MODULES = {"cmath", "json", "math", "random", "statistics"}
# a position no other expression of the engine has
QUOTIENT = 99_999 * "\n" + "1 / 3\n"
Place = tuple[int, int, int | None, int | None]


def path_of(module: str) -> Path:
    return ROOT / (module.replace(".", "/") + ".py")


def of_money() -> list[str]:
    found = {path_of(module) for module in ENGINE}
    for path in (ROOT / "gateway").rglob("*.py"):
        if MONEY.search(path.read_text()):
            found.add(path)
    return sorted(str(path.relative_to(ROOT)) for path in found)


def floats_in(source: str) -> list[str]:
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float | complex))
        or (isinstance(node, ast.Name) and node.id in BANNED_NAMES)
        or (isinstance(node, ast.Import) and {n.name for n in node.names} & BANNED_MODULES)
        or (isinstance(node, ast.ImportFrom) and node.module in BANNED_MODULES)
        or (isinstance(node, ast.Attribute) and node.attr == "total_seconds")
    ]


@pytest.mark.parametrize("path", of_money())
def test_no_module_that_handles_money_names_a_float(path: str) -> None:
    """design: "no float touches a price or an energy that is billed"."""
    found = floats_in((ROOT / path).read_text())
    if path in OTHERWISE:
        assert found, f"{path} has none any more: take it off the list"
    else:
        assert found == []


@pytest.mark.parametrize(
    "bad", ["x = 0.5", "x = float(y)", "import math", "x = span.total_seconds()"]
)
def test_the_rule_sees_what_it_is_there_for(bad: str) -> None:
    assert floats_in(bad)


@pytest.fixture(scope="module")
def inferred() -> build.BuildResult:
    options = Options()
    options.incremental = False
    options.export_types = True
    options.follow_imports = "silent"
    options.python_executable = sys.executable
    sources = [BuildSource(str(path_of(module)), module) for module in ENGINE]
    return build.build([*sources, BuildSource(None, "quotient", QUOTIENT)], options)


def place(node: ast.expr) -> Place:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def floats_by_type(types: build.BuildResult) -> set[Place]:
    found = set()
    for expression, kind in types.types.items():
        proper = get_proper_type(kind)
        if isinstance(proper, Instance) and proper.type.fullname == "builtins.float":
            found.add(
                (expression.line, expression.column, expression.end_line, expression.end_column)
            )
    return found


def test_no_expression_of_the_engine_is_a_float(inferred: build.BuildResult) -> None:
    """design: money is Decimal, end to end; what is counted is whole numbers."""
    assert inferred.errors == []
    floats = floats_by_type(inferred)
    found = [
        f"{module}:{node.lineno}: {ast.unparse(node)}"
        for module in ENGINE
        for node in ast.walk(ast.parse(path_of(module).read_text()))
        if isinstance(node, ast.expr) and place(node) in floats
    ]
    assert found == []


def test_the_type_rule_sees_the_quotient_of_two_whole_numbers(
    inferred: build.BuildResult,
) -> None:
    quotient = ast.parse(QUOTIENT).body[-1]
    assert isinstance(quotient, ast.Expr)
    assert place(quotient.value) in floats_by_type(inferred)
