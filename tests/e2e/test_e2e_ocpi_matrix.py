"""Every version, with the token raw and in Base64, with and without a hub: the same visits.

Registration in both directions, token push and pull, real-time authorization, all commands,
delivery of sessions and CDRs, rotation and unregistration. What the partner holds against the
gateway is empty at the end of every test, see `Scene.close`.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from simulators.partner import Habits, SimulatedPartner

BEHIND = (("DE", "EMS"), ("DE", "EM2"))


@dataclass(frozen=True)
class Kind:
    """A partner platform of one version, one way to write tokens, and a hub or not."""

    version: str
    token: str
    hub: bool

    def __str__(self):
        return f"{self.version}-{self.token}{'-hub' if self.hub else ''}"


KINDS = [
    Kind(version, token, hub)
    for version in ("2.1.1", "2.2.1", "2.3.0")
    for token in ("raw", "base64")
    for hub in (False, True)
    # 2.1.1 knows no hubs
    if not (hub and version == "2.1.1")
]


def is_usual(kind):
    """The token is written as the version says."""
    return (kind.token == "raw") == (kind.version == "2.1.1")


every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)
usual_kinds = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, id=str(kind), marks=[] if is_usual(kind) else pytest.mark.long)
        for kind in KINDS
    ],
)
"""All of them, the unusual ones only among the long tests"""


async def stranger(scene, kind):
    """A platform of that kind, with a token that nobody has been told of."""
    partner = SimulatedPartner(
        country_code="DE",
        party_id="HUB" if kind.hub else "EMS",
        version=kind.version,
        behind=BEHIND if kind.hub else None,
        habits=Habits(token=kind.token),
    )
    await partner.start()
    scene.partners.append(partner)
    owner = {"country_code": "DE", "party_id": "EM2"} if kind.hub else {}
    partner.issue_token("PULLED", contract_id="DE-EM2-C1", **owner)
    return partner


async def invite(scene):
    status, invitation = await scene.ask("POST", "partners", {"name": "Matrix"})
    assert status == 201, invitation
    return invitation


async def registered(scene, kind):
    """It has registered with us."""
    partner = await stranger(scene, kind)
    await partner.register(scene.gateway.addresses.ocpi, (await invite(scene))["token"])
    return partner


async def register_with(scene, partner):
    """We register with it; our id of it."""
    partner_id = (await invite(scene))["id"]
    body = {"versions_url": partner.versions_url, "token": partner.hand_out_token()}
    status, answer = await scene.ask("POST", f"partners/{partner_id}/register", body)
    assert status == 200, answer
    return partner_id


async def until_accepted(scene, charger, uid):
    async def accepted():
        return await charger.present_token(uid, 1) == "Accepted"

    await scene.until(accepted)


async def until_billed(partner, count):
    await partner.until(
        lambda: (
            len(partner.cdrs) == count
            and [one["status"] for one in partner.sessions] == ["COMPLETED"] * count
        )
    )


def addressees(kind):
    """To whom sessions go: each to the party of its token."""
    if kind.version == "2.1.1":
        return {None}
    return {"DE*EMS", "DE*EM2"} if kind.hub else {"DE*EMS"}


def asked_for(partner):
    return [event["uid"] for event in partner.events if event["event"] == "authorization"]


@every_kind
async def test_both_register_with_each_other_rotate_and_part(scene, kind):
    """ocpi-rules 1, 3 (credentials): POST by us, PUT by both, DELETE by us."""
    partner = await stranger(scene, kind)
    partner_id = await register_with(scene, partner)
    [shown] = await scene.get("partners")
    assert (shown["state"], shown["version"]) == ("REGISTERED", kind.version)

    before = partner.peers[0]
    status, answer = await scene.ask("POST", f"partners/{partner_id}/credentials")
    assert status == 200, answer
    await partner.rotate()
    after = partner.peers[0]
    assert before.id == after.id
    assert {before.token, before.own_token}.isdisjoint({after.token, after.own_token})

    for module in ("locations", "sessions", "cdrs", "tariffs"):
        assert (await partner.pull(module))["complete"]
    status, _ = await scene.ask("DELETE", f"partners/{partner_id}")
    assert status == 204
    assert not partner.registered


@every_kind
async def test_a_visit_by_a_pulled_token_and_one_by_an_authorized_token(scene, kind, fast):
    """ocpi-rules 1, 10, 18, 24, 25: tokens both ways, sessions and CDRs in the version's shape."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = await registered(scene, kind)
    await charger.plug_in(1)
    await until_accepted(scene, charger, "PULLED")
    transaction = await charger.until_transaction(1)
    await fast.sleep(300)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await charger.unplug(1)
    await until_billed(partner, 1)

    partner.issue_token("ASKED", whitelist="NEVER")
    await partner.push_token("ASKED")
    await partner.patch_token("ASKED", visual_number="card 1")
    await charger.charge(1, "ASKED", energy_wh=500)
    await until_billed(partner, 2)

    assert set(asked_for(partner)) == {"ASKED"}
    await partner.until(lambda: partner.evse("LOC-CP1", "CP1-1") is not None)
    # to all behind a hub goes what is for everybody, and nothing else
    for event in partner.events:
        assert event["event"] != "broadcast" or event["module"] in {"locations", "tariffs"}
    to = {one["to"] for one in partner.requests if "/sessions/" in one["path"]}
    assert to == addressees(kind)
    for module in ("locations", "sessions", "cdrs", "tariffs"):
        pulled = await partner.pull(module)
        assert pulled["complete"]
        assert pulled["objects"] == pulled["accepted"] > 0


