"""START_SESSION and STOP_SESSION, from the partner's request to the car that charges."""

import asyncio
import json
import uuid
from decimal import Decimal

import pytest

from simulators.partner import CallFailed


async def until_one_cdr(partner):
    await partner.until(
        lambda: len(partner.cdrs) == 1 and partner.sessions[0]["status"] == "COMPLETED"
    )


async def test_a_remote_start_is_accepted_with_one_result(scene, version):
    await scene.add_charger("CP1", version)
    partner = await scene.add_partner()

    command = await partner.start_session("LOC-CP1", "CP1-1", "TAG1")

    assert command.response["result"] == "ACCEPTED"
    assert [result["result"] for result in command.results] == ["ACCEPTED"]


async def test_the_remote_start_is_the_session_that_follows(scene, version, fast):
    """design 3.2: token, authorization_reference and auth_method COMMAND, in session and CDR."""
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()

    command = await partner.start_session(
        "LOC-CP1", "CP1-1", "TAG1", authorization_reference="ref-4711"
    )
    transaction = await charger.until_transaction(1)
    await fast.sleep(120)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await until_one_cdr(partner)

    for billed in (partner.sessions[0], partner.cdrs[0]):
        assert billed["auth_method"] == "COMMAND"
        assert billed["authorization_reference"] == "ref-4711"
        assert billed["cdr_token"]["uid"] == "TAG1"
        assert billed["cdr_token"]["contract_id"] == command.body["token"]["contract_id"]
    assert transaction.energy_wh > 0
    assert Decimal(partner.cdrs[0]["total_energy"]) == transaction.energy_wh / 1000
    assert len(command.results) == 1


async def test_an_app_user_of_36_characters_starts_any_charger(scene, version, fast):
    """1.6 IdToken is a CiString20; the bill still names the app user."""
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    uid = str(uuid.UUID(int=7))
    partner.issue_token(uid, "APP_USER", whitelist="NEVER")

    command = await partner.start_session(
        "LOC-CP1", "CP1-1", uid, token_type="APP_USER", authorization_reference="app-1"
    )
    transaction = await charger.until_transaction(1)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await until_one_cdr(partner)

    assert command.result["result"] == "ACCEPTED"
    assert transaction.token_status == "Accepted"
    for billed in (partner.sessions[0], partner.cdrs[0]):
        assert billed["cdr_token"]["uid"] == uid
        assert billed["cdr_token"]["type"] == "APP_USER"
        assert billed["authorization_reference"] == "app-1"


async def test_a_remote_start_asks_the_partner_for_no_authorization(scene, version, fast):
    """ocpi-rules 17: the partner has authorized the token before it sent the command."""
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner(whitelist="NEVER")

    await partner.start_session("LOC-CP1", "CP1-1", "TAG1")
    transaction = await charger.until_transaction(1)

    assert transaction.token_status in ("Accepted", None)
    assert [e for e in partner.events if e["event"] == "authorization"] == []


