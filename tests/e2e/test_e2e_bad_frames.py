"""What is wrong on a charge point's socket: the right error, no change, and life goes on."""

import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

AT = "2026-03-02T10:00:00.000Z"
NO_ANSWER = None

# what differs between the versions in the codes' spelling and use
FORMAT = {"1.6": "FormationViolation", "2.0.1": "FormatViolation"}
OCCURRENCE = {"1.6": "OccurenceConstraintViolation", "2.0.1": "OccurrenceConstraintViolation"}
FRAME = {"1.6": "FormationViolation", "2.0.1": "RpcFrameworkError"}

GOOD = {
    "1.6": (
        "StartTransaction",
        {"connectorId": 1, "idTag": "TAG1", "meterStart": 1, "timestamp": AT},
    ),
    "2.0.1": (
        "TransactionEvent",
        {
            "eventType": "Started",
            "timestamp": AT,
            "triggerReason": "Authorized",
            "seqNo": 0,
            "transactionInfo": {"transactionId": "t-1"},
            "evse": {"id": 1, "connectorId": 1},
            "idToken": {"idToken": "TAG1", "type": "ISO14443"},
        },
    ),
}


def changed(payload, **changes):
    return {key: value for key, value in (payload | changes).items() if value is not None}


@pytest.fixture
async def wire(scene, version):
    await scene.register_charger("CP1")
    async with scene.wire("CP1", version) as wire:
        await wire.call("Heartbeat", {})
        yield wire


async def assert_lives_on(wire):
    answer = await wire.call("Heartbeat", {}, "after")
    assert answer[:2] == [3, "after"]


FRAMES = [
    ("{", "-1", FRAME),
    ("", "-1", FRAME),
    ("null", "-1", FRAME),
    ('{"a": 1}', "-1", FRAME),
    ("[]", "-1", FRAME),
    ("[2]", "-1", FRAME),
    ('[2, "x"]', "x", FRAME),
    ('[2, "x", "Heartbeat", {}, 5, 6]', "x", FRAME),
    ('[2, "x", 7, {}]', "x", FRAME),
    ('[2, "x", "Heartbeat", {]', "x", FRAME),
    ('["2", "x", "Heartbeat", {}]', "x", FRAME),
    ('[2, "x", "Heartbeat", {"a": NaN}]', "x", FRAME),
    (f'[2, "{"i" * 37}", "Heartbeat", {{}}]', "i" * 37, FRAME),
    (b'[2, "x", "Heartbeat", {}]', "-1", FRAME),
    ('[9, "x", "Heartbeat", {}]', "x", {"1.6": NO_ANSWER, "2.0.1": "MessageTypeNotSupported"}),
    ('[3, "nobody-asked", {}]', "-", {"1.6": NO_ANSWER, "2.0.1": NO_ANSWER}),
    ('[4, "nobody-asked", "GenericError", "", {}]', "-", {"1.6": None, "2.0.1": None}),
]


async def test_a_frame_that_is_no_call_changes_nothing(scene, wire, version):
    before = await scene.dump()
    for frame, message_id, codes in FRAMES:
        await wire.send(frame)
        code = codes[version]
        unreadable = message_id == "-1" and version == "1.6"
        if code is not NO_ANSWER and not unreadable:
            answer = await wire.receive()
            assert answer[:3] == [4, message_id, code], frame
            assert len(answer) == 5
            assert len(answer[3]) <= 255
        await assert_lives_on(wire)
    assert await scene.dump() == before


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("MakeCoffee", "NotImplemented"),
        ("heartbeat", "NotImplemented"),
        ("x" * 300, "NotImplemented"),
        ("ChangeAvailability", "NotSupported"),
    ],
)
async def test_an_action_that_is_not_for_a_csms_changes_nothing(scene, wire, version, action, code):
    before = await scene.dump()

    answer = await wire.call(action, {})

    assert answer[0] == 4
    assert answer[2] == code
    await assert_lives_on(wire)
    assert await scene.dump() == before


SCHEMA_16 = [
    ({"timestamp": None}, "OccurenceConstraintViolation"),
    ({"connectorId": "one"}, "TypeConstraintViolation"),
    ({"meterStart": 1.5}, "TypeConstraintViolation"),
    ({"idTag": "T" * 21}, "PropertyConstraintViolation"),
    ({"idTag": 7}, "TypeConstraintViolation"),
    ({"timestamp": "yesterday"}, "PropertyConstraintViolation"),
]
SCHEMA_201 = [
    ({"timestamp": None}, "OccurrenceConstraintViolation"),
    ({"seqNo": "zero"}, "TypeConstraintViolation"),
    ({"eventType": "Begun"}, "PropertyConstraintViolation"),
    ({"transactionInfo": {"transactionId": "t" * 37}}, "PropertyConstraintViolation"),
    ({"idToken": {"idToken": "T" * 37, "type": "ISO14443"}}, "PropertyConstraintViolation"),
    ({"evse": {"id": "one"}}, "TypeConstraintViolation"),
]


