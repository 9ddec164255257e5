"""The rules of the link (OCPP-J, both directions) over bare sockets to a whole gateway."""

import asyncio
import itertools
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.typing import Subprotocol

from gateway.app import Gateway
from gateway.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPERATOR_TOKEN = "link-rules-operator"
CALL, CALLRESULT, CALLERROR, CALLRESULTERROR, SEND = 2, 3, 4, 5, 6
VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
TIME = "2026-03-02T10:00:00Z"
EVENTS = "NotifyPeriodicEventStream"
EVENT = {"id": 1, "pending": 0, "basetime": TIME, "data": [{"t": 0, "v": "230.4"}]}
TRANSACTION_EVENT: dict[str, Any] = {
    "eventType": "Started",
    "timestamp": TIME,
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "T1"},
}


class Station:
    """A charge point's bare socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._ids = itertools.count(1)

    async def send(self, *frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def receive(self) -> list[Any]:
        async with asyncio.timeout(10):
            frame: list[Any] = json.loads(await self.socket.recv())
            return frame

    async def call(self, action: str, payload: Any, message_id: str | None = None) -> list[Any]:
        await self.send(CALL, message_id or f"m{next(self._ids)}", action, payload)
        return await self.receive()

    async def boot(self) -> None:
        if self.socket.subprotocol == "ocpp1.6":
            body: Any = {"chargePointVendor": "V", "chargePointModel": "M"}
        else:
            body = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
        assert (await self.call("BootNotification", body))[2]["status"] == "Accepted"

    async def is_alive(self) -> bool:
        """Also: nothing that was sent before has been answered since."""
        answer = await self.call("Heartbeat", {}, "alive")
        assert answer[1] == "alive", answer
        return answer[0] == CALLRESULT

    async def until_closed(self) -> int | None:
        async with asyncio.timeout(10):
            with suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        return self.socket.close_code


class Site:
    """A running gateway and its operator."""

    def __init__(self, gateway: Gateway, api: aiohttp.ClientSession) -> None:
        self.gateway = gateway
        self.api = api
        self._numbers = itertools.count(1)

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self.api.request(method, path, json=body) as answer:
            return answer.status, await answer.json()

    async def register(self) -> str:
        identity = f"LINK-{next(self._numbers)}"
        record = {"security_profile": 0, "provision": False}  # no password: none is the matter
        status, answer = await self.ask("PUT", f"charge-points/{identity}", record)
        assert status == 201, answer
        return identity

    def knock(self, identity: str, *versions: str, **options: Any) -> connect:
        return connect(
            self.gateway.addresses.ocpp + identity,
            subprotocols=[Subprotocol(version) for version in versions] or None,
            **{"compression": None, "proxy": None, **options},
        )

    @asynccontextmanager
    async def station(
        self, version: str, identity: str | None = None, **options: Any
    ) -> AsyncIterator[tuple[str, Station]]:
        identity = identity or await self.register()
        async with self.knock(identity, version, **options) as socket:
            station = Station(socket)
            await station.boot()
            yield identity, station

    def calling(self, identity: str, action: str, timeout: float = 10) -> "asyncio.Task[Any]":
        body = {"action": action, "payload": {}, "timeout": timeout}
        return asyncio.create_task(self.ask("POST", f"charge-points/{identity}/calls", body))

    async def kept(self, identity: str, stream: str) -> list[Any]:
        status, kept = await self.ask("GET", f"charge-points/{identity}/kept/{stream}")
        assert status == 200, kept
        return list(kept)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("link-rules"),
        ocpp_port=0,
        ocpi_port=0,
        operator_port=0,
        files_port=0,
        operator_token=OPERATOR_TOKEN,
        log_level="ERROR",
    )
    async with AsyncExitStack() as stack:
        gateway = await Gateway.start(settings)
        stack.push_async_callback(gateway.close)
        session = aiohttp.ClientSession(
            f"{gateway.addresses.operator}api/v1/",
            headers={"Authorization": f"Bearer {OPERATOR_TOKEN}"},
        )
        yield Site(gateway, await stack.enter_async_context(session))


# --- one call at a time, each answer to its own ---


@pytest.mark.parametrize("version", VERSIONS)
async def test_concurrent_callers_have_one_call_outstanding_between_them(
    site: Site, version: str
) -> None:
    """ocpp-rules 3"""
    async with site.station(version) as (identity, station):
        callers = [site.calling(identity, "ClearCache") for _ in range(5)]
        for _ in callers:
            request = await station.receive()
            assert request[2] == "ClearCache"
            assert await station.is_alive()  # and no second request before its answer
            await station.send(CALLRESULT, request[1], {"status": "Accepted"})
        assert [(await caller)[0] for caller in callers] == [200] * 5


async def test_each_call_has_an_id_of_36_characters_and_never_the_same(site: Site) -> None:
    """ocpp-rules 5"""
    seen = set()
    async with site.station("ocpp1.6") as (identity, station):
        for _ in range(3):
            asked = site.calling(identity, "ClearCache")
            request = await station.receive()
            seen.add(request[1])
            await station.send(CALLRESULT, request[1], {"status": "Accepted"})
            await asked
    assert {len(message_id) for message_id in seen} == {36}
    assert len(seen) == 3


async def test_an_answer_on_a_new_socket_is_an_answer_to_nothing(site: Site) -> None:
    """ocpp-rules 3"""
    async with site.station("ocpp1.6") as (identity, station):
        asked = site.calling(identity, "ClearCache")
        request = await station.receive()
    assert (await asked)[0] == 504
    async with site.station("ocpp1.6", identity) as (_, station):
        asked = site.calling(identity, "GetLocalListVersion")
        second = await station.receive()
        await station.send(CALLRESULT, request[1], {"status": "Accepted"})
        await station.send(CALLRESULT, second[1], {"listVersion": 7})
        assert (await asked)[1]["payload"] == {"listVersion": 7}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_message_id_that_is_used_again_is_a_new_message(site: Site, version: str) -> None:
    """ocpp-rules 5; a retry may have the same id, and so may another message"""
    first, second = {"vendorId": "V", "data": "1"}, {"vendorId": "V", "data": "2"}
    async with site.station(version) as (identity, station):
        for payload in (first, second, second):
            assert (await station.call("DataTransfer", payload, "1"))[:2] == [CALLRESULT, "1"]
        kept = await site.kept(identity, "DataTransfer")
    assert [one["payload"]["data"] for one in kept] == ["2", "2", "1"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_message_id_of_36_characters_is_answered_and_one_of_37_refused(
    site: Site, version: str
) -> None:
    """ocpp-rules 5"""
    async with site.station(version) as (_, station):
        assert (await station.call("Heartbeat", {}, "i" * 36))[:2] == [CALLRESULT, "i" * 36]
        assert (await station.call("Heartbeat", {}, "i" * 37))[:2] == [CALLERROR, "i" * 37]
        assert await station.is_alive()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_frame_of_65_kilobytes_is_an_ordinary_one(site: Site, version: str) -> None:
    """ocpp-rules, Link"""
    async with site.station(version) as (identity, station):
        payload = {"vendorId": "V", "data": "x" * 65_000}
        assert (await station.call("DataTransfer", payload))[0] == CALLRESULT
        (kept,) = await site.kept(identity, "DataTransfer")
    assert kept["payload"]["data"] == payload["data"]


# --- errors in each version's words ---

FRAMES: dict[str, tuple[str | bytes, dict[str, Any]]] = {
    "no JSON": ("nonsense", {"ocpp1.6": None, "2": ["-1", "RpcFrameworkError"]}),
    "no array": ("{}", {"ocpp1.6": None, "2": ["-1", "RpcFrameworkError"]}),
    "binary": (b"\x00\xff", {"ocpp1.6": None, "2": ["-1", "RpcFrameworkError"]}),
    "no action": (
        '[2,"7"]',
        {"ocpp1.6": ["7", "FormationViolation"], "2": ["7", "RpcFrameworkError"]},
    ),
    "payload no object": (
        '[2,"7","Heartbeat",[]]',
        {"ocpp1.6": ["7", "FormationViolation"], "2": ["7", "FormatViolation"]},
    ),
    "member missing": (
        '[2,"7","Authorize",{}]',
        {
            "ocpp1.6": ["7", "OccurenceConstraintViolation"],
            "2": ["7", "OccurrenceConstraintViolation"],
        },
    ),
    "value out of bounds": (
        '[2,"7","DataTransfer",{"vendorId":"' + "v" * 256 + '"}]',
        {"*": ["7", "PropertyConstraintViolation"]},
    ),
    "wrong type": (
        '[2,"7","DataTransfer",{"vendorId":7}]',
        {"*": ["7", "TypeConstraintViolation"]},
    ),
    "unknown action": ('[2,"7","Nonsense",{}]', {"*": ["7", "NotImplemented"]}),
    "our own action": ('[2,"7","ClearCache",{}]', {"*": ["7", "NotSupported"]}),
    "unknown type": ('[9,"7",{}]', {"ocpp1.6": None, "2": ["7", "MessageTypeNotSupported"]}),
    "SEND": (
        '[6,"7","NotifyPeriodicEventStream",{}]',
        {"ocpp1.6": None, "ocpp2.0.1": ["7", "MessageTypeNotSupported"], "ocpp2.1": None},
    ),
    "CALLRESULTERROR": (
        '[5,"7","FormatViolation","",{}]',
        {"ocpp1.6": None, "ocpp2.0.1": ["7", "MessageTypeNotSupported"], "ocpp2.1": None},
    ),
    "answer to nothing": ('[3,"7",{}]', {"*": None}),
    "error to nothing": ('[4,"7","GenericError","",{}]', {"*": None}),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", FRAMES)
async def test_a_broken_frame_gets_the_versions_own_answer_and_the_link_lives(
    site: Site, name: str, version: str
) -> None:
    """ocpp-rules 4; security-and-faults 24"""
    frame, answers = FRAMES[name]
    expected = answers.get(version, answers.get("2" if version != "ocpp1.6" else "", "-"))
    expected = answers["*"] if expected == "-" else expected
    async with site.station(version) as (_, station):
        await station.socket.send(frame)
        if expected is not None:
            answer = await station.receive()
            assert [answer[0], *answer[1:3]] == [CALLERROR, *expected]
            assert len(answer) == 5
        assert await station.is_alive()


@pytest.mark.parametrize("version", VERSIONS)
async def test_before_the_boot_every_other_call_is_a_security_error(
    site: Site, version: str
) -> None:
    """security-and-faults row 20"""
    identity = await site.register()
    async with site.knock(identity, version) as socket:
        answer = await Station(socket).call("Heartbeat", {})
    assert answer[0] == CALLERROR
    assert answer[2] == "SecurityError"


async def test_a_station_that_carries_on_without_a_subprotocol_is_closed_at_once(
    site: Site,
) -> None:
    """ocpp-rules, Link: some carry on in 1.6 after a handshake without a subprotocol"""
    identity = await site.register()
    async with site.knock(identity) as socket:
        assert socket.subprotocol is None
        station = Station(socket)
        with suppress(ConnectionClosed):
            boot = {"chargePointVendor": "V", "chargePointModel": "M"}
            await station.send(CALL, "1", "BootNotification", boot)
        assert await station.until_closed() == 1002
    _, shown = await site.ask("GET", f"charge-points/{identity}")
    assert not shown["boot"]


# --- 2.1: CALLRESULTERROR and SEND ---


async def test_a_complaint_about_our_answer_is_kept(site: Site) -> None:
    """ocpp-rules 4; OCPP-J 2.1 4.2.3"""
    async with site.station("ocpp2.1") as (identity, station):
        await station.call("Heartbeat", {}, "h1")
        complaint = [CALLRESULTERROR, "h1", "TypeConstraintViolation", "no time", {"a": 1}]
        await station.send(*complaint)
        assert await station.is_alive()
        (kept,) = await site.kept(identity, "call_result_errors")
    assert kept["payload"] == {
        "action": "Heartbeat",
        "message_id": "h1",
        "code": "TypeConstraintViolation",
        "description": "no time",
        "details": {"a": 1},
    }


async def test_a_complaint_about_no_answer_of_ours_is_not_kept_and_a_flood_of_them_closes(
    site: Site,
) -> None:
    """security-and-faults S19"""
    async with site.station("ocpp2.1") as (identity, station):
        with suppress(ConnectionClosed):
            for _ in range(300):
                await station.send(CALLRESULTERROR, "never", "GenericError", "", {})
        assert await station.until_closed() == 1008
        assert await site.kept(identity, "call_result_errors") == []


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"status": "Perhaps"}, "PropertyConstraintViolation"),
        ({}, "OccurrenceConstraintViolation"),
        ({"status": 1}, "TypeConstraintViolation"),
    ],
)
async def test_an_answer_that_breaks_its_schema_is_handed_on_and_the_2_1_station_is_told(
    site: Site, payload: Any, code: str
) -> None:
    """ocpp-rules 4; OCPP-J 2.1 4.2.3"""
    async with site.station("ocpp2.1") as (identity, station):
        asked = site.calling(identity, "ClearCache")
        request = await station.receive()
        await station.send(CALLRESULT, request[1], payload)
        assert (await station.receive())[:3] == [CALLRESULTERROR, request[1], code]
        assert (await asked)[1] == {"type": "CALLRESULT", "payload": payload}


async def test_an_answer_that_is_no_object_is_an_error_for_the_caller_and_the_station(
    site: Site,
) -> None:
    async with site.station("ocpp2.1") as (identity, station):
        asked = site.calling(identity, "ClearCache")
        request = await station.receive()
        await station.send(CALLRESULT, request[1], [])
        told = await station.receive()
        assert told[:3] == [CALLRESULTERROR, request[1], "FormatViolation"]
        assert (await asked)[1]["code"] == "FormatViolation"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("rest", [[{"status": "Accepted"}, "more"], [{}, {}, {}]])
async def test_an_answer_of_the_wrong_shape_ends_the_call_at_once(
    site: Site, version: str, rest: list[Any]
) -> None:
    """ocpp-rules, Link: answers that break their schema are reported, never fatal"""
    async with site.station(version) as (identity, station):
        asked = site.calling(identity, "ClearCache", timeout=60)
        request = await station.receive()
        await station.send(CALLRESULT, request[1], *rest)
        status, answer = await asked
        if version == "ocpp2.1":
            told = await station.receive()
            assert told[:3] == [CALLRESULTERROR, request[1], "FormatViolation"]
        assert await station.is_alive()
    assert status == 200
    assert answer["type"] == "CALLERROR"
    assert answer["code"] in ("FormationViolation", "FormatViolation")


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_older_versions_are_sent_no_result_error(site: Site, version: str) -> None:
    async with site.station(version) as (identity, station):
        asked = site.calling(identity, "ClearCache")
        request = await station.receive()
        await station.send(CALLRESULT, request[1], {"status": "Perhaps"})
        assert await station.is_alive()
        assert (await asked)[1]["payload"] == {"status": "Perhaps"}


async def test_an_answer_with_members_of_its_own_is_no_error_for_the_station(site: Site) -> None:
    """ocpp-rules 6"""
    async with site.station("ocpp2.1") as (identity, station):
        asked = site.calling(identity, "ClearCache")
        request = await station.receive()
        answer = {"status": "Accepted", "vendorSays": "hello"}
        await station.send(CALLRESULT, request[1], answer)
        assert await station.is_alive()
        assert (await asked)[1]["payload"] == answer


@pytest.mark.parametrize(
    ("frame", "is_kept"),
    [
        (f'[6,"s","{EVENTS}",{json.dumps(EVENT)}]', True),
        (f'[6,"{"s" * 40}","{EVENTS}",{json.dumps(EVENT)}]', True),
        (f'[6,null,"{EVENTS}",{json.dumps(EVENT)}]', True),
        (f'[6,"s","{EVENTS}",{json.dumps({**EVENT, "vendorSays": 1})}]', True),
        (f'[6,"s","{EVENTS}",{{"id":1}}]', False),
        (f'[6,"s","{EVENTS}",[]]', False),
        (f'[6,"s","{EVENTS}",{{', False),
        (f'[6,"s",7,{json.dumps(EVENT)}]', False),
        ("[6]", False),
        ('[6,"s","Nonsense",{}]', False),
        ('[6,"s","Heartbeat",{}]', False),
    ],
)
async def test_a_send_is_never_answered_whatever_it_says(
    site: Site, frame: str, is_kept: bool
) -> None:
    """ocpp-rules 4; OCPP-J 2.1 4.2.4: "The receiver SHALL NOT respond\""""
    async with site.station("ocpp2.1") as (identity, station):
        await station.socket.send(frame)
        assert await station.is_alive()
        assert len(await site.kept(identity, EVENTS)) == is_kept


