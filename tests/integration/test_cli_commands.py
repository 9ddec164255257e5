"""The command line as a user runs it: real processes against a real gateway."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.cli.api import OperatorApi
from gateway.domain.party import Party
from gateway.settings import Settings, secret_key
from gateway.store import Store

ROOT = Path(__file__).parents[2]
TOKEN = "operator-token-of-the-tests"
LOCATION = {
    "id": "LOC1",
    "publish": True,
    "address": "Street 1",
    "city": "Utrecht",
    "country": "NLD",
    "coordinates": {"latitude": "52.09000", "longitude": "5.12000"},
    "time_zone": "Europe/Amsterdam",
}
TARIFF: dict[str, Any] = {
    "id": "T1",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.30, "step_size": 1}]}],
}
SESSION = {
    "start_date_time": "2026-03-01T10:00:00Z",
    "end_date_time": "2026-03-01T11:00:00Z",
    "charging_periods": [
        {
            "start_date_time": "2026-03-01T10:00:00Z",
            "dimensions": [{"type": "ENERGY", "volume": 10.5}],
        }
    ],
}


@dataclass
class Ran:
    """A command that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs `gateway` in a directory of its own."""

    directory: Path
    environment: dict[str, str]

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway",
            *arguments,
            cwd=self.directory,
            env=self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str, stdin: str = "", **variables: str) -> Ran:
        shell = Shell(self.directory, self.environment | variables)
        process = await shell.start(*arguments)
        async with asyncio.timeout(40):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return Ran(process.returncode, out.decode(), err.decode())

    def file(self, name: str, content: Any) -> str:
        path = self.directory / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Without any setting of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return Shell(tmp_path, kept | {"PYTHONPATH": str(ROOT), "COLUMNS": "200"})


@pytest.fixture
async def gateway(
    redis_url: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Gateway]:
    """A whole gateway; the shell knows where its operator API is."""
    monkeypatch.chdir(shell.directory)
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    settings = Settings.model_validate(
        {
            "redis_url": redis_url,
            "data_dir": shell.directory / "data",
            "operator_token": TOKEN,
            "ocpp_port": 0,
            "ocpi_port": 0,
            "operator_port": 0,
            "files_port": 0,
        }
    )
    running = await Gateway.start(settings)
    port = running.addresses.operator.rstrip("/").rpartition(":")[2]
    shell.environment |= {"GATEWAY_OPERATOR_TOKEN": TOKEN, "GATEWAY_OPERATOR_PORT": port}
    yield running
    await running.close()


async def test_charge_points_are_added_shown_called_and_removed(
    gateway: Gateway, shell: Shell
) -> None:
    added = await shell.run("charge-point", "add", "CP1", "--json", "--quirk", "q")
    assert added.status == 0, added.err
    assert len(added.json["password"]) == 20
    assert added.json["quirks"] == ["q"]
    found = await shell.run("charge-point", "list", "--json")
    assert [one["identity"] for one in found.json] == ["CP1"]
    assert "CP1" in (await shell.run("charge-point", "list")).out
    shown = await shell.run("charge-point", "show", "CP1", "--json")
    assert (shown.json["connected"], shown.json["running"]) == (False, [])
    call = await shell.run("charge-point", "call", "CP1", "Reset", '{"type": "Soft"}')
    assert (call.status, call.err) == (1, "error: The charge point is not connected\n")
    assert (await shell.run("charge-point", "remove", "CP1")).status == 0
    gone = await shell.run("charge-point", "show", "CP1")
    assert (gone.status, gone.out) == (1, "")
    assert gone.err == "error: There is no such charge point\n"


async def test_a_password_comes_from_a_file_and_is_not_shown(
    gateway: Gateway, shell: Shell
) -> None:
    path = shell.file("password", "0123456789abcdef\n")
    added = await shell.run("charge-point", "add", "CP1", "--password-file", path)
    assert (added.status, added.out) == (0, "CP1 registered\n")
    again = await shell.run("charge-point", "add", "CP1", "--password-file", "-", stdin="too short")
    assert again.status == 1
    assert "16 to 40 bytes" in again.err


async def test_changing_a_charge_point_keeps_the_password_that_the_charger_knows(
    gateway: Gateway, shell: Shell
) -> None:
    await shell.run("charge-point", "add", "CP1")
    changed = await shell.run("charge-point", "add", "CP1", "--quirk", "q")
    assert (changed.status, changed.out) == (0, "CP1 changed\n")
    renewed = await shell.run("charge-point", "add", "CP1", "--new-password", "--json")
    assert len(renewed.json["password"]) == 20


async def test_locations_go_in_and_come_out_again(gateway: Gateway, shell: Shell) -> None:
    path = shell.file("locations.json", [LOCATION, LOCATION | {"id": "LOC2"}])
    assert (await shell.run("location", "import", path)).out == "LOC1: created\nLOC2: created\n"
    out = await shell.run("location", "export", "--output", "all.json")
    assert out.status == 0
    exported = json.loads((shell.directory / "all.json").read_text())
    assert [one["id"] for one in exported] == ["LOC1", "LOC2"]
    again = await shell.run("location", "import", "all.json", "--json")
    assert again.json == [
        {"id": "LOC1", "result": "replaced"},
        {"id": "LOC2", "result": "replaced"},
    ]


async def test_a_bad_document_does_not_stop_the_good_ones_but_fails_the_command(
    gateway: Gateway, shell: Shell
) -> None:
    path = shell.file("locations.json", [{"id": "BAD"}, LOCATION])
    ran = await shell.run("location", "import", path, "--json")
    assert ran.status == 1
    assert [("error" in one, one["id"]) for one in ran.json] == [(True, "BAD"), (False, "LOC1")]
    for bad in ("no json", "[1]", "{}"):
        assert (await shell.run("location", "import", shell.file("bad.json", bad))).status == 1


async def test_a_tariff_is_imported_and_prices_a_session(gateway: Gateway, shell: Shell) -> None:
    assert (await shell.run("tariff", "import", shell.file("t.json", TARIFF))).status == 0
    session = shell.file("session.json", SESSION)
    priced = await shell.run("tariff", "price", "T1", session, "--json")
    # by hand: 10.5 kWh x 0.30
    assert priced.json["total_cost"]["before_taxes"] == 3.15
    assert "total: 3.15" in (await shell.run("tariff", "price", "T1", session)).out


async def test_what_is_doubtful_in_a_tariff_is_shown_at_its_import(
    gateway: Gateway, shell: Shell
) -> None:
    wrong = {"type": "ENERGY", "price": 0.3, "vat": 0.21, "step_size": 1}
    doubtful = {"type": "TIME", "price": 0.05, "step_size": 60}
    tariffs = [
        TARIFF | {"id": id_, "elements": [{"price_components": [component]}]}
        for id_, component in (("T1", doubtful), ("T2", wrong))
    ]
    imported = await shell.run("tariff", "import", shell.file("t.json", tariffs))
    assert imported.status == 1
    assert "T1: created\nwarning: elements[0].price_components[0].price: is 0.05" in imported.out
    assert "T2: The document breaks the standard: elements[0].price_comp" in imported.out
    by_id = await shell.run("tariff", "check", "T1", "--json")
    assert [one["name"] for one in by_id.json[0]["findings"]] == ["price_per_minute"]


async def shown_tariff(gateway: Gateway, id_: str) -> dict[str, Any]:
    api = OperatorApi(gateway.addresses.operator, TOKEN)
    found: dict[str, Any] = await asyncio.to_thread(api.get, f"/tariffs/{id_}")
    return found


async def test_words_are_written_into_a_tariff_on_request_only(
    gateway: Gateway, shell: Shell
) -> None:
    own = TARIFF | {"id": "T2", "tariff_alt_text": [{"language": "en", "text": "cheap"}]}
    both = shell.file("t.json", [TARIFF, own])
    await shell.run("tariff", "import", both)
    assert "tariff_alt_text" not in await shown_tariff(gateway, "T1")
    ran = await shell.run("tariff", "import", both, "--describe", "en", "--describe", "fr")
    assert ran.status == 0, ran.err
    assert (await shown_tariff(gateway, "T1"))["tariff_alt_text"] == [
        {"language": "en", "text": "Energy: 0.30 EUR per kWh. Prices are without taxes."},
        {"language": "fr", "text": "Énergie : 0,30 EUR par kWh. Prix hors taxes."},
    ]
    assert (await shown_tariff(gateway, "T2"))["tariff_alt_text"] == own["tariff_alt_text"]


async def test_a_stored_session_is_priced_by_another_tariff(
    gateway: Gateway, shell: Shell, redis_url: str
) -> None:
    await shell.run("location", "import", shell.file("l.json", LOCATION))
    session = {
        "country_code": "NL",
        "party_id": "GWY",
        "id": "S1",
        "location_id": "LOC1",
        "start_date_time": "2026-03-01T21:30:00Z",
        "last_updated": "2026-03-01T22:30:00Z",
        "total_cost": {"before_taxes": 9, "taxes": []},
        "charging_periods": [
            {
                "start_date_time": "2026-03-01T21:30:00Z",
                "tariff_id": "T9",
                "dimensions": [{"type": "ENERGY", "volume": 10}],
            }
        ],
    }
    key = secret_key(Settings(data_dir=shell.directory / "data"))
    store = await Store.open(redis_url, secret_key=key, node_id="another")
    party = store.party(Party("NL", "GWY"))
    change = party.change()
    at = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
    party.sessions.put(change, "S1", session, updated=at, partner_id=None)
    await store.commit(change)
    await store.close()
    # half of the hour lies before 23:00 at the location (Europe/Amsterdam), which is 22:00 UTC
    night = {
        "price_components": [{"type": "ENERGY", "price": 0.1, "step_size": 1}],
        "restrictions": {"start_time": "23:00", "end_time": "06:00"},
    }
    tariff = shell.file("t.json", TARIFF | {"elements": [night, *TARIFF["elements"]]})
    # by hand: 5 kWh x 0.30 + 5 kWh x 0.10
    shown = await shell.run("tariff", "price", tariff, "S1")
    assert "total: 2 EUR" in shown.out
    assert "stored total: 9" in shown.out
    assert "interpolated" in shown.out
    in_utc = await shell.run("tariff", "price", tariff, "S1", "--time-zone", "UTC", "--json")
    assert in_utc.json["total_cost"]["before_taxes"] == 3
    assert in_utc.json["stored_total_cost"]["before_taxes"] == 9
    none = await shell.run("tariff", "price", tariff, "S2")
    assert none.err == "error: S2: no such session or CDR\n"


async def test_partners_are_invited_listed_and_removed(gateway: Gateway, shell: Shell) -> None:
    added = await shell.run("partner", "add", "New", "--json")
    id_, token = added.json["id"], added.json["token"]
    shown = await shell.run("partner", "show", id_, "--json")
    assert (shown.json["state"], shown.json["deliveries"]["owed"]) == ("INVITED", 0)
    assert token not in shown.out
    assert "New" in (await shell.run("partner", "list")).out
    failed = await shell.run(
        "partner", "register", id_, "https://127.0.0.1:1/versions", GATEWAY_PARTNER_TOKEN="abc"
    )
    assert failed.status == 1
    assert failed.err.startswith("error: The registration failed")
    assert (await shell.run("partner", "remove", id_)).status == 0
    assert (await shell.run("partner", "list", "--json")).json == []


async def test_what_a_partner_does_otherwise_is_listed_and_shown(
    gateway: Gateway, shell: Shell
) -> None:
    id_ = (await shell.run("partner", "add", "New", "--json")).json["id"]
    once_a_minute = await shell.run("partner", "session-interval", id_, "60")
    assert "60" in once_a_minute.out
    shown = await shell.run("partner", "session-interval", id_, "--json")
    assert shown.json["session_interval"] is None
    listed = await shell.run("partner", "quirks", "--json")
    assert "raw_token" in {one["name"] for one in listed.json}
    assert "a partner that wants its token" in (await shell.run("partner", "quirks")).out
    shown = await shell.run("partner", "show", id_)
    assert "quirks_seen" in shown.out
    assert "hub_party" in shown.out
    assert "endpoints" in shown.out


async def test_a_partner_that_is_not_registered_is_sent_nothing_again(
    gateway: Gateway, shell: Shell
) -> None:
    id_ = (await shell.run("partner", "add", "New", "--json")).json["id"]
    refused = await shell.run("partner", "resend", id_, "--cdrs", "--since", "2026-01-01T00:00:00Z")
    assert (refused.status, refused.err) == (1, "error: The partner is not registered\n")


async def test_a_partner_that_is_not_registered_cannot_be_updated(
    gateway: Gateway, shell: Shell
) -> None:
    id_ = (await shell.run("partner", "add", "New", "--json")).json["id"]
    refused = await shell.run("partner", "update", id_, "--version", "2.3.0")
    assert (refused.status, refused.err) == (1, "error: The partner is not registered\n")


async def test_names_cannot_speak_to_the_terminal(gateway: Gateway, shell: Shell) -> None:
    """security-and-faults S12."""
    body = LOCATION | {"id": "LOC\u009b31m"}
    ran = await shell.run("location", "import", shell.file("bad.json", body))
    assert "\u009b" not in ran.out + ran.err
    added = await shell.run("partner", "add", "\u202eevil[red]", "--json")
    assert "\u202e" not in added.out
    shown = await shell.run("partner", "list")
    assert "\u202e" not in shown.out


async def test_cdrs_are_listed_exported_and_refused(gateway: Gateway, shell: Shell) -> None:
    assert (await shell.run("cdr", "list", "--json")).json == []
    assert (await shell.run("cdr", "export", "--format", "csv")).status == 0
    for command in ("resend", "credit"):
        ran = await shell.run("cdr", command, "none")
        assert (ran.status, ran.err) == (1, "error: There is no such CDR\n")


async def test_a_report_is_a_table_json_or_csv(gateway: Gateway, shell: Shell) -> None:
    assert (await shell.run("report", "usage", "--json")).json == []
    table = await shell.run("report", "revenue", "--by", "day,partner")
    assert table.out.split()[:3] == ["day", "partner", "currency"]
    ran = await shell.run("report", "faults", "--by", "location", "--csv", "-o", "faults.csv")
    assert (ran.status, ran.out) == (0, "")
    assert (shell.directory / "faults.csv").read_bytes() == (
        b"location,charge_point,evse_id,connector_id,error_code,info,since\r\n"
    )
    wrong = await shell.run("report", "revenue", "--by", "colour")
    assert (wrong.status, wrong.err.count("\n")) == (1, 1)


async def test_a_wrong_token_or_no_gateway_is_one_line(gateway: Gateway, shell: Shell) -> None:
    ran = await shell.run("partner", "list", GATEWAY_OPERATOR_TOKEN="wrong")
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    ran = await shell.run("partner", "list", "--url", "http://127.0.0.1:1")
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert ran.err.startswith("error: no gateway at http://127.0.0.1:1")


async def test_check_masks_secrets_and_says_what_is_wrong(shell: Shell) -> None:
    good = await shell.run(
        "check",
        "--json",
        GATEWAY_OPERATOR_TOKEN="a-canary-that-must-not-be-shown",
        GATEWAY_REDIS_URL="redis://user:another-canary@store.example:6379/0",
        GATEWAY_SECRET_KEY="00" * 32,
        GATEWAY_OPERATR_PORT="1",
    )
    assert (good.status, good.json["errors"]) == (0, [])
    assert "canary" not in good.out
    assert good.json["settings"]["redis_url"] == "redis://***@store.example:6379/0"
    assert "GATEWAY_OPERATR_PORT is no setting" in good.json["warnings"]
    bad = await shell.run("check", GATEWAY_OCPP_PORT="x", GATEWAY_OPERATOR_TOKEN="a-canary")
    assert bad.status == 1
    assert "GATEWAY_OCPP_PORT" in bad.out
    assert "canary" not in bad.out + bad.err
    twice = await shell.run("check", GATEWAY_OCPP_PORT="8000")
    assert twice.status == 1
    assert "same address" in twice.out


async def test_doctor_finds_a_taken_port_and_a_store(
    gateway: Gateway, shell: Shell, redis_url: str
) -> None:
    ran = await shell.run("doctor", "--json", GATEWAY_REDIS_URL=redis_url)
    found = {one["what"]: one for one in ran.json}
    assert found["the operator's listener"]["state"] == "bad"
    assert found["store policy"] == {
        "what": "store policy",
        "state": "ok",
        "text": "maxmemory-policy noeviction",
    }
    assert ran.status == 1


async def test_serve_runs_until_sigterm_and_ends_in_order(shell: Shell, redis_url: str) -> None:
    """security-and-faults R3."""
    shell.environment |= {"GATEWAY_REDIS_URL": redis_url, "GATEWAY_DATA_DIR": "data"}
    for name in ("OCPP", "OCPI", "OPERATOR", "FILES"):
        shell.environment[f"GATEWAY_{name}_PORT"] = "0"
    process = await shell.start("serve")
    assert process.stdout is not None
    async with asyncio.timeout(30):
        lines = [(await process.stdout.readline()).decode() for _ in range(3)]
        assert [line.split()[0] for line in lines] == ["charge", "partners", "operator"]
        url = lines[2].split()[1]
        found = await shell.run("charge-point", "list", "--json", "--url", url)
        assert (found.status, found.json) == (0, [])
        process.send_signal(signal.SIGTERM)
        _, err = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in err


async def test_serve_says_in_one_line_why_it_does_not_start(
    gateway: Gateway, shell: Shell, redis_url: str
) -> None:
    ran = await shell.run("serve", GATEWAY_REDIS_URL="redis://127.0.0.1:1")
    assert ran.status == 1
    assert ran.err.splitlines()[-1].startswith("error: not started: ")
    assert "Traceback" not in ran.err
    ran = await shell.run("serve", "--workers", "2")
    assert ran.status == 1


async def test_parties_are_added_listed_and_removed(gateway: Gateway, shell: Shell) -> None:
    added = await shell.run("party", "add", "BE*DEF", "Second", "--website", "https://d.example")
    assert (added.status, added.out) == (0, "BE*DEF added\n"), added.err
    changed = await shell.run("party", "add", "BE*DEF", "Renamed", "--json")
    assert (changed.json["business_name"], changed.json["website"]) == ("Renamed", None)
    found = await shell.run("party", "list", "--json")
    assert [one["party"] for one in found.json] == ["NL*GWY", "BE*DEF"]
    assert "Renamed" in (await shell.run("party", "list")).out
    assert (await shell.run("party", "remove", "BE*DEF")).out == "BE*DEF removed\n"
    refused = await shell.run("party", "remove", "NL*GWY")
    assert refused.status == 1
    assert "it is the first party" in refused.err
