"""The attacks of the security table that come through the charge points' listeners.

The counts are the table's where that takes seconds; else a slice runs by default and the whole
count in the long suite.
"""

import asyncio
import json
import random
import resource
import socket
import time
from contextlib import suppress
from dataclasses import fields

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.ocpp import v16, v21, v201
from gateway.ocpp.charge_point_services import ChargePointServices

PASSWORD = "a-password-of-20-byt"
WRONG = "not-the-password-at-all"


def counts(some, all_of_them):
    """A slice by default, the table's count in the long suite."""
    whole = pytest.param(all_of_them, marks=[pytest.mark.long, pytest.mark.timeout(900)])
    return pytest.mark.parametrize("count", [some, whole])


async def heartbeat(charger):
    return (await charger.call("Heartbeat", {}))[0] == 3


async def booted(site, identity, **options):
    charger = await site.connect(identity, password=PASSWORD, **options)
    await charger.boot()
    return charger


@counts(10, 100)
async def test_nobody_gets_in_without_authentication(start_gateway, count):
    """S1: as many known and unknown identities, 0 get HTTP 101; profile 0 is warned of."""
    site = await start_gateway()
    for number in range(count):
        await site.register(f"CP{number}", 1)
    for number in range(count):
        assert not await site.gets_in(f"CP{number}")
        assert not await site.gets_in(f"XX{number}")
    assert (await site.ask("GET", "ready"))[1]["warnings"] == []


async def test_profile_0_is_only_by_choice_and_shown(start_gateway):
    """S1"""
    site = await start_gateway()
    await site.register("OPEN", 0)
    assert await site.gets_in("OPEN")
    _, ready = await site.ask("GET", "ready")
    assert ["OPEN" in one for one in ready["warnings"]] == [True]


@counts(20, 1000)
async def test_bad_logins_never_end_the_real_connection(start_gateway, count):
    """S2: 0 disconnects."""
    site = await start_gateway()
    await site.register("CP", 1)
    charger = await booted(site, "CP")
    for number in range(count):
        assert not await site.gets_in("CP", password=f"{WRONG}{number}")
    assert await heartbeat(charger)
    assert (await site.show("CP"))["connected"]


async def test_of_many_good_logins_the_newest_is_the_only_one(start_gateway):
    """S2: one live connection, and no call goes to a superseded one."""
    site = await start_gateway()
    await site.register("CP", 1)
    chargers = [await booted(site, "CP") for _ in range(5)]
    for charger in chargers:
        charger.answers["Reset"] = {"status": "Accepted"}
    for charger in chargers[:-1]:
        assert await charger.closed() == 1000
    body = {"action": "Reset", "payload": {"type": "Soft"}}
    status, _ = await site.ask("POST", "api/v1/charge-points/CP/calls", body)
    assert status == 200
    assert [len(charger.asked) for charger in chargers] == [0, 0, 0, 0, 1]
    assert await heartbeat(chargers[-1])


@counts(10, 500)
async def test_an_old_socket_that_ends_late_does_not_take_the_new_one_along(start_gateway, count):
    """S3: the new one stays routable."""
    site = await start_gateway()
    chance = random.Random(3)
    body = {"action": "Reset", "payload": {"type": "Soft"}}
    for number in range(count):
        identity = f"CP{number}"
        await site.register(identity, 1)
        old = await booted(site, identity)
        new = await booted(site, identity)
        new.answers["Reset"] = {"status": "Accepted"}
        if chance.random() < 0.5:
            old.socket.transport.abort()
        await old.close()
        status, _ = await site.ask("POST", f"api/v1/charge-points/{identity}/calls", body)
        assert status == 200
        await new.close()


async def test_a_half_open_socket_does_not_keep_its_station_out(start_gateway):
    """S4: the station's reconnect is accepted at once."""
    site = await start_gateway()
    await site.register("CP", 1)
    old = await booted(site, "CP")
    old.socket.transport.pause_reading()  # it hears no close frame and sends no FIN
    new = await booted(site, "CP")
    assert await heartbeat(new)
    old.socket.transport.resume_reading()