async def test_a_send_before_the_boot_is_dropped(site: Site) -> None:
    """security-and-faults row 20"""
    identity = await site.register()
    async with site.knock(identity, "ocpp2.1") as socket:
        station = Station(socket)
        await station.send(SEND, "s", EVENTS, EVENT)
        await station.boot()
        assert await site.kept(identity, EVENTS) == []


async def test_sends_may_come_while_a_call_is_outstanding_and_keep_their_order(
    site: Site,
) -> None:
    """OCPP-J 2.1 4.1.1, note"""
    async with site.station("ocpp2.1") as (identity, station):
        asked = site.calling(identity, "ClearCache")
        request = await station.receive()
        for number in range(3):
            await station.send(SEND, f"s{number}", EVENTS, {**EVENT, "id": number})
        await station.send(CALLRESULT, request[1], {"status": "Accepted"})
        assert (await asked)[0] == 200
        assert await station.is_alive()
        kept = await site.kept(identity, EVENTS)
    assert [one["payload"]["id"] for one in kept] == [2, 1, 0]


# --- 2.0.1 stations that speak of 2.1 ---


@pytest.mark.parametrize(
    "difference",
    [
        {"triggerReason": "TxResumed"},
        {"preconditioningStatus": "Ready"},
        {"idToken": {"idToken": "0123", "type": "DirectPayment"}},
        {"transactionInfo": {"transactionId": "T1", "operationMode": "ChargingOnly"}},
        {
            "meterValue": [
                {
                    "timestamp": TIME,
                    "sampledValue": [{"value": 5, "measurand": "Power.Import.Offered"}],
                }
            ]
        },
        {"eventType": "Ended", "transactionInfo": {"transactionId": "T1"}, "evseSleep": True},
        {"triggerReason": "TxResumed", "vendorSays": "and a member that no version knows"},
    ],
)
@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_words_and_members_of_2_1_are_understood_from_stations_of_both_versions(
    site: Site, version: str, difference: dict[str, Any]
) -> None:
    """ocpp-rules 32"""
    async with site.station(version) as (identity, station):
        event = {**TRANSACTION_EVENT, **difference}
        answer = await station.call("TransactionEvent", event)
        assert answer[0] == CALLRESULT, answer
        _, found = await site.ask("GET", f"charge-points/{identity}/transactions")
    assert [one["id"] for one in found] == ["T1"]


