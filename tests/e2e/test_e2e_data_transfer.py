"""A vendor's extension, plugged in by a setting, answers its DataTransfers."""

from pathlib import Path
from typing import Any

import pytest

HOOK = """
from gateway.domain.data_transfer import TransferAnswer, TransferStatus


async def answer(identity, message):
    if message.message_id != "Hello":
        return TransferAnswer(TransferStatus.UNKNOWN_MESSAGE)
    return TransferAnswer(TransferStatus.ACCEPTED, f"{identity} said {message.data}")
"""


async def test_a_hook_answers_its_vendor_in_every_version(
    start_scene: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    (tmp_path / "vendor_extension.py").write_text(HOOK)
    monkeypatch.syspath_prepend(str(tmp_path))
    scene = await start_scene(data_transfer_hooks={"com.example": "vendor_extension:answer"})
    await scene.register_charger("CP1")
    async with scene.wire("CP1", version) as wire:
        hello = {"vendorId": "com.example", "messageId": "Hello", "data": "hi"}
        answer = await wire.call("DataTransfer", hello)
        assert answer[2] == {"status": "Accepted", "data": "CP1 said hi"}
        other = await wire.call("DataTransfer", {"vendorId": "com.example", "messageId": "Bye"})
        assert other[2] == {"status": "UnknownMessageId"}
        nobody = await wire.call("DataTransfer", {"vendorId": "org.nobody"})
        assert nobody[2] == {"status": "UnknownVendorId"}
    kept = await scene.get("charge-points/CP1/kept/DataTransfer")
    assert len(kept) == 3


async def test_a_hook_that_is_not_there_stops_the_start(start_scene: Any) -> None:
    with pytest.raises(ValueError, match="no_such_module"):
        await start_scene(data_transfer_hooks={"com.example": "no_such_module:answer"})