@counts(20, 1000)
async def test_a_station_cannot_touch_the_transaction_of_another(start_gateway, count):
    """S5: unchanged, whatever the other one sends; ids are not sequential."""
    site = await start_gateway()
    for identity in ("A", "B"):
        await site.register(identity, 1)
    await site.ask("PUT", "api/v1/tokens/RFID/TAG", {"status": "Accepted"})
    owner, other = await booted(site, "A"), await booted(site, "B")
    start = {"idTag": "TAG", "meterStart": 0, "timestamp": "2026-01-01T12:00:00Z"}
    ids = []
    for connector in (1, 2, 3):
        answer = await owner.call("StartTransaction", start | {"connectorId": connector})
        ids.append(answer[2]["transactionId"])
    assert ids[1] - ids[0] != ids[2] - ids[1] or abs(ids[1] - ids[0]) > 1_000
    path = "api/v1/charge-points/A/transactions"
    before = await site.ask("GET", path)
    sample = {"timestamp": "2026-01-01T13:00:00Z", "sampledValue": [{"value": "9999999"}]}
    stop = {"meterStop": 9_999_999, "timestamp": "2026-01-01T13:00:00Z"}
    for number in range(count):
        id_ = ids[number % 3]
        if number % 2:
            body = {"connectorId": 1, "transactionId": id_, "meterValue": [sample]}
            assert (await other.call("MeterValues", body))[0] == 3
        else:
            assert (await other.call("StopTransaction", stop | {"transactionId": id_}))[0] == 3
    assert await site.ask("GET", path) == before


def logins(outcome):
    return REGISTRY.get_sample_value("gateway_ocpp_logins_total", {"outcome": outcome}) or 0


