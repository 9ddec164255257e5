"""What happens at a connector is what partners see of its EVSE (design 3.1)."""

import pytest


def pushed(partner, uid="CP1-1"):
    """The statuses that came for an EVSE, one after the other."""
    return [
        event["status"]
        for event in partner.events
        if event["event"] == "location_received" and event.get("evse_uid") == uid
    ]


def status(partner, uid="CP1-1"):
    evse = partner.evse("LOC-CP1", uid)
    return None if evse is None else evse["status"]


async def until_status(partner, word, uid="CP1-1", timeout=10.0):
    await partner.until(lambda: status(partner, uid) == word, timeout)


# the words of each version, as docs/status-mapping has them
WORDS_16 = [
    ("Available", "AVAILABLE"),
    ("Preparing", "BLOCKED"),
    ("Charging", "CHARGING"),
    ("SuspendedEVSE", "CHARGING"),
    ("SuspendedEV", "CHARGING"),
    ("Finishing", "BLOCKED"),
    ("Reserved", "RESERVED"),
    ("Unavailable", "INOPERATIVE"),
    ("Faulted", "OUTOFORDER"),
]
WORDS_201 = [
    ("Available", "AVAILABLE"),
    ("Occupied", "BLOCKED"),
    ("Reserved", "RESERVED"),
    ("Unavailable", "INOPERATIVE"),
    ("Faulted", "OUTOFORDER"),
]


def told(version, word, second):
    at = f"2026-03-02T10:00:{second:02d}.000Z"
    if version == "1.6":
        return {"connectorId": 1, "errorCode": "NoError", "status": word, "timestamp": at}
    return {"evseId": 1, "connectorId": 1, "connectorStatus": word, "timestamp": at}


@pytest.mark.parametrize(("version", "words"), [("1.6", WORDS_16), ("2.0.1", WORDS_201)])
async def test_every_word_of_a_connector_arrives_as_a_status(scene, version, words):
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    async with scene.wire("CP1", version) as wire:
        for second, (word, expected) in enumerate(words):
            answer = await wire.call("StatusNotification", told(version, word, second))
            assert answer[0] == 3, answer
            await until_status(partner, expected)

    methods = {e["method"] for e in partner.events if e.get("evse_uid") == "CP1-1"}
    assert methods == {"PATCH"}


async def test_a_visit_is_seen_from_the_cable_to_its_removal(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await until_status(partner, "AVAILABLE")

    await charger.plug_in(1)
    await until_status(partner, "BLOCKED")
    await charger.present_token("TAG1", 1)
    await until_status(partner, "CHARGING")
    charger.stop_transaction(1)
    await until_status(partner, "BLOCKED")
    await charger.unplug(1)
    await until_status(partner, "AVAILABLE")


async def test_a_status_told_again_is_not_pushed_again(scene, version):
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    async with scene.wire("CP1", version) as wire:
        for second in range(5):
            await wire.call("StatusNotification", told(version, "Available", second))
        await wire.call("StatusNotification", told(version, "Faulted", 9))
        await until_status(partner, "OUTOFORDER")

    assert pushed(partner).count("AVAILABLE") <= 1


async def test_an_old_status_does_not_overwrite_a_newer_one(scene, version):
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    async with scene.wire("CP1", version) as wire:
        await wire.call("StatusNotification", told(version, "Faulted", 9))
        await wire.call("StatusNotification", told(version, "Available", 1))
        await until_status(partner, "OUTOFORDER")
        await wire.call("StatusNotification", told(version, "Unavailable", 10))
        await until_status(partner, "INOPERATIVE")

    assert "AVAILABLE" not in pushed(partner)


async def test_one_evse_is_not_another(scene, version):
    charger = await scene.add_charger("CP1", version, connectors=2)
    partner = await scene.add_partner()
    await until_status(partner, "AVAILABLE", "CP1-2")
    before = len(pushed(partner, "CP1-2"))

    await charger.plug_in(1)
    await until_status(partner, "BLOCKED", "CP1-1")

    assert status(partner, "CP1-2") == "AVAILABLE"
    assert len(pushed(partner, "CP1-2")) == before


async def test_a_charger_that_stays_away_is_unknown_once_and_comes_back_as_it_is(
    start_scene, version
):
    scene = await start_scene(offline_after=0.5)
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner()
    await until_status(partner, "AVAILABLE")

    charger.go_offline()
    await until_status(partner, "UNKNOWN")
    charger.set_fault(1, "GroundFailure")
    charger.go_online()
    await until_status(partner, "OUTOFORDER")

    assert pushed(partner).count("UNKNOWN") == 1


async def test_a_charger_that_comes_back_in_time_was_never_unknown(start_scene, version):
    scene = await start_scene(offline_after=5.0)
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner()
    await until_status(partner, "AVAILABLE")

    charger.drop_connection()
    await charger.until_disconnected()
    await charger.until_connected()
    await charger.plug_in(1)
    await until_status(partner, "BLOCKED")

    assert "UNKNOWN" not in pushed(partner)


@pytest.mark.parametrize("ending", ["kill", "terminate"])
async def test_a_restart_of_the_gateway_alone_makes_nothing_unknown(start_scene, version, ending):
    scene = await start_scene(process=True, offline_after=5)
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner()
    await until_status(partner, "AVAILABLE")

    await getattr(scene.gateway, ending)()
    await scene.gateway.start()
    await charger.until_connected()
    await charger.plug_in(1)
    await until_status(partner, "BLOCKED")

    assert "UNKNOWN" not in pushed(partner)


async def test_a_charger_that_does_not_return_after_a_restart_is_unknown(start_scene, version):
    scene = await start_scene(process=True, offline_after=1)
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner()
    await until_status(partner, "AVAILABLE")

    await scene.gateway.kill()
    charger.go_offline()
    await scene.gateway.start()
    await until_status(partner, "UNKNOWN")

    assert pushed(partner).count("UNKNOWN") == 1