@usual_kinds
async def test_every_command_has_its_response_and_its_result(scene, kind, fast):
    """ocpi-rules 16 (mod_commands): each command that the version has."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = await registered(scene, kind)
    sent = []

    sent.append(await partner.unlock_connector("LOC-CP1", "CP1-1", "1"))
    number = 4711 if kind.version == "2.1.1" else "reservation-4711"
    expiry = datetime.now(UTC) + timedelta(hours=1)
    sent.append(await partner.reserve_now("LOC-CP1", "CP1-1", "PULLED", number, expiry))
    if kind.version != "2.1.1":
        sent.append(await partner.cancel_reservation(number))
    sent.append(await partner.start_session("LOC-CP1", "CP1-1", "PULLED"))
    transaction = await charger.until_transaction(1)
    await partner.until(lambda: any(one["status"] == "ACTIVE" for one in partner.sessions))
    active = next(one for one in partner.sessions if one["status"] == "ACTIVE")
    sent.append(await partner.stop_session(active["id"]))
    await charger.until_acknowledged(transaction)
    await partner.until(lambda: partner.session(active["id"])["status"] == "COMPLETED")

    accepted = dict.fromkeys(partner.version.commands, "ACCEPTED")
    assert {one.name: one.response["result"] for one in sent} == accepted
    assert {one.name: (one.result or {}).get("result") for one in sent} == accepted
    assert all(len(one.results) == 1 for one in sent)


@usual_kinds
async def test_after_a_rotation_deliveries_go_on_and_after_the_end_nothing_comes(scene, kind, fast):
    """ocpi-rules 3 (credentials PUT, DELETE)."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = await registered(scene, kind)
    await partner.rotate()
    await charger.plug_in(1)
    await until_accepted(scene, charger, "PULLED")
    transaction = await charger.until_transaction(1)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await until_billed(partner, 1)
    await charger.unplug(1)
    await partner.until(lambda: partner.evse("LOC-CP1", "CP1-1")["status"] == "AVAILABLE")

    await partner.unregister()
    received = len(partner.requests)
    await charger.plug_in(1)
    assert await charger.present_token("PULLED", 1) == "Invalid"
    await scene.gateway.close()
    await scene.gateway.start()

    assert len(partner.requests) == received


HABITS = {
    "created is 200": Habits(ok_for_created=True),
    "data in an array": Habits(data_in_array=True),
    "lower-case ids": Habits(lower_case_ids=True),
    "trailing slashes": Habits(trailing_slashes=True),
    "credentials as RECEIVER": Habits(credentials_role="RECEIVER"),
    "PATCH without last_updated": Habits(no_last_updated=True),
    "errors without envelope": Habits(bare_errors=True),
    "strict about routing": Habits(lax_routing=False),
}