@counts(60, 10_000)
async def test_few_of_many_bad_logins_reach_the_verifier_and_nobody_is_locked_out(
    start_gateway, count
):
    """S6: bounded work; others, and the station itself, get in meanwhile."""
    site = await start_gateway()
    for identity in ("CP", "OTHER"):
        await site.register(identity, 1)
    charger = await booted(site, "CP")
    verified, turned_away, waits = logins("refused"), logins("too many"), []
    began = time.monotonic()
    for number in range(count):
        with pytest.raises(InvalidStatus):
            await site.knock("CP", password=f"{WRONG}{number}", source="127.0.0.66")
        if number % (count // 10) == 0:
            at = time.perf_counter()
            assert await site.gets_in("OTHER", password=PASSWORD)
            waits.append(time.perf_counter() - at)
    minutes = (time.monotonic() - began) / 60
    assert logins("refused") - verified <= 10 + 10 * minutes + 1
    assert logins("too many") - turned_away >= count - 12 - 10 * minutes
    assert await heartbeat(charger)
    assert await site.gets_in("CP", password=PASSWORD, source="127.0.0.66")
    assert count < 1_000 or max(waits) < 1  # times only where the long suite runs alone


TRAPS = (
    "NaN",
    '[2,"1","Heartbeat",NaN]',
    '[2,"1","Heartbeat",{"a":' + "9" * 100_000 + "}]",
    '[2,"1","Heartbeat",{"a":1e999999999}]',
    '[2,"1","\\ud800",{}]',
    '[2,"\\udfff","Heartbeat",{}]',
    "[" * 100_000,
    '{"a":' * 50_000,
    '[2,"1","Heartbeat",{"a":1,"a":2}]',
    '{"2":"1"}',
    '"2"',
    "2",
    "null",
    "[]",
    '[2,"1",["Heartbeat"],{}]',
    '[2,"1",{"a":"b"},{}]',
    '[2,{"id":1},"Heartbeat",{}]',
    '[2,"1","Heartbeat",[]]',
    '[99,"1","Heartbeat",{}]',
    '["2","1","Heartbeat",{}]',
    '[3,["1"],{}]',
    "\x00",
)


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_json_traps_kill_no_reader(start_gateway, protocol):
    """S18: an error or a close; the reader lives."""
    site = await start_gateway()
    await site.register("CP", 1)
    with capture_logs() as logs:
        for trap in TRAPS:
            connection = await site.knock("CP", password=PASSWORD, protocol=protocol)
            await connection.send(trap)
            await connection.send('[2,"after","Heartbeat",{}]')
            try:
                while json.loads(await asyncio.wait_for(connection.recv(), 10))[1] != "after":
                    pass
            except ConnectionClosed:
                pass
            await connection.close()
    assert [one for one in logs if one.get("exc_info")] == []


@counts(2_000, 1_000_000)
async def test_answers_to_nothing_end_the_connection_and_fill_no_memory(start_gateway, count):
    """S19: closed with 1008."""
    site = await start_gateway()
    await site.register("CP", 1)
    charger = await booted(site, "CP")
    before = peak_memory()
    try:
        for number in range(count):
            await charger.socket.send(f'[3,"{number}",{{}}]')
    except ConnectionClosed:
        pass
    assert await charger.closed() == 1008
    assert peak_memory() - before < 20 << 20
    assert await site.gets_in("CP", password=PASSWORD)


def peak_memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


IDENTITIES = ("A*", "A{B}", "{NL*GWY}", "A|B", "A%0A", "A%00", "*", "A?", "..", "A%2FB")


async def test_no_identity_can_touch_another_ones_keys(start_gateway):
    """S22"""
    site = await start_gateway()
    await site.register("A", 1)
    owner = await booted(site, "A")
    before = await site.show("A")
    for identity in IDENTITIES:
        body = {"security_profile": 1, "password": PASSWORD}
        status, _ = await site.ask("PUT", f"api/v1/charge-points/{identity}", body)
        if status == 201 and await site.gets_in(identity, password=PASSWORD):
            await site.ask("DELETE", f"api/v1/charge-points/{identity}")
    assert (await site.show("A"))["boot"] == before["boot"]
    assert await heartbeat(owner)


async def test_headers_of_a_proxy_are_anybodys_word(start_gateway, pki):
    """S24: X-Forwarded-For and client certificates in headers are ignored."""
    site = await start_gateway(tls=True)
    await site.register("CP", 3)
    shown = pki.ours.issue("CP").file.read_text().replace("\n", "")
    headers = {
        "X-Forwarded-For": "10.9.8.7",
        "X-Forwarded-Proto": "https",
        "Forwarded": "for=10.9.8.7;proto=https",
        "X-SSL-Client-Cert": shown[-500:],
        "X-SSL-Client-Verify": "SUCCESS",
        "X-SSL-Client-S-DN": "CN=CP",
        "Client-Cert": ":AAAA:",
    }
    with capture_logs() as logs:
        assert not await site.gets_in("CP", headers=headers)
        assert not await site.gets_in("CP", headers=headers, tls=pki.tls())
    remotes = {one["remote"] for one in logs if one["event"] == "charge point refused"}
    assert remotes
    assert all(remote.startswith("127.") for remote in remotes)


VERSIONS = {"ocpp1.6": v16, "ocpp2.0.1": v201, "ocpp2.1": v21}


@pytest.mark.parametrize("protocol", VERSIONS)
async def test_before_its_boot_a_station_changes_nothing(start_gateway, protocol, store):
    """security-and-faults row 20: all CALLs, 0 state changes."""
    site = await start_gateway()
    await site.register("CP", 1)
    charger = await site.connect("CP", password=PASSWORD, protocol=protocol)
    services = ChargePointServices(*[None] * len(fields(ChargePointServices)))
    dialect = VERSIONS[protocol].DIALECT
    actions = [one for one in dialect.routes(services) if dialect.schemas.request(one)]
    assert len(actions) > 10
    before = await everything(store)
    for action in actions:
        if action != "BootNotification":
            assert (await charger.call(action, {}))[2] == "SecurityError", action
    assert await everything(store) == before


async def everything(store):
    found = {}
    for key in await store.redis.keys("*"):
        found[key] = await store.redis.dump(key)
    return found


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("secure", [False, True])
async def test_half_sent_requests_are_cut_off_and_hold_nobody_up(gateway_process, pki, secure):
    """S16: 2,000 of them are closed within 15 s; a real charger connects in less than 2 s."""
    site = gateway_process
    await site.register("CP", 2 if secure else 1)
    tls = pki.tls() if secure else None
    host, _, port = site.url(secure=secure).partition("://")[2].partition("/")[0].partition(":")

    half = b"\x16\x03\x01\x02" if secure else b"GET /ocpp/CP HTTP/1.1\r\nHost: x\r\n"
    began = time.monotonic()
    attackers = [socket.create_connection((host, int(port))) for _ in range(2_000)]
    for one in attackers:
        one.sendall(half)
    waits = []
    for _ in range(20):
        at = time.perf_counter()
        assert await site.gets_in("CP", tls=tls, password=PASSWORD)
        waits.append(time.perf_counter() - at)

    def until_closed() -> float:
        for one in attackers:
            one.settimeout(max(0.1, began + 20 - time.monotonic()))
            with suppress(ConnectionError):
                while one.recv(4_096):
                    pass
            one.close()
        return time.monotonic() - began

    assert await asyncio.to_thread(until_closed) < 15
    assert max(waits) < 2


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_hundred_attackers_with_huge_frames_cost_little_memory(start_gateway):
    """S14: closed; 10 MiB at most when they are gone, others answered meanwhile."""
    site = await start_gateway()
    await site.register("CP", 1)
    for number in range(100):
        await site.register(f"BAD{number}", 1)
    charger = await booted(site, "CP")
    before, waits = current_memory(), []
    for number in range(100):
        attacker = await site.knock(f"BAD{number}", password=PASSWORD)
        with suppress(ConnectionClosed):
            await attacker.send("x" * (2 << 20))
        await attacker.wait_closed()
        assert attacker.close_code in (1009, 1006)
        began = time.perf_counter()
        assert await heartbeat(charger)
        waits.append(time.perf_counter() - began)
    assert current_memory() - before < 30 << 20  # client and server are one process here
    assert max(waits) < 0.5


def current_memory():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()
