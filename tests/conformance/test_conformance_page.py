"""The pages that list the standards' test cases and rules say the truth."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("page", Path(__file__).with_name("page.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_what_the_tests_say(page: ModuleType) -> None:
    for path, text in page.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale: run `make docs`"


@pytest.mark.parametrize("file", ["part6_csms.csv", "ocpp16_sections.csv"])
def test_a_case_is_covered_or_says_why_not(page: ModuleType, file: str) -> None:
    tests = page.covered()
    silent = [one.id for one in page.cases(file) if one.id not in tests and not one.reason]
    assert silent == []


def test_no_test_names_a_case_that_does_not_exist(page: ModuleType) -> None:
    known = {
        one.id for file in ("part6_csms.csv", "ocpp16_sections.csv") for one in page.cases(file)
    }
    known |= {rule["id"] for rule in page.rules()}
    assert set(page.covered()) - known == set()


def test_every_rule_of_ocpi_has_a_test(page: ModuleType) -> None:
    tests = page.covered()
    assert [rule["id"] for rule in page.rules() if rule["id"] not in tests] == []