@pytest.mark.parametrize(
    "difference",
    [
        {"idToken": {"idToken": "0123", "type": "A free text"}},
        {"idToken": {"idToken": "x" * 37, "type": "Central"}},
        {"idToken": {"idToken": "x" * 37, "type": "DirectPayment"}},
    ],
)
async def test_what_2_1_lifts_is_lifted_for_its_own_stations_only(
    site: Site, difference: dict[str, Any]
) -> None:
    event = {**TRANSACTION_EVENT, **difference}
    async with site.station("ocpp2.1") as (_, station):
        assert (await station.call("TransactionEvent", event))[0] == CALLRESULT
    async with site.station("ocpp2.0.1") as (_, station):
        refusal = await station.call("TransactionEvent", event)
        assert [refusal[0], refusal[2]] == [CALLERROR, "PropertyConstraintViolation"]


async def test_a_word_that_no_version_has_is_refused_in_both(site: Site) -> None:
    event = {**TRANSACTION_EVENT, "triggerReason": "Because"}
    for version in ("ocpp2.0.1", "ocpp2.1"):
        async with site.station(version) as (_, station):
            assert (await station.call("TransactionEvent", event))[
                2
            ] == "PropertyConstraintViolation"


# --- permessage-deflate ---

OFFERS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "plain": ({}, {"server_max_window_bits=10"}),
    "client_no_context_takeover": (
        {"client_no_context_takeover": True},
        {"server_max_window_bits=10", "client_no_context_takeover"},
    ),
    "server_no_context_takeover": (
        {"server_no_context_takeover": True},
        {"server_max_window_bits=10", "server_no_context_takeover"},
    ),
    "client_max_window_bits": (
        {"client_max_window_bits": True},
        {"server_max_window_bits=10", "client_max_window_bits=10"},
    ),
    "client_max_window_bits=9": (
        {"client_max_window_bits": 9},
        {"server_max_window_bits=10", "client_max_window_bits=9"},
    ),
    "server_max_window_bits=9": ({"server_max_window_bits": 9}, {"server_max_window_bits=9"}),
    "server_max_window_bits=15": ({"server_max_window_bits": 15}, {"server_max_window_bits=10"}),
    "all": (
        {
            "client_no_context_takeover": True,
            "server_no_context_takeover": True,
            "server_max_window_bits": 12,
            "client_max_window_bits": 12,
        },
        {
            "client_no_context_takeover",
            "server_no_context_takeover",
            "server_max_window_bits=10",
            "client_max_window_bits=10",
        },
    ),
}


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
@pytest.mark.parametrize("offer", OFFERS)
async def test_compression_is_agreed_as_the_station_offers_it(
    site: Site, version: str, offer: str
) -> None:
    """security-and-faults 24; RFC 7692 7.1"""
    parameters, agreed = OFFERS[offer]
    factory = ClientPerMessageDeflateFactory(**{"client_max_window_bits": None, **parameters})
    async with site.station(version, extensions=[factory]) as (_, station):
        response = station.socket.response
        assert response is not None
        name, *chosen = response.headers["Sec-WebSocket-Extensions"].split("; ")
        assert name == "permessage-deflate"
        assert set(chosen) == agreed
        for size in (1, 3_000, 30_000, 3_000):  # more than a window, and again
            data = {"vendorId": "V", "data": "0123456789" * (size // 10)}
            assert (await station.call("DataTransfer", data))[0] == CALLRESULT


async def test_a_window_that_zlib_cannot_do_is_declined_and_the_link_stays_plain(
    site: Site,
) -> None:
    """RFC 7692 7.1.2.1: a server may decline the offer"""
    factory = ClientPerMessageDeflateFactory(client_max_window_bits=True)
    factory.server_max_window_bits = 8
    async with site.station("ocpp2.0.1", extensions=[factory]) as (_, station):
        response = station.socket.response
        assert response is not None
        assert "Sec-WebSocket-Extensions" not in response.headers
        assert await station.is_alive()


async def test_compression_is_never_agreed_with_1_6(site: Site) -> None:
    """OCPP-J 1.6, 5.1"""
    async with site.station("ocpp1.6", extensions=[ClientPerMessageDeflateFactory()]) as (
        _,
        station,
    ):
        response = station.socket.response
        assert response is not None
        assert "Sec-WebSocket-Extensions" not in response.headers


async def test_compressed_nonsense_closes_the_socket_and_nothing_else(site: Site) -> None:
    """security-and-faults S14"""
    async with site.station("ocpp2.0.1", compression="deflate") as (identity, station):
        raw = zlib.compress(b"x" * 100)  # with a header that raw deflate does not have
        frame = bytes((0xC1, 0x80 | len(raw))) + bytes(4) + raw
        station.socket.transport.write(frame)
        assert await station.until_closed() in (1002, 1006, 1007)
    async with site.station("ocpp2.0.1", identity) as (_, station):
        assert await station.is_alive()