@pytest.mark.parametrize("habit", HABITS)
async def test_a_partner_with_a_habit_of_the_field_is_served_as_any_other(scene, fast, habit):
    """ocpi-rules: interoperability habits.

    ocpi-rules: success code habit; ocpi-rules: array habit; ocpi-rules: role habit; ocpi-rules:
    slash habit; ocpi-rules: routing habit; ocpi-rules: id case habit; ocpi-rules: last_updated
    habit.
    """
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = await stranger(scene, Kind("2.2.1", "base64", hub=False))
    partner.habits = HABITS[habit]
    if habit == "errors without envelope":
        await partner.register(scene.gateway.addresses.ocpi, (await invite(scene))["token"])
    else:
        await register_with(scene, partner)
    if habit == "PATCH without last_updated":
        await let_be(scene, "patch_without_last_updated")
    partner.issue_token("TAG1")
    await partner.push_token("TAG1")
    await partner.patch_token("TAG1", visual_number="card 1")

    command = await partner.start_session("LOC-CP1", "CP1-1", "TAG1")
    transaction = await charger.until_transaction(1)
    await partner.until(lambda: len(partner.sessions) == 1)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await until_billed(partner, 1)

    assert command.result["result"] == "ACCEPTED"


async def let_be(scene, quirk):
    """What cannot be seen at the handshake is set by the operator."""
    [shown] = await scene.get("partners")
    body = {"quirks": [*shown["quirks"], quirk]}
    status, answer = await scene.ask("PATCH", f"partners/{shown['id']}", body)
    assert status == 200, answer


@pytest.mark.parametrize(("old", "new"), [("2.1.1", "2.2.1"), ("2.2.1", "2.3.0")])
async def test_a_partner_that_moves_to_a_newer_version_goes_on_in_it(scene, fast, old, new):
    """ocpi-rules 3 (credentials, "Updating to a newer version"): by PUT credentials."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = await registered(scene, Kind(old, "raw" if old == "2.1.1" else "base64", hub=False))
    partner.habits = Habits()
    await partner.push_token("PULLED")
    await charger.charge(1, "PULLED", energy_wh=300)
    await until_billed(partner, 1)

    await partner.update(new)
    [shown] = await scene.get("partners")
    assert shown["version"] == new
    await charger.charge(1, "PULLED", energy_wh=400)
    await partner.until(lambda: len(partner.cdrs) >= 1)

    assert partner.version.number == new


async def test_a_partner_is_moved_to_a_newer_version_by_us(scene):
    """ocpi-rules 3 (credentials, "Updating to a newer version"): one of the two sends the PUT."""
    partner = await registered(scene, Kind("2.2.1", "base64", hub=False))
    partner.offer("2.2.1", "2.3.0")
    [shown] = await scene.get("partners")

    status, answer = await scene.ask(
        "POST", f"partners/{shown['id']}/credentials", {"version": "2.3.0"}
    )

    assert status == 200, answer
    assert (answer["version"], partner.version.number) == ("2.3.0", "2.3.0")
    assert (await partner.pull("locations"))["complete"]


async def test_a_navigation_service_that_only_pulls_is_pushed_nothing(scene, fast):
    """transport_and_format: "OCPI doesn't require parties to implement Push"."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = SimulatedPartner(party_id="NSP", role="NSP", pull_only=True)
    await partner.start()
    scene.partners.append(partner)
    await partner.register(scene.gateway.addresses.ocpi, (await invite(scene))["token"])
    received = len(partner.requests)
    await charger.plug_in(1)

    pulled = await partner.pull("locations")

    assert (pulled["accepted"], pulled["complete"]) == (1, True)
    assert len(partner.requests) == received


async def test_a_party_behind_a_hub_that_goes_offline_is_left_alone(scene, fast):
    """ocpi-rules 15 (mod_hub_client_info, Scenarios): no requests, and no queue of them."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = await registered(scene, Kind("2.2.1", "base64", hub=True))
    await until_accepted_and_gone(scene, charger)
    await until_billed(partner, 1)

    await partner.set_status("DE", "EM2", "OFFLINE")
    await until_accepted_and_gone(scene, charger)
    await scene.until_cdrs(2)
    await partner.set_status("DE", "EM2", "CONNECTED")
    pulled = await partner.pull("cdrs", party=("DE", "EM2"))

    assert pulled["accepted"] == 2
    assert [one for one in partner.advice if "OFFLINE" in one["what"]] == []


async def until_accepted_and_gone(scene, charger):
    """A visit by the token that is pulled."""
    await charger.plug_in(1)
    await until_accepted(scene, charger, "PULLED")
    transaction = await charger.until_transaction(1)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await charger.unplug(1)