async def test_a_remote_stop_ends_the_session(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await partner.start_session("LOC-CP1", "CP1-1", "TAG1")
    transaction = await charger.until_transaction(1)
    await partner.until(lambda: len(partner.sessions) == 1)

    command = await partner.stop_session(partner.sessions[0]["id"])
    await until_one_cdr(partner)

    assert [result["result"] for result in command.results] == ["ACCEPTED"]
    assert transaction.stop_reason == "Remote"


async def test_a_session_begun_with_a_card_can_be_stopped_remotely(scene, version):
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner()
    await charger.plug_in(1)
    await charger.present_token("TAG1", 1)
    await partner.until(lambda: len(partner.sessions) == 1)

    command = await partner.stop_session(partner.sessions[0]["id"])
    await until_one_cdr(partner)

    assert command.result["result"] == "ACCEPTED"
    assert partner.cdrs[0]["auth_method"] == "WHITELIST"


async def test_an_unknown_session_cannot_be_stopped(scene):
    partner = await scene.add_partner()

    command = await partner.stop_session("no-such-session")

    assert command.response["result"] == "UNKNOWN_SESSION"
    assert command.results == []


async def test_a_partner_cannot_stop_the_session_of_another(scene, version):
    charger = await scene.add_charger("CP1", version)
    owner = await scene.add_partner("EMS")
    stranger = await scene.add_partner("OTH", tokens=())
    await charger.plug_in(1)
    await charger.present_token("TAG1", 1)
    await owner.until(lambda: len(owner.sessions) == 1)

    command = await stranger.stop_session(owner.sessions[0]["id"])

    assert command.response["result"] == "UNKNOWN_SESSION"
    assert len(charger.ledger.running()) == 1


async def test_an_offline_charger_is_not_started(scene, version):
    await scene.register_charger("CP1")
    partner = await scene.add_partner()

    command = await partner.start_session("LOC-CP1", "CP1-1", "TAG1")

    assert command.response["result"] == "REJECTED"
    assert command.results == []


async def test_a_charger_that_refuses_is_reported_once(scene, version):
    """A busy connector answers Rejected."""
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner(tokens=("TAG1", "TAG2"))
    await charger.plug_in(1)
    await charger.present_token("TAG2", 1)

    command = await partner.start_session("LOC-CP1", "CP1-1", "TAG1")

    assert command.response["result"] == "ACCEPTED"
    assert len(command.results) == 1
    assert command.results[0]["result"] in ("REJECTED", "EVSE_OCCUPIED")


async def test_a_lost_connection_is_a_result_too(scene, version):
    """The charger dies between the command and its answer. R28."""
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    async with scene.wire("CP1", version) as wire:
        sent = partner.start_session("LOC-CP1", "CP1-1", "TAG1")

        async def die():
            assert (await wire.receive())[2] in (
                "RemoteStartTransaction",
                "RequestStartTransaction",
            )
            wire.socket.transport.abort()

        command, _ = await asyncio.gather(sent, die())

    assert command.response["result"] == "ACCEPTED"
    assert len(command.results) == 1
    assert command.results[0]["result"] != "ACCEPTED"


@pytest.mark.long
@pytest.mark.timeout(90)
async def test_a_charger_that_never_answers_is_one_timeout_in_time(scene, version):
    """R28: exactly one CommandResult, by the timeout of the CommandResponse + 1 s."""
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    loop = asyncio.get_running_loop()
    async with scene.wire("CP1", version):
        began = loop.time()
        command = await partner.start_session("LOC-CP1", "CP1-1", "TAG1")
        took = loop.time() - began

    assert took <= command.response["timeout"] + 1
    assert [result["result"] for result in command.results] == ["TIMEOUT"]


async def test_an_unknown_location_is_refused_with_2003(scene):
    partner = await scene.add_partner()

    with pytest.raises(CallFailed) as refused:
        await partner.start_session("NOWHERE", "CP1-1", "TAG1")

    assert (refused.value.http_status, refused.value.status_code) == (200, 2003)


async def test_a_promise_that_was_not_kept_binds_nobody(scene, version):
    """The charger refused: a later card of the same uid is judged on its own."""
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    async with scene.wire("CP1", version) as wire:

        async def refuse():
            call = await wire.receive()
            status = {"status": "Rejected"}
            await wire.send(json.dumps([3, call[1], status]))

        command, _ = await asyncio.gather(
            partner.start_session("LOC-CP1", "CP1-1", "TAG1", authorization_reference="never-used"),
            refuse(),
        )
    assert command.result["result"] == "REJECTED"

    charger = await scene.add_charger("CP1", version, register=False)
    await charger.plug_in(1)
    await charger.present_token("TAG1", 1)
    await partner.until(lambda: len(partner.sessions) == 1)

    assert partner.sessions[0]["auth_method"] == "WHITELIST"
    assert partner.sessions[0].get("authorization_reference") is None
