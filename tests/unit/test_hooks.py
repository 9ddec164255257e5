"""Functions that settings name."""

from pathlib import Path

import pytest

from gateway.services.hooks import hook

SOURCE = "async def good():\n    return 1\ndef plain():\n    return 1\n"


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hooks_of_an_operator.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)


async def test_a_hook_is_found_by_its_name() -> None:
    assert await hook("hooks_of_an_operator:good")() == 1


@pytest.mark.parametrize(
    "name",
    ["", "x", ":good", "hooks_of_an_operator:", "hooks_of_an_operator:plain",
     "hooks_of_an_operator:absent", "no_such_module:good"],
)  # fmt: skip
def test_what_is_no_async_function_is_said_at_the_start(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        hook(name)
