"""The page for whoever connects a charger names the settings that the gateway wants."""

import re
from pathlib import Path

import pytest

from gateway.domain.baseline import ROAMING_2X, ROAMING_16, Kind, State
from gateway.domain.boot import BootPolicy

PAGE = (Path(__file__).parents[2] / "docs" / "connect-a-charger.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n### Settings that roaming needs")[2].partition("\n### ")[0]
BOUNDS = {Kind.AT_LEAST: " at least", Kind.AT_MOST: " at most"}


@pytest.mark.parametrize("table", [ROAMING_16, ROAMING_2X], ids=["1.6", "2.x"])
def test_every_wanted_setting_is_documented_with_its_value_and_reason(table):
    rows = [
        f"| `{wish.name}` | `{wish.value}`{BOUNDS.get(wish.kind, '')} | {wish.reason} |"
        for wish in table
    ]
    assert "\n".join(rows) + "\n" in SECTION


def test_every_state_of_a_setting_is_documented():
    documented = re.findall(r"^\| ([a-z ]+) \| ", SECTION, re.MULTILINE)
    assert set(documented) >= {state.value for state in State}


def test_every_way_to_answer_a_boot_is_documented():
    section = PAGE.partition("\n## 5. Boot")[2].partition("\n### ")[0]
    documented = re.findall(r"^\| `(\w+)` \| ", section, re.MULTILINE)
    assert set(documented[1:]) == {policy.value for policy in BootPolicy}  # after the heading
