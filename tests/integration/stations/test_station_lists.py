"""The local authorization list of a simulated station, its rules and what they decide."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from simulators.charge_point import StationSettings

VERSIONS = ["1.6", "2.0.1", "2.1"]


def entry(version: str, uid: str, status: str | None = "Accepted", **more: Any) -> dict[str, Any]:
    """One entry of SendLocalList; a status of None removes the token."""
    if version == "1.6":
        info = {} if status is None else {"idTagInfo": {"status": status, **more}}
        return {"idTag": uid, **info}
    info = {} if status is None else {"idTokenInfo": {"status": status, **more}}
    return {"idToken": {"idToken": uid, "type": "ISO14443"}, **info}


async def send(csms: Any, number: int, kind: str, *entries: dict[str, Any]) -> str:
    version = csms.version
    name = "listVersion" if version == "1.6" else "versionNumber"
    payload = {name: number, "updateType": kind, "localAuthorizationList": list(entries)}
    if not entries:
        del payload["localAuthorizationList"]
    return str((await csms.call("SendLocalList", payload))["status"])


async def list_version(csms: Any) -> int:
    (value,) = (await csms.call("GetLocalListVersion", {})).values()
    return int(value)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_differential_update_adds_changes_and_removes(
    csms: Any, station_at: Any, version: str
) -> None:
    async with station_at(csms, version) as station:
        first = [entry(version, uid) for uid in ("A1", "B2")]
        assert await send(csms, 3, "Full", *first) == "Accepted"
        changes = [
            entry(version, "a1", None),
            entry(version, "b2", "Blocked"),
            entry(version, "C3"),
        ]
        assert await send(csms, 7, "Differential", *changes) == "Accepted"
        assert await list_version(csms) == 7
        assert set(station.local_list) == {"b2", "c3"}
        verdict = station.local_list.verdict("B2", datetime.now(UTC))
        assert verdict is not None
        assert verdict.status == "Blocked"


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_older_differential_update_is_a_version_mismatch(
    csms: Any, station_at: Any, version: str
) -> None:
    async with station_at(csms, version) as station:
        await send(csms, 5, "Full", entry(version, "A1"))
        for number in (4, 5):
            answer = await send(csms, number, "Differential", entry(version, "B2"))
            assert answer == "VersionMismatch"
        assert set(station.local_list) == {"a1"}
        # a full one begins anew, whatever its number
        assert await send(csms, 2, "Full", entry(version, "C3")) == "Accepted"
        assert await list_version(csms) == 2


@pytest.mark.parametrize(
    ("version", "wrong"),
    [("1.6", "twice"), ("1.6", "length"), ("2.0.1", "nothing said"), ("2.1", "per message")],
)
async def test_an_update_that_cannot_be_taken_changes_nothing(
    csms: Any, station_at: Any, version: str, wrong: str
) -> None:
    settings = StationSettings(local_list_entries=3, local_list_per_message=3)
    updates: dict[str, tuple[str, list[dict[str, Any]]]] = {
        "twice": ("Full", [entry(version, "X1"), entry(version, "x1", "Blocked")]),
        "nothing said": ("Full", [entry(version, "X1", None)]),
        "per message": ("Full", [entry(version, f"X{number}") for number in range(4)]),
        "length": ("Differential", [entry(version, f"X{number}") for number in range(3)]),
    }
    async with station_at(csms, version, settings=settings) as station:
        assert await send(csms, 1, "Full", entry(version, "A1")) == "Accepted"
        kind, entries = updates[wrong]
        assert await send(csms, 2, kind, *entries) == "Failed"
        assert set(station.local_list) == {"a1"}
        assert await list_version(csms) == 1


async def test_the_version_of_1_6_says_that_the_list_is_empty_or_none(
    csms: Any, station_at: Any
) -> None:
    """1.6 §5.10"""
    async with station_at(csms, "1.6"):
        assert await list_version(csms) == 0
        await send(csms, 4, "Full", entry("1.6", "A1"))
        assert await list_version(csms) == 4
        await send(csms, 5, "Full")
        assert await list_version(csms) == 0
        change = {"key": "LocalAuthListEnabled", "value": "false"}
        assert await csms.call("ChangeConfiguration", change) == {"status": "Accepted"}
        assert await list_version(csms) == -1
        assert await send(csms, 6, "Full", entry("1.6", "A1")) == "NotSupported"


@pytest.mark.parametrize("version", VERSIONS)
async def test_offline_the_list_decides_with_expiry_and_group(
    csms: Any, station_at: Any, version: str
) -> None:
    past = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    if version == "1.6":
        more: dict[str, Any] = {"expiryDate": past}
        group: dict[str, Any] = {"parentIdTag": "CREW"}
    else:
        more = {"cacheExpiryDateTime": past}
        group = {"groupIdToken": {"idToken": "CREW", "type": "Central"}}
    entries = [
        entry(version, "OLD", **more),
        entry(version, "ONE", **group),
        entry(version, "TWO", **group),
    ]
    settings = StationSettings(accept_unknown_offline=False)
    async with station_at(csms, version, settings=settings) as station:
        await send(csms, 1, "Full", *entries)
        station.go_offline()
        await station.until_disconnected()
        await station.plug_in(1)
        assert await station.present_token("OLD", 1) == "Expired"
        assert await station.present_token("STRANGER", 1) == "Invalid"
        assert await station.present_token("ONE", 1) == "Accepted"
        # the group's other card ends it
        assert await station.present_token("TWO", 1) == "Accepted"
        assert not station.ledger.running()


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_settings_of_the_list_are_obeyed(
    csms: Any, station_at: Any, version: str
) -> None:
    """LocalPreAuthorize: online without a question; LocalAuthorizeOffline: not even offline."""
    async with station_at(csms, version) as station:
        await send(csms, 1, "Full", entry(version, "A1"), entry(version, "B2", "Blocked"))
        station.settings.local_pre_authorize = True
        assert await station.present_token("A1", 1) == "Accepted"
        assert csms.told("Authorize") == []
        assert await station.present_token("B2", 2) == "Accepted"  # the CSMS knows better
        assert len(csms.told("Authorize")) == 1
        station.settings.local_authorize_offline = False
        station.settings.accept_unknown_offline = False
        station.go_offline()
        await station.until_disconnected()
        station.settings.local_pre_authorize = False
        assert await station.present_token("A1", 1) == "Invalid"
