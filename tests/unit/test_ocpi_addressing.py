"""Whom our requests are addressed to, and who may speak for whom."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.domain.partners import Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.domain.token_owner import token_owner
from gateway.ocpi.incoming.errors import InvalidParameters
from gateway.ocpi.incoming.message_routing import MessageRouting, may_act_for, read, speaks_as
from gateway.ocpi.outgoing.addressing import (
    broad_routing,
    concerned_party,
    direct_routing,
    list_routings,
)
from gateway.ocpi.outgoing.client import Routing

OURS = Party("NL", "ABC")
EMS, TWO, HUB, FAR = Party("DE", "EMS"), Party("DE", "TWO"), Party("DE", "HUB"), Party("FR", "FAR")


def partner(*roles, version="2.2.1", hub=None):
    return Partner(
        id="p",
        name="p",
        state=PartnerState.REGISTERED,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        version=version,
        roles=tuple(PartnerRole(role, party, "") for role, party in roles),
        hub_party=hub,
    )


DIRECT = partner(("CPO", FAR), ("EMSP", EMS), ("EMSP", TWO))
HUB_221 = partner(("HUB", HUB), hub=HUB)
HUB_230 = partner(("EMSP", EMS), ("CPO", TWO), version="2.3.0", hub=HUB)
OLD = partner(("EMSP", EMS), version="2.1.1")


def charged(owner):
    return {"cdr_token": {"country_code": owner.country_code, "party_id": owner.party_id}}


@pytest.mark.parametrize("hub", [HUB_221, HUB_230])
def test_a_broadcast_push_names_the_hub_and_nobody_behind_it(hub):
    """ocpi-rules 25 (transport_and_format 4.2.4): "the party-id and country-code of the Hub"."""
    assert broad_routing(hub, OURS) == Routing(OURS, HUB)


@pytest.mark.parametrize("hub", [HUB_221, HUB_230])
def test_what_is_for_one_party_goes_to_that_party_through_its_hub(hub):
    """ocpi-rules 25 (4.2.7.2): "Requesting platform to Hub: Receiving-party"."""
    owner = concerned_party(hub, charged(EMS))
    assert owner is not None
    assert direct_routing(hub, OURS, owner) == Routing(OURS, EMS)


def test_a_session_is_for_nobody_but_the_party_of_its_token():
    """ocpi-rules 19, 25, S8: "specific to only one party"; a 2.3.0 hub names all it speaks for."""
    assert concerned_party(DIRECT, charged(TWO)) == TWO
    assert concerned_party(DIRECT, charged(HUB)) is None
    assert concerned_party(HUB_230, charged(FAR)) is None
    assert concerned_party(HUB_221, charged(FAR)) == FAR


@pytest.mark.parametrize(
    "document", [{}, {"cdr_token": None}, {"cdr_token": "x"}, {"cdr_token": {"party_id": "EMS"}}]
)
def test_a_document_without_an_owner_is_nobodys(document):
    """S8."""
    assert token_owner(document) is None
    assert concerned_party(HUB_221, document) is None


@pytest.mark.parametrize("hub", [HUB_221, HUB_230])
def test_a_list_is_fetched_from_a_hub_once_and_from_the_hub_itself(hub):
    """ocpi-rules 25 (4.2.6, GET All via Hubs): "the TO headers ... has to be set to the Hub"."""
    assert list_routings(hub, OURS) == [Routing(OURS, HUB)]


def test_a_platform_of_several_parties_is_asked_for_the_list_of_each_that_issues_tokens():
    """ocpi-rules 25 (4.2.7.1): headers address "the parties, not the platform itself"."""
    assert list_routings(DIRECT, OURS) == [Routing(OURS, EMS), Routing(OURS, TWO)]
    assert list_routings(partner(("CPO", FAR)), OURS) == [Routing(OURS, FAR)]


def test_in_2_1_1_nothing_is_routed_and_there_is_one_list():
    """ocpi-rules 25: no routing headers in 2.1.1."""
    assert direct_routing(OLD, OURS, EMS) is None
    assert broad_routing(OLD, OURS) is None
    assert list_routings(OLD, OURS) == [None]


def test_without_a_token_the_first_emsp_is_addressed():
    """ocpi-rules 25."""
    assert direct_routing(DIRECT, OURS, None) == Routing(OURS, EMS)
    assert broad_routing(DIRECT, OURS) == Routing(OURS, EMS)


def test_who_lists_its_clients_acts_for_them_alone_and_who_does_not_for_anybody():
    """ocpi-rules: hub roles (2.2.1 credentials 187; 2.3.0 credentials 169 reverses it)."""
    assert may_act_for(HUB_230, EMS)
    assert may_act_for(HUB_230, HUB)
    assert not may_act_for(HUB_230, FAR)
    assert may_act_for(HUB_221, FAR)
    assert not may_act_for(DIRECT, HUB)
    # a 2.2.1 platform that is a hub and an eMSP itself still passes on for others
    assert may_act_for(partner(("HUB", HUB), ("EMSP", EMS), hub=HUB), FAR)


def test_behind_a_hub_each_party_speaks_for_itself_and_the_hub_for_all():
    """S8: what one party asks through the hub is about its own objects."""
    assert speaks_as(HUB_221, MessageRouting(EMS), EMS)
    assert not speaks_as(HUB_221, MessageRouting(EMS), TWO)
    assert speaks_as(HUB_221, MessageRouting(HUB), TWO)
    assert speaks_as(HUB_221, MessageRouting(), TWO)
    assert speaks_as(DIRECT, MessageRouting(EMS), TWO)
    assert not speaks_as(DIRECT, MessageRouting(EMS), HUB)


def headers(sender=None, receiver=None):
    named = {}
    for direction, party in (("from", sender), ("to", receiver)):
        if party is not None:
            named[f"OCPI-{direction}-country-code"] = party.country_code
            named[f"OCPI-{direction}-party-id"] = party.party_id
    return named


def test_the_receiver_is_one_of_our_parties_that_the_partner_sees():
    """ocpi-rules 25, 12: 2001; 4001 is for hubs, and we are none."""
    assert read(headers(EMS, OURS), DIRECT, [OURS]) == MessageRouting(EMS, OURS)
    with pytest.raises(InvalidParameters) as refused:
        read(headers(EMS, OURS), DIRECT, [Party("NL", "XYZ")])
    assert refused.value.status_code == 2001


@pytest.mark.parametrize("sender", [HUB, FAR, OURS])
def test_who_claims_to_be_another_is_refused(sender):
    """S10."""
    who = DIRECT if sender != FAR else replace(DIRECT, roles=DIRECT.roles[1:])
    with pytest.raises(InvalidParameters):
        read(headers(sender, OURS), who, [OURS])


def test_a_hub_cannot_speak_for_us():
    """S10: our own party never is a sender."""
    with pytest.raises(InvalidParameters):
        read(headers(OURS, OURS), HUB_221, [OURS])


@pytest.mark.parametrize(
    "half",
    [{"OCPI-from-party-id": "EMS"}, {"OCPI-to-country-code": "NL"}, {"OCPI-to-party-id": ""}],
)
def test_half_a_party_is_no_party(half):
    """ocpi-rules 25: both headers, or (Open Routing Request) none of them."""
    if any(half.values()):
        with pytest.raises(InvalidParameters):
            read(half, DIRECT, [OURS])
    else:
        assert read(half, DIRECT, [OURS]) == MessageRouting()