@pytest.mark.parametrize(
    ("version", "changes", "code"),
    [("1.6", *case) for case in SCHEMA_16] + [("2.0.1", *case) for case in SCHEMA_201],
)
async def test_a_payload_that_breaks_its_schema_changes_nothing(scene, version, changes, code):
    await scene.register_charger("CP1")
    await scene.put("tokens/RFID/TAG1", {"status": "Accepted"})
    action, payload = GOOD[version]
    async with scene.wire("CP1", version) as wire:
        before = await scene.dump()

        answer = await wire.call(action, changed(payload, **changes))

        assert answer[0] == 4, answer
        assert answer[2] == code, answer
        await assert_lives_on(wire)
        assert await scene.dump() == before
        # the same call, told well, does its work
        assert (await wire.call(action, payload))[0] == 3
    assert len(await scene.get("sessions")) == 1


@pytest.mark.parametrize("payload", [[], "text", 5])
async def test_a_payload_that_is_no_object_changes_nothing(scene, wire, version, payload):
    before = await scene.dump()

    answer = await wire.call(GOOD[version][0], payload)

    assert answer[0] == 4
    assert answer[2] in (FORMAT[version], "TypeConstraintViolation")
    await assert_lives_on(wire)
    assert await scene.dump() == before


async def test_nothing_but_a_boot_is_taken_before_the_boot(scene, version):
    await scene.register_charger("CP1")
    action, payload = GOOD[version]
    async with scene.wire("CP1", version, boot=False) as wire:
        before = await scene.dump()
        answer = await wire.call(action, payload)

        assert answer[:3] == [4, "m1", "SecurityError"]
        assert await scene.dump() == before


@pytest.mark.parametrize("offered", [["ocpp1.2"], ["soap", "mqtt"], None])
async def test_without_a_common_subprotocol_the_socket_closes(scene, credentials, offered):
    """OCPP-J 3.2: no Sec-WebSocket-Protocol in the answer, then close."""
    await scene.register_charger("CP1")
    names = None if offered is None else [Subprotocol(name) for name in offered]
    async with connect(
        scene.gateway.addresses.ocpp + "CP1",
        subprotocols=names,
        additional_headers=credentials("CP1"),
        proxy=None,
    ) as socket:
        assert socket.subprotocol is None
        await socket.wait_closed()
        assert socket.close_code == 1002


async def refused(scene, identity, headers):
    with pytest.raises(InvalidStatus) as answer:
        async with connect(
            scene.gateway.addresses.ocpp + identity,
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers=headers,
            proxy=None,
        ):
            pass
    return answer.value.response


@pytest.mark.parametrize(
    ("identity", "user", "password"),
    [
        ("CP1", "CP1", "wrong-horse-battery"),
        ("CP1", "CP1", ""),
        ("CP1", "CP2", None),
        ("CP1", None, None),
        ("NOBODY", "NOBODY", None),
        ("OFF", "OFF", None),
    ],
)
async def test_who_is_not_known_is_turned_away_before_the_upgrade(
    scene, credentials, identity, user, password
):
    """All refusals look alike, so that nobody learns which identities exist."""
    await scene.register_charger("CP1")
    await scene.register_charger("OFF")
    await scene.put("charge-points/OFF", {"security_profile": 1, "enabled": False})
    before = _but_for_events(await scene.dump())

    headers = {} if user is None else credentials(user, password)
    response = await refused(scene, identity, headers)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert b"CP1" not in response.body
    assert _but_for_events(await scene.dump()) == before


def _but_for_events(dump):
    """What there is but the security events, which tell the operator of refused logins."""
    return {key: value for key, value in dump.items() if b":kept:" not in key}


async def test_a_disabled_charge_point_loses_its_connection(scene, version):
    await scene.register_charger("CP1")
    async with scene.wire("CP1", version) as wire:
        await scene.put("charge-points/CP1", {"security_profile": 1, "enabled": False})
        await wire.until_closed()


async def test_a_flood_of_nonsense_ends_only_its_own_connection(scene, version):
    await scene.register_charger("CP1")
    await scene.register_charger("CP2")
    async with scene.wire("CP2", version) as good, scene.wire("CP1", version) as bad:
        for _ in range(150):
            await bad.send("[")
        assert await bad.until_closed() == 1008
        await assert_lives_on(good)


async def test_the_operator_may_break_no_schema_either(scene, version):
    await scene.add_charger("CP1", version)
    call = {"action": "Reset", "payload": {"type": "Violent"}}

    status, answer = await scene.ask("POST", "charge-points/CP1/calls", call)

    assert status == 422, answer
    frames = json.dumps(await scene.get("charge-points/CP1/messages"))
    assert "Violent" not in frames
