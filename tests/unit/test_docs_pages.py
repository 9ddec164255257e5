"""The documentation points at what is there and says what the code says."""

import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

import gateway.app  # registers every metric
from gateway.domain import flags
from gateway.domain.bills.holding import NAME_OF
from gateway.domain.partner_quirks import QUIRKS as PARTNER_QUIRKS
from gateway.domain.quirks import QUIRKS
from gateway.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("deploy/*.md"),
    ]
)
TEXTS = [*PAGES, ROOT / "Makefile", ROOT / ".ci" / "run", *sorted(ROOT.glob("deploy/*"))]
OPERATE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
CONNECT = (ROOT / "docs" / "connect-a-charger.md").read_text(encoding="utf-8")

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_MODULE = re.compile(r"`([\w./]+\.py)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_SETTING_ROW = re.compile(rf"^\| `({PREFIX}\w+)` \| (.+?) \|", re.MULTILINE)
_METRIC_ROW = re.compile(r"^\| `(gateway_\w+)` \|", re.MULTILINE)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as Markdown viewers derive them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for link in _LINK.findall(text):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_module_that_a_page_names_is_there() -> None:
    rooms = ("gateway", "simulators", "tests", "bench")
    modules = [f"/{name_of(path)}" for room in rooms for path in (ROOT / room).rglob("*.py")]
    named = {
        (name_of(page), module)
        for page in PAGES
        for module in _MODULE.findall(page.read_text(encoding="utf-8"))
    }
    assert len(named) > 20
    gone = [one for one in named if not any(path.endswith(f"/{one[1]}") for path in modules)]
    assert gone == []


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_no_page_names_a_place_on_somebodys_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.])/(?:root|work|home/\w+|tmp/\w+|Users)\b[^\s`]*", text) == []


@pytest.mark.parametrize("page", TEXTS, ids=name_of)
def test_no_page_names_a_package_index(page: Path) -> None:
    text = page.read_text(encoding="utf-8").lower()
    assert re.findall(r"--index-url|--extra-index-url|--trusted-host", text) == []


def documented_settings() -> dict[str, str]:
    return {name: default.strip("`") for name, default in _SETTING_ROW.findall(OPERATE)}


def test_every_setting_is_documented_and_nothing_else() -> None:
    expected = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(documented_settings()) == expected


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_settings_default_is_the_documented_one(name: str) -> None:
    field: Any = Settings.model_fields[name]
    shown = documented_settings()[PREFIX + name.upper()]
    if name == "node_id":
        assert shown == "host name and OCPP port"
    elif shown == "{}":
        assert field.get_default(call_default_factory=True) == {}
    elif field.default is None:
        assert shown == "unset"
    elif isinstance(field.default, bool):
        assert shown == str(field.default).lower()
    else:
        assert type(field.default)(shown) == field.default


def test_every_metric_is_documented_and_nothing_else() -> None:
    assert gateway.app is not None
    found = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in REGISTRY.collect()
        if family.name.startswith("gateway_") and not family.name.endswith("_created")
    }
    assert set(_METRIC_ROW.findall(OPERATE)) == found


def test_the_log_events_to_watch_for_exist() -> None:
    table = OPERATE.partition("\n## Logs")[2].partition("\n## ")[0]
    events = [
        event
        for row in re.findall(r"^\| (`.+?`) \| \w+", table, re.MULTILINE)
        for event in re.findall(r"`(.+?)`", row)
    ]
    source = "\n".join(path.read_text() for path in sorted((ROOT / "gateway").rglob("*.py")))
    assert len(events) > 10
    assert [event for event in events if f'"{event}"' not in source] == []


def test_every_flag_of_a_transaction_is_documented_and_what_holds_a_cdr_comes_first() -> None:
    table = OPERATE.partition("\n## What needs an operator's eye")[2].partition("\n## ")[0]
    documented = re.findall(r"^\| `(.+?)` \|", table, re.MULTILINE)
    assert set(documented[: len(flags.HOLDING)]) == flags.HOLDING
    assert set(documented) == flags.ALL
    named = re.findall(r"^\| `(.+?)` \| `(.+?)` \|", table, re.MULTILINE)
    assert dict(named) == NAME_OF


def test_every_quirk_of_a_charge_point_is_documented() -> None:
    section = CONNECT.partition("\n## Deviations")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE)) == set(QUIRKS)


def test_every_quirk_of_a_partner_is_documented_as_it_is_listed() -> None:
    page = (ROOT / "docs" / "integrate-a-partner.md").read_text(encoding="utf-8")
    section = page.partition("\n## Deviations of partners")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \| (.+?) \| (.+?) \|$", section, re.MULTILINE)
    listed = [(one.name, one.shows, one.does, one.detected) for one in PARTNER_QUIRKS.values()]
    assert rows == listed
