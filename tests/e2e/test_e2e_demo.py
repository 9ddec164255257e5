"""`gateway demo --once --json`, as a script runs it (issue 2, Show)."""

import asyncio
import json
import sys
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


async def run_demo(tmp_path, *options):
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        "demo",
        "--once",
        "--json",
        *options,
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 110)
    except BaseException:
        process.kill()
        await process.communicate()
        raise
    return process.returncode, out.decode(), err.decode()


@pytest.mark.timeout(120)
async def test_the_demo_bills_each_version_to_the_watt_hour(tmp_path):
    status, out, err = await run_demo(tmp_path)

    assert status == 0, (out, err)
    summary = json.loads(out, parse_float=Decimal)
    assert {cdr["version"] for cdr in summary["cdrs"]} == {"1.6", "2.0.1"}
    for cdr in summary["cdrs"]:
        assert cdr["kwh_equals_meter"] is True
        assert Decimal(cdr["kwh"]) == Decimal(cdr["meter_kwh"])
    assert summary["violations"] == []
    for cdr in summary["cdrs"]:
        assert price_by_hand(cdr) == Decimal(cdr["total_cost"]["excl_vat"]), cdr


def price_by_hand(cdr):
    """The summary tells no durations, but both tariffs count whole minutes: find how many.

    Odd numbers stand at LOC1: 0.50 + 0.35 per kWh + 2.00 per hour of parking. Even ones at LOC2:
    0.59 per kWh + 1.20 per hour.
    """
    kwh, total = Decimal(cdr["kwh"]), Decimal(cdr["total_cost"]["excl_vat"])
    first = int(cdr["station"][-1]) % 2 == 1
    start, per_kwh, per_hour = (
        (Decimal("0.50"), Decimal("0.35"), Decimal("2.00"))
        if first
        else (Decimal(0), Decimal("0.59"), Decimal("1.20"))
    )
    energy = (kwh * per_kwh).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    minutes = ((total - start - energy) * 60 / per_hour).quantize(Decimal(1))
    assert minutes >= 0
    time = (minutes * per_hour / 60).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return start + energy + time


async def test_a_demo_that_is_too_slow_fails_and_says_what_did_not_come(tmp_path):
    status, out, err = await run_demo(tmp_path, "--timeout", "0.1")

    assert status == 1
    assert "CDR" in err
    assert "CDR" in json.loads(out)["missing"]
