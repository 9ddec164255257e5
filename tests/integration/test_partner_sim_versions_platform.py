"""The simulated partner in its versions, roles and habits, over real sockets."""

import base64
import itertools
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from simulators.partner import Habits, SimulatedPartner
from simulators.partner.control import Control
from simulators.partner.version import named

AT = "2026-01-01T10:00:00Z"
CPO = ("NL", "ABC")
Start = Callable[..., Any]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a partner platform; all are closed in the end."""
    running: list[SimulatedPartner] = []

    async def start(**options: Any) -> SimulatedPartner:
        partner = SimulatedPartner(**options)
        partner.add_routes(Control(partner).routes())
        await partner.start()
        running.append(partner)
        return partner

    yield start
    for partner in running:
        await partner.close()


class Caller:
    """A CPO that is registered and only calls."""

    def __init__(self, partner: SimulatedPartner, session: aiohttp.ClientSession) -> None:
        self.partner = partner
        self.session = session
        number = partner.version.number
        peer = partner.site.registry.add(named(number), f"t-{number}", "theirs", "http://x.test/")
        role = {"role": "CPO", "country_code": CPO[0], "party_id": CPO[1]}
        peer.roles = [{**role, "business_details": {"name": "ABC"}}]
        peer.settled.set()
        self.peer = peer
        self.base = f"{partner.url}/ocpi/emsp/{number}"

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        to: tuple[str, str] | None = ("DE", "EMS"),
        token: str | None = None,
        configuration: bool = False,
    ) -> tuple[int, Any, Any]:
        """HTTP status, JSON and headers."""
        version, own = self.peer.version, self.peer.own_token
        written = own if version.raw_token else base64.b64encode(own.encode()).decode()
        headers = {"Authorization": f"Token {token or written}"}
        if version.has_routing:
            headers |= {"X-Request-ID": str(uuid.uuid4()), "X-Correlation-ID": "c"}
        if version.has_routing and not configuration:
            headers |= {"OCPI-from-country-code": CPO[0], "OCPI-from-party-id": CPO[1]}
            if to is not None:
                headers |= {"OCPI-to-country-code": to[0], "OCPI-to-party-id": to[1]}
        url = path if path.startswith("http") else f"{self.base}/{path}"
        async with self.session.request(method, url, json=body, headers=headers) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await answer.json() if is_json else None, answer.headers


@pytest.fixture
async def caller() -> AsyncIterator[Callable[[SimulatedPartner], Caller]]:
    async with aiohttp.ClientSession() as session:
        yield lambda partner: Caller(partner, session)


def what(partner: SimulatedPartner) -> list[str]:
    return [str(found["what"]) for found in partner.violations]


def location_211(minute: int = 0) -> dict[str, Any]:
    at = f"2026-01-01T10:{minute:02}:00Z"
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "voltage": 230,
        "amperage": 16,
        "last_updated": at,
    }
    evse = {"uid": "E1", "status": "AVAILABLE", "connectors": [connector], "last_updated": at}
    return {
        "id": "LOC1",
        "type": "ON_STREET",
        "address": "Street 1",
        "city": "Town",
        "postal_code": "1000",
        "country": "NLD",
        "coordinates": {"latitude": "52.123456", "longitude": "4.123456"},
        "evses": [evse],
        "last_updated": at,
    }


def session_211(auth_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "S1",
        "start_datetime": AT,
        "kwh": 1,
        "auth_id": auth_id,
        "auth_method": "WHITELIST",
        "location": location_211(),
        "currency": "EUR",
        "status": "ACTIVE",
        "last_updated": AT,
        **fields,
    }


def cdr_211(auth_id: str, **fields: Any) -> dict[str, Any]:
    dimensions = [{"type": "ENERGY", "volume": 1}]
    return {
        "id": "C1",
        "start_date_time": AT,
        "stop_date_time": "2026-01-01T11:00:00Z",
        "auth_id": auth_id,
        "auth_method": "WHITELIST",
        "location": location_211(),
        "currency": "EUR",
        "charging_periods": [{"start_date_time": AT, "dimensions": dimensions}],
        "total_cost": 4,
        "total_energy": 1,
        "total_time": 1,
        "last_updated": "2026-01-01T11:00:00Z",
        **fields,
    }


def session_221(token: dict[str, Any], **fields: Any) -> dict[str, Any]:
    names = ("country_code", "party_id", "uid", "type", "contract_id")
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "S1",
        "start_date_time": AT,
        "kwh": 1,
        "cdr_token": {name: token[name] for name in names},
        "auth_method": "WHITELIST",
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
        "currency": "EUR",
        "status": "ACTIVE",
        "last_updated": AT,
        **fields,
    }


def tariff_221() -> dict[str, Any]:
    component = {"type": "ENERGY", "price": 1, "step_size": 1}
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "T1",
        "currency": "EUR",
        "elements": [{"price_components": [component]}],
        "last_updated": AT,
    }


# -- versions


@pytest.mark.parametrize(
    ("version", "token"),
    list(itertools.product(["2.1.1", "2.2.1", "2.3.0"], [None, "raw", "base64"])),
)
async def test_two_platforms_register_rotate_and_part(
    start: Start, version: str, token: Any
) -> None:
    """ocpi-rules 1, 3: by the real handshake, in each version and either form of the token."""
    habits = Habits(token=token)
    one = await start(party_id="ONE", version=version, habits=habits)
    two = await start(party_id="TWO", version=version, habits=habits)

    peer = await one.register(two.versions_url, two.hand_out_token())
    assert (peer.version.number, two.peers[0].version.number) == (version, version)
    assert [role["party_id"] for role in two.peers[0].roles] == ["ONE"]
    await one.rotate()
    await two.rotate()
    await one.unregister()

    assert not two.registered
    assert one.violations == two.violations == []


async def test_a_platform_moves_to_a_newer_version_by_put(start: Start) -> None:
    """2.1.1 credentials 1.3: "A PUT will switch to the version that contains this endpoint"."""
    one = await start(party_id="ONE", version="2.1.1")
    two = await start(party_id="TWO", version="2.2.1", versions=["2.1.1", "2.2.1"])
    before = await one.register(two.versions_url, two.hand_out_token(), "2.1.1")

    after = await one.update("2.2.1")

    assert (before.id, after.version.number) == (after.id, "2.2.1")
    assert two.peers[0].version.number == "2.2.1"
    assert two.peers[0].endpoint("locations", "RECEIVER").endswith("/2.2.1/locations")
    assert one.versions == ["2.2.1", "2.1.1"]
    assert one.violations == two.violations == []


async def test_a_version_that_is_not_offered_is_not_there(start: Start, caller: Any) -> None:
    partner = await start(version="2.2.1")
    cpo = caller(partner)

    status, _, _ = await cpo.call("GET", f"{partner.url}/ocpi/2.1.1", configuration=True)

    assert status == 404


async def test_a_token_in_base64_is_refused_by_2_1_1_and_reported(
    start: Start, caller: Any
) -> None:
    """ocpi-rules 1 (2.1.1 transport_and_format): the token stands in the header as it is."""
    partner = await start(version="2.1.1")
    cpo = caller(partner)
    token = base64.b64encode(cpo.peer.own_token.encode()).decode()

    status, _, _ = await cpo.call("GET", "tokens", token=token)

    assert status == 401
    assert what(partner) == ["the token stands here as it is"]


async def test_a_session_and_its_cdr_in_2_1_1(start: Start, caller: Any) -> None:
    """2.1.1 mod_sessions, mod_cdrs: found by driver, place and start."""
    partner = await start(version="2.1.1")
    token, cpo = partner.issue_token("TAG1"), caller(partner)
    auth_id = token["contract_id"]

    status, _, _ = await cpo.call("PUT", "sessions/NL/ABC/S1", session_211(auth_id))
    assert status == 201
    end = {"end_datetime": "2026-01-01T11:00:00Z", "status": "COMPLETED", "total_cost": 4}
    assert (await cpo.call("PATCH", "sessions/NL/ABC/S1", end))[0] == 200
    status, _, headers = await cpo.call("POST", "cdrs", cdr_211(auth_id))
    assert status == 201
    _, answer, _ = await cpo.call("GET", headers["Location"])

    assert answer["data"]["id"] == "C1"
    assert partner.violations == []


async def test_a_cdr_of_2_1_1_that_differs_from_its_session(start: Start, caller: Any) -> None:
    partner = await start(version="2.1.1")
    auth_id, cpo = partner.issue_token("TAG1")["contract_id"], caller(partner)
    ended = {"end_datetime": "2026-01-01T11:00:00Z", "status": "COMPLETED", "total_cost": 4}
    await cpo.call("PUT", "sessions/NL/ABC/S1", session_211(auth_id, **ended))

    _, answer, _ = await cpo.call("POST", "cdrs", cdr_211(auth_id, total_cost=5))

    assert answer["status_code"] == 2001
    assert what(partner) == ["differs from the COMPLETED Session"]
    assert partner.violations[0]["clause"].startswith("2.1.1 ")


async def test_periods_in_a_patch_replace_in_2_1_1_and_add_later(start: Start, caller: Any) -> None:
    """ocpi-rules 10 (2.2.1 mod_sessions 9.2.2.3; 2.1.1 mod_sessions 2.2.3 has no such rule)."""
    period = {"start_date_time": AT, "dimensions": [{"type": "ENERGY", "volume": 0}]}
    counts = {}
    for version in ("2.1.1", "2.2.1"):
        partner = await start(version=version)
        token, cpo = partner.issue_token("TAG1"), caller(partner)
        make = session_211(token["contract_id"]) if version == "2.1.1" else session_221(token)
        await cpo.call("PUT", "sessions/NL/ABC/S1", {**make, "charging_periods": [period]})
        patch = {"charging_periods": [period], "last_updated": "2026-01-01T10:30:00Z"}
        assert (await cpo.call("PATCH", "sessions/NL/ABC/S1", patch))[0] == 200
        counts[version] = len(partner.sessions[0]["charging_periods"])

    assert counts == {"2.1.1": 1, "2.2.1": 2}


async def test_a_patch_needs_last_updated_from_2_2_1_on(start: Start, caller: Any) -> None:
    """ocpi-rules 9 (mod_locations PATCH)."""
    old = await start(version="2.1.1")
    cpo = caller(old)
    await cpo.call("PUT", "locations/NL/ABC/LOC1", location_211())

    status, answer, _ = await cpo.call("PATCH", "locations/NL/ABC/LOC1/E1", {"status": "CHARGING"})

    assert (status, answer["status_code"]) == (200, 1000)
    assert old.evse("LOC1", "E1")["status"] == "CHARGING"
    assert old.violations == []


async def test_only_2_1_1_has_a_patch_of_a_tariff(start: Start, caller: Any) -> None:
    """ocpi-rules 13 (2.1.1 mod_tariffs 2.2.3)."""
    old, new = await start(version="2.1.1"), await start(version="2.2.1")
    tariff = {name: tariff_221()[name] for name in ("id", "currency", "elements", "last_updated")}
    cpo = caller(old)
    await cpo.call("PUT", "tariffs/NL/ABC/T1", tariff)

    assert (await cpo.call("PATCH", "tariffs/NL/ABC/T1", {"currency": "SEK"}))[0] == 200
    assert old.tariffs[0]["currency"] == "SEK"
    assert (await caller(new).call("PATCH", "tariffs/NL/ABC/T1", {"currency": "SEK"}))[0] == 405


async def test_its_token_list_is_in_the_words_of_the_version(start: Start, caller: Any) -> None:
    partner = await start(version="2.1.1")
    partner.issue_token("TAG1", contract_id="DE-EMS-C1", group_id="G")

    _, answer, _ = await caller(partner).call("GET", "tokens")

    assert answer["data"][0]["auth_id"] == "DE-EMS-C1"
    assert not {"country_code", "contract_id", "group_id"} & answer["data"][0].keys()


async def test_an_authorization_in_2_1_1_has_neither_token_nor_reference(
    start: Start, caller: Any
) -> None:
    """2.1.1 mod_tokens 3.1 AuthorizationInfo."""
    partner = await start(version="2.1.1")
    partner.issue_token("TAG1")
    place = {"location_id": "LOC1", "evse_uids": ["E1"], "connector_ids": ["1"]}

    _, answer, _ = await caller(partner).call("POST", "tokens/TAG1/authorize?type=RFID", place)

    assert answer["data"] == {"allowed": "ALLOWED", "location": place}


# -- hubs


@pytest.fixture
async def hub(start: Start) -> SimulatedPartner:
    parties = [("DE", "EMS"), ("DE", "EM2")]
    partner: SimulatedPartner = await start(party_id="HUB", behind=parties)
    return partner


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_a_hub_names_itself_as_the_version_wants(
    start: Start, caller: Any, version: str
) -> None:
    """ocpi-rules: hubs (2.2.1 credentials: role HUB alone; 2.3.0: hub_party_id and its clients)."""
    partner = await start(party_id="HUB", version=version, behind=[("DE", "EMS"), ("DE", "EM2")])
    url = f"{partner.url}/ocpi/{version}/credentials"

    _, answer, _ = await caller(partner).call("GET", url, configuration=True)

    said = answer["data"]
    roles = [(role["role"], role["party_id"]) for role in said["roles"]]
    if version == "2.2.1":
        assert roles == [("HUB", "HUB")]
        assert "hub_party_id" not in said
    else:
        assert roles == [("EMSP", "EMS"), ("EMSP", "EM2")]
        assert said["hub_party_id"] == "DEHUB"
    assert partner.violations == []


async def test_a_hub_lists_its_clients_and_tells_how_they_are(
    hub: SimulatedPartner, caller: Any
) -> None:
    """2.2.1 mod_hub_client_info: a Configuration Module, without routing headers."""
    await hub.set_status("DE", "EM2", "OFFLINE")

    _, answer, headers = await caller(hub).call("GET", "hubclientinfo", configuration=True)

    assert {one["party_id"]: one["status"] for one in answer["data"]} == {
        "EMS": "CONNECTED",
        "EM2": "OFFLINE",
    }
    assert headers["X-Total-Count"] == "2"
    assert hub.violations == []


async def test_what_is_for_everybody_may_be_broadcast(hub: SimulatedPartner, caller: Any) -> None:
    """ocpi-rules 25 (transport_and_format, Broadcast Push)."""
    status, _, headers = await caller(hub).call(
        "PUT", "tariffs/NL/ABC/T1", tariff_221(), to=("DE", "HUB")
    )

    assert status == 201
    assert headers["OCPI-from-party-id"] == "HUB"
    assert [one["module"] for one in hub.events if one["event"] == "broadcast"] == ["tariffs"]
    assert hub.requests[-1]["to"] == "DE*HUB"
    assert hub.violations == []


async def test_a_session_that_is_broadcast_is_a_violation(
    hub: SimulatedPartner, caller: Any
) -> None:
    """ocpi-rules 25 (transport_and_format, Broadcast Push)."""
    session = session_221(hub.issue_token("TAG1"))

    await caller(hub).call("PUT", "sessions/NL/ABC/S1", session, to=("DE", "HUB"))

    assert what(hub) == ["SHALL only be used with information that is meant for all other parties"]


async def test_a_session_for_another_party_is_a_violation(
    hub: SimulatedPartner, caller: Any
) -> None:
    session = session_221(hub.issue_token("TAG1", country_code="DE", party_id="EM2"))
    cpo = caller(hub)

    await cpo.call("PUT", "sessions/NL/ABC/S1", session, to=("DE", "EM2"))
    assert hub.violations == []
    await cpo.call("PUT", "sessions/NL/ABC/S1", session, to=("DE", "EMS"))

    assert what(hub) == ["sent to another party than the one whose token it names"]


async def test_a_party_that_is_offline_gets_nothing(hub: SimulatedPartner, caller: Any) -> None:
    """ocpi-rules 12, 15 (status_codes 4003; mod_hub_client_info, Scenarios)."""
    await hub.set_status("DE", "EM2", "OFFLINE")

    status, answer, _ = await caller(hub).call(
        "PUT", "tariffs/NL/ABC/T1", tariff_221(), to=("DE", "EM2")
    )

    assert (status, answer["status_code"]) == (200, 4003)
    assert hub.tariffs == []


async def test_a_hub_takes_an_open_routing_request_and_no_stranger(
    hub: SimulatedPartner, caller: Any
) -> None:
    """transport_and_format, Open Routing Request: the OCPI-to headers MUST be omitted."""
    cpo = caller(hub)

    assert (await cpo.call("PUT", "tariffs/NL/ABC/T1", tariff_221(), to=None))[0] == 201
    assert hub.violations == []
    await cpo.call("PUT", "tariffs/NL/ABC/T1", tariff_221(), to=("DE", "XXX"))

    assert what(hub) == ["to is none of our roles"]


# -- habits


async def test_habits_show_in_what_it_answers(start: Start, caller: Any) -> None:
    """ocpi-rules: interoperability habits."""
    partner = await start(habits=Habits(ok_for_created=True, data_in_array=True, bare_errors=True))
    cpo = caller(partner)

    status, _, _ = await cpo.call("PUT", "tariffs/NL/ABC/T1", tariff_221())
    assert status == 200
    _, answer, _ = await cpo.call("GET", "tariffs/NL/ABC/T1")
    assert [one["id"] for one in answer["data"]] == ["T1"]
    status, answer, _ = await cpo.call("GET", "tariffs/NL/ABC/T2")

    assert (status, answer) == (404, None)


async def test_habits_show_in_what_it_advertises(start: Start) -> None:
    """ocpi-rules: interoperability habits."""
    habits = Habits(trailing_slashes=True, credentials_role="RECEIVER")
    one, two = await start(party_id="ONE", habits=habits), await start(party_id="TWO")
    await two.register(one.versions_url, one.hand_out_token())

    endpoints = two.peers[0].endpoints
    assert all(url.endswith("/") for url in endpoints.values())
    assert ("credentials", "RECEIVER") in endpoints
    await one.rotate()

    assert one.violations == two.violations == []


async def test_a_navigation_service_that_only_pulls_offers_nothing(start: Start) -> None:
    partner = await start(party_id="NSP", role="NSP", pull_only=True)
    other = await start(party_id="TWO")

    await other.register(partner.versions_url, partner.hand_out_token())

    assert [name for name, _ in other.peers[0].endpoints] == ["credentials"]
    assert [role["role"] for role in other.peers[0].roles] == ["NSP"]


# -- payments and invoices


async def test_terminals_are_listed_assigned_activated_and_deactivated(
    start: Start, caller: Any
) -> None:
    """2.3.0 mod_payments, Sender Interface."""
    partner = await start(party_id="PTP", role="PTP", version="2.3.0")
    cpo, ptp = caller(partner), ("DE", "PTP")
    terminal = await partner.put_terminal(push=False, reference="serial 1")
    path = f"payments/terminals/{terminal['terminal_id']}"

    _, answer, headers = await cpo.call("GET", "payments/terminals", to=ptp)
    assert ([one["reference"] for one in answer["data"]], headers["X-Total-Count"]) == (
        ["serial 1"],
        "1",
    )
    assert (await cpo.call("PATCH", path, {"location_ids": ["LOC1"]}, to=ptp))[0] == 200
    assert partner.terminals[terminal["terminal_id"]]["location_ids"] == ["LOC1"]
    status, _, _ = await cpo.call("POST", "payments/terminals/activate", {"city": "Town"}, to=ptp)
    assert status == 201
    assert len(partner.terminals) == 2
    assert (await cpo.call("POST", f"{path}/deactivate", to=ptp))[0] == 200

    assert partner.violations == []


async def test_an_invoice_reconciliation_record_comes_changes_and_goes(
    start: Start, caller: Any
) -> None:
    """2.3.0 mod_invoice_reconciliation, Receiver Interface."""
    partner = await start(version="2.3.0")
    cpo = caller(partner)
    record = {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "R1",
        "invoice_id": "2026-04",
        "cdrs": ["C1"],
        "last_updated": AT,
    }

    assert (await cpo.call("POST", "invoicereconciliation", record))[0] == 201
    changed = {**record, "invoice_id": "2026-05"}
    assert (await cpo.call("PUT", "invoicereconciliation/NL/ABC/R1", changed))[0] == 200
    assert partner.records[0]["invoice_id"] == "2026-05"
    assert (await cpo.call("DELETE", "invoicereconciliation/NL/ABC/R1"))[0] == 200

    assert partner.records == []
    assert partner.violations == []


# -- control


async def test_control_sets_habits_and_clients(hub: SimulatedPartner) -> None:
    async with aiohttp.ClientSession(f"{hub.url}/control/") as session:
        async with session.post("habits", json={"token": "raw"}) as answer:
            assert (await answer.json())["token"] == "raw"
        async with session.post("habits", json={"token": "rot13"}) as answer:
            assert answer.status == 422
        body = {"country_code": "DE", "party_id": "NEW", "status": "PLANNED"}
        async with session.post("parties", json=body) as answer:
            parties = await answer.json()

    assert hub.habits.token == "raw"
    assert [one["party_id"] for one in parties] == ["EMS", "EM2", "NEW"]


async def test_control_moves_to_another_version(start: Start) -> None:
    one = await start(party_id="ONE", version="2.2.1")
    two = await start(party_id="TWO", version="2.2.1", versions=["2.2.1", "2.3.0"])
    await one.register(two.versions_url, two.hand_out_token())

    async with aiohttp.ClientSession(f"{one.url}/control/") as session:
        async with session.post("update", json={"version": "2.3.0"}) as answer:
            assert (await answer.json())["version"] == "2.3.0"
        async with session.get("state") as answer:
            assert (await answer.json())["versions"] == ["2.3.0", "2.2.1"]
