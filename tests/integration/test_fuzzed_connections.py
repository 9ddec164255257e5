"""A slice of `python -m bench.fuzz`: nonsense on real sockets, and everybody stays connected."""

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bench.fuzz.__main__ import ENDLESS, EVERY, Findings, run
from gateway.app import Gateway
from gateway.ocpp import server as ocpp_server
from gateway.settings import Settings


async def test_no_connection_is_lost_and_every_heartbeat_answered_amid_nonsense(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S18: CALLERROR or close, the reader alive every time"""
    monkeypatch.setattr(ocpp_server, "LinkLimits", ENDLESS)
    gateway = await Gateway.start(
        Settings(
            redis_url=redis_url,
            data_dir=tmp_path,
            ocpp_port=0,
            ocpi_port=0,
            operator_port=0,
            files_port=0,
            operator_token="fuzz-operator-token",
        )
    )
    findings = Findings()
    try:
        with capture_logs() as logs:
            await run(gateway, 6 * EVERY, seed=3, sockets=6, findings=findings)
    finally:
        await gateway.close()
    assert findings.lost == []
    assert (findings.sent, findings.heartbeats) == (6 * EVERY, 6)
    assert [line for line in logs if line["log_level"] == "error"] == []
