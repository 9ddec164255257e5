"""A partner that is down gets the present state when it is back, and stops nobody else."""

from decimal import Decimal

import pytest

from simulators.partner import CallFailed, Fault


async def until_billed(partner):
    await partner.until(
        lambda: len(partner.cdrs) == 1 and [s["status"] for s in partner.sessions] == ["COMPLETED"],
        15,
    )


async def test_a_partner_that_missed_a_whole_session_gets_it_and_one_cdr(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await partner.refuse_connections()

    transaction = await charger.charge(1, "TAG1", energy_wh=500)
    await charger.until_acknowledged(transaction)
    assert len(await scene.until_cdrs()) == 1
    await partner.accept_connections()
    await until_billed(partner)
    await partner.until(lambda: partner.evse("LOC-CP1", "CP1-1")["status"] == "AVAILABLE")

    assert len(partner.sessions) == 1
    assert Decimal(partner.cdrs[0]["total_energy"]) == Decimal("0.5")


async def test_a_cdr_follows_its_completed_session_even_after_an_outage(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await partner.refuse_connections()
    transaction = await charger.charge(1, "TAG1", energy_wh=500)
    await charger.until_acknowledged(transaction)
    await scene.until_cdrs()

    await partner.accept_connections()
    await until_billed(partner)

    came = [e.get("status", "CDR") for e in partner.events if _is_bill(e)]
    assert came == ["COMPLETED", "CDR"]


def _is_bill(event):
    return event["event"] in ("session_received", "cdr_received")


@pytest.mark.parametrize("kind", ["status", "html", "disconnect", "truncated"])
async def test_an_answer_that_fails_is_made_good(scene, kind, fast):
    """Whatever became of a push, in the end there is one session and one CDR."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = await scene.add_partner()
    for path in ("/ocpi/emsp/2.2.1/sessions", "/ocpi/emsp/2.2.1/cdrs"):
        partner.add_fault(Fault(kind, path, times=1))

    await charger.charge(1, "TAG1", energy_wh=500)
    await until_billed(partner)

    assert len(partner.sessions) == len(partner.cdrs) == 1


async def test_a_cdr_whose_answer_was_lost_is_not_billed_twice(scene, fast):
    """R14."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = await scene.add_partner()
    partner.add_fault(Fault("lose_answer", "/ocpi/emsp/2.2.1/cdrs", method="POST", times=1))

    await charger.charge(1, "TAG1", energy_wh=500)
    await until_billed(partner)

    assert len(partner.cdrs) == 1


async def test_a_session_whose_answer_was_lost_goes_out_under_a_new_request_id(scene, fast):
    """2.2.1 transport_and_format, Unique message IDs: for the partner to check."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = await scene.add_partner()
    partner.add_fault(Fault("lose_answer", "/ocpi/emsp/2.2.1/sessions", method="PUT", times=1))

    await charger.charge(1, "TAG1", energy_wh=500)
    await until_billed(partner)

    assert partner.violations == []


async def test_a_partner_that_hangs_does_not_delay_another(scene, fast):
    """R13."""
    charger = await scene.add_charger("CP1", "1.6", clock=fast)
    hanging = await scene.add_partner("HNG", tokens=("TAG1",))
    await hanging.until(lambda: hanging.evse("LOC-CP1", "CP1-1")["status"] == "AVAILABLE")
    healthy = await scene.add_partner("EMS", tokens=("TAG2",))
    hanging.add_fault(Fault("delay", seconds=600))
    answered = len(hanging.requests)

    await charger.charge(1, "TAG1", energy_wh=100)
    await charger.charge(1, "TAG2", energy_wh=100)
    await healthy.until(lambda: len(healthy.cdrs) == 1)
    await healthy.until(lambda: healthy.evse("LOC-CP1", "CP1-1")["status"] == "AVAILABLE")

    assert len(hanging.requests) == answered


async def test_a_session_is_nobodys_but_its_partners(scene, version, fast):
    """By push and by pull."""
    charger = await scene.add_charger("CP1", version, clock=fast)
    owner = await scene.add_partner("EMS", tokens=("TAG1",))
    other = await scene.add_partner("OTH", tokens=("TAG2",))

    await charger.charge(1, "TAG1", energy_wh=100)
    await until_billed(owner)
    await charger.charge(1, "TAG2", energy_wh=100)
    await until_billed(other)
    for partner in (owner, other):
        for module in ("sessions", "cdrs"):
            pulled = await partner.pull(module)
            assert (pulled["objects"], pulled["total_count"]) == (1, 1)

    assert owner.sessions[0]["cdr_token"]["uid"] == "TAG1"
    assert other.sessions[0]["cdr_token"]["uid"] == "TAG2"
    assert owner.sessions[0]["id"] != other.sessions[0]["id"]
    assert [cdr["cdr_token"]["uid"] for cdr in owner.cdrs] == ["TAG1"]
    assert [cdr["cdr_token"]["uid"] for cdr in other.cdrs] == ["TAG2"]


async def test_what_was_pushed_is_what_can_be_pulled(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await charger.charge(1, "TAG1", energy_wh=100)
    await until_billed(partner)
    await partner.until(lambda: partner.evse("LOC-CP1", "CP1-1")["status"] == "AVAILABLE")
    held = (partner.cdrs, partner.sessions)

    for module in ("locations", "sessions", "cdrs", "tariffs"):
        pulled = await partner.pull(module)
        assert pulled["accepted"] == pulled["objects"] == 1, pulled

    assert (partner.cdrs, partner.sessions) == held


async def test_a_partner_that_is_down_gets_its_cdr_by_pull(scene, fast):
    """R11."""
    charger = await scene.add_charger("CP1", "1.6", clock=fast)
    partner = await scene.add_partner()
    partner.add_fault(Fault("status", "/ocpi/emsp/2.2.1/cdrs", status=503))

    transaction = await charger.charge(1, "TAG1", energy_wh=100)
    await charger.until_acknowledged(transaction)
    await scene.until_cdrs()
    pulled = await partner.pull("cdrs")

    assert pulled["accepted"] == 1
    partner.lift_faults()
    [shown] = await scene.get("partners")

    async def settled():
        return (await scene.get(f"partners/{shown['id']}/deliveries"))["owed"] == 0

    await scene.until(settled)
    assert len(partner.cdrs) == 1


async def test_a_restart_in_the_middle_of_an_outage_forgets_nothing(scene_to_kill, fast):
    scene = scene_to_kill
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = await scene.add_partner()
    await partner.refuse_connections()
    transaction = await charger.charge(1, "TAG1", energy_wh=100)
    await charger.until_acknowledged(transaction)

    await scene.gateway.kill()
    await partner.accept_connections()
    await scene.gateway.start()
    await until_billed(partner)

    assert len(partner.sessions) == 1


async def test_a_stranger_without_a_token_gets_nothing(scene):
    stranger = await scene.add_stranger()

    with pytest.raises(CallFailed) as refused:
        await stranger.register(scene.gateway.addresses.ocpi, "guessed-token")

    assert refused.value.http_status == 401
