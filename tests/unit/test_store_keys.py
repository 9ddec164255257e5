"""Key names: one slot per party, and no way out of one's own key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.party import Party
from gateway.store import Change, keys

HOSTILE = [
    "*",
    "CP:1",
    "{NL*ABC}",
    "}x{",
    "a\nb",
    "a\r\nDEL x",
    "",
    "../CP1",
    "CP 1",
    "%2A",
    "é",
    "\0",
]


@pytest.mark.parametrize("identity", HOSTILE)
def test_an_identity_brings_no_separator_into_a_key(identity: str) -> None:
    """security-and-faults S22."""
    party_keys = keys.PartyKeys(Party("NL", "ABC"))
    own_part = party_keys.station(identity).removeprefix("gw:{NL*ABC}:station:")

    assert not set(own_part) & set(":/{}*\r\n\0 ")


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_different_identities_never_share_a_key(pair: list[str]) -> None:
    party_keys = keys.PartyKeys(Party("NL", "ABC"))

    assert party_keys.station(pair[0]) != party_keys.station(pair[1])
    assert party_keys.readings(pair[0], pair[1]) != party_keys.readings(pair[1], pair[0])


def test_every_key_of_a_party_has_its_hash_tag_and_no_other() -> None:
    party_keys = keys.PartyKeys(Party("NL", "ABC"))
    names = [
        party_keys.documents_order("sessions", "{x}"),
        party_keys.documents_updated("sessions"),
        party_keys.owed("{evil}"),
        party_keys.readings("{a}", "}b{"),
        party_keys.kept("CP1", "{s}"),
    ]

    assert {name[name.index("{") : name.index("}") + 1] for name in names} == {"{NL*ABC}"}
    assert all(name.count("{") == 1 for name in names)


def test_evse_fields_compare_as_ci_strings() -> None:
    assert keys.evse_field("LOC1", "3256") == keys.evse_field("loc1", "3256")
    assert keys.evse_field("a/b", "c") != keys.evse_field("a", "b/c")


def test_a_change_refuses_a_key_of_another_party() -> None:
    change = Change(Party("NL", "ABC"))

    with pytest.raises(ValueError, match="not a key of"):
        change.hset(keys.PartyKeys(Party("NL", "XYZ")).evses, "a", "b")


def test_a_change_wakes_each_partner_once_however_many_objects_it_owes() -> None:
    change = Change(Party("NL", "ABC"))
    for number in range(3):
        change.owe(["p1", "p2"], ObjectRef(ObjectKind.SESSION, str(number)))

    assert change.command().count("publish") == 2


def test_a_long_list_is_sent_in_pieces_that_lua_can_unpack() -> None:
    change = Change(Party("NL", "ABC"))
    change.rpush(keys.PartyKeys(Party("NL", "ABC")).evses, *range(2_500))

    assert change.command().count("RPUSH") == 3
