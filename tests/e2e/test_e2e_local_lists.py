"""Local authorization lists and groups over real sockets, both versions."""

import pytest

from simulators.charge_point.settings import StationSettings
from simulators.partner import Authorization


@pytest.fixture
async def lists(start_scene):
    """A gateway that tells stations of changed tokens without delay."""
    return await start_scene(local_list_interval=0.02)


async def add_provisioned(scene, version, **options):
    """A charge point that we may speak to unasked."""
    await scene.register_charger("CP1", provision=True)
    return await scene.add_charger("CP1", version, register=False, **options)


async def until_listed(scene, charger, *uids):
    async def listed():
        return set(charger.local_list) == set(uids)

    await scene.until(listed)


async def test_a_charger_knows_the_cards_it_must_know_and_is_told_of_changes(lists, version):
    partner = await lists.add_partner(tokens=("CARD1", "CARD2"), whitelist="ALWAYS")
    await lists.put("tokens/RFID/STAFF", {"status": "Accepted", "group_id": "CREW"})
    charger = await add_provisioned(lists, version)

    await until_listed(lists, charger, "card1", "card2", "staff")
    await partner.patch_token("CARD1", valid=False)
    await until_listed(lists, charger, "card2", "staff")
    await lists.ask("DELETE", "tokens/RFID/STAFF")
    await until_listed(lists, charger, "card2")

    async def in_step():
        shown = await lists.get("charge-points/CP1/local-list")
        return (shown["state"], shown["entries"]) == ("in step", 1)

    await lists.until(in_step)


async def test_a_listed_card_charges_while_the_charger_is_offline(lists, version, fast):
    partner = await lists.add_partner(tokens=("CARD1",), whitelist="ALLOWED_OFFLINE")
    charger = await add_provisioned(lists, version, clock=fast)
    await until_listed(lists, charger, "card1")

    charger.go_offline()
    await charger.until_disconnected()
    await charger.plug_in(1)
    assert await charger.present_token("CARD1", 1) == "Accepted"
    charger.go_online()

    transaction = await charger.until_transaction(1)
    assert transaction.token_status == "Accepted"
    # its owner is asked all the same when the start arrives
    assert any(event["event"] == "authorization" for event in partner.events)


async def test_the_operator_has_the_list_sent_and_the_cache_cleared(lists, version):
    charger = await add_provisioned(lists, version)
    await lists.put("tokens/RFID/STAFF", {"status": "Accepted"})
    await until_listed(lists, charger, "staff")
    charger.local_list.clear()

    assert (await lists.ask("POST", "charge-points/CP1/local-list"))[0] == 202
    await until_listed(lists, charger, "staff")
    assert (await lists.ask("DELETE", "charge-points/CP1/authorization-cache"))[0] == 204
    shown = await lists.put("charge-points/CP1/local-list", {"wanted": False})
    assert shown["wanted"] is False
    await until_listed(lists, charger)
    assert (await lists.ask("GET", "charge-points/NONE/local-list"))[0] == 404
    assert (await lists.ask("PUT", "charge-points/CP1/local-list", {"wanted": "x"}))[0] == 422


async def test_a_member_of_the_group_stops_what_another_has_started(scene, version):
    """C09, ocpp-rules 16: the station decides by the groups in our answers."""
    for uid in ("HER", "HIM"):
        group = {"status": "Accepted", "group_id": "A-FAMILY-OF-MORE-THAN-20-CHARACTERS"}
        await scene.put(f"tokens/RFID/{uid}", group)
    await scene.put("tokens/RFID/NEIGHBOUR", {"status": "Accepted", "group_id": "OTHERS"})
    charger = await scene.add_charger("CP1", version)

    await charger.plug_in(1)
    await charger.present_token("HER", 1)
    transaction = await charger.until_transaction(1)
    await charger.present_token("NEIGHBOUR", 1)
    assert transaction.running
    await charger.present_token("HIM", 1)
    await charger.until_acknowledged(transaction)

    [ended] = await scene.get("charge-points/CP1/transactions")
    assert ended["stopped_at"] is not None
    assert ended["token"]["uid"] == "HER"


@pytest.mark.parametrize("authorizes", [True, False])
async def test_a_remote_start_is_good_whether_or_not_the_station_authorizes_it(
    scene, version, authorizes, fast
):
    """AuthorizeRemoteTxRequests, AuthCtrlr.AuthorizeRemoteStart: the partner is not asked."""
    settings = StationSettings(sample_interval=0, authorize_remote_starts=authorizes)
    charger = await scene.add_charger("CP1", version, settings=settings, clock=fast)
    partner = await scene.add_partner(whitelist="NEVER")
    partner.set_authorization(Authorization("BLOCKED", None))

    await partner.start_session("LOC-CP1", "CP1-1", "TAG1")
    transaction = await charger.until_transaction(1)

    assert transaction.token_status in ("Accepted", None)
    assert bool([one for one in charger.frames if '"Authorize"' in str(one)]) is authorizes
    assert not [event for event in partner.events if event["event"] == "authorization"]


async def test_one_card_at_one_place_if_the_operator_says_so(start_scene):
    """ConcurrentTx, between stations of both versions."""
    scene = await start_scene(concurrent_transactions=False)
    await scene.put("tokens/RFID/STAFF", {"status": "Accepted"})
    statuses = []
    for identity, version in (("CP1", "1.6"), ("CP2", "2.0.1"), ("CP3", "1.6")):
        charger = await scene.add_charger(identity, version)
        await charger.plug_in(1)
        transaction = charger.start_transaction(1, "STAFF")
        await charger.until(lambda one=transaction: one.start_answered)
        statuses.append(transaction.token_status)
    assert statuses == ["Accepted", "ConcurrentTx", "ConcurrentTx"]
