"""What must not overtake each other."""

from gateway.delivery.owing import Owing, going_before, whole_first
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.party import Party

PARTY = Party("NL", "CPO")
SESSION = "0f0e7d4c-1a2b-4c3d-8e9f-001122334455"
BARE = SESSION.replace("-", "")


def lane(text: str, party: Party = PARTY) -> object:
    return Owing(party, ObjectRef.parse(text), 1).lane


def test_a_location_and_its_evses_share_a_lane() -> None:
    assert lane("location/LOC1") == lane("evse/loc1/E1") == lane("evse/LOC1/E2")


def test_a_session_and_its_cdr_share_a_lane() -> None:
    assert lane("session/S1") == lane("cdr/S1")


def test_the_cdrs_of_one_session_share_its_lane() -> None:
    series = [f"cdr/{id_}" for id_ in (SESSION, f"{BARE}-0C", f"{BARE}-1", f"{BARE}-1C")]
    assert {lane(text) for text in series} == {lane(f"session/{SESSION}")}


def test_a_corrected_cdr_goes_after_all_that_came_before_it() -> None:
    """mod_cdrs: "After having sent the Credit CDR, the CPO can send a new CDR"."""
    corrected = Owing(PARTY, ObjectRef.parse(f"cdr/{BARE}-1"), 1)
    assert [str(one.ref) for one in going_before(corrected)] == [
        f"session/{SESSION}",
        f"cdr/{SESSION}",
        f"cdr/{BARE}-0C",
    ]


def test_a_cdr_goes_after_its_session() -> None:
    first = Owing(PARTY, ObjectRef.parse(f"cdr/{SESSION}"), 1)
    assert [str(one.ref) for one in going_before(first)] == [f"session/{SESSION}"]


def test_different_things_of_one_name_do_not_wait_for_each_other() -> None:
    lanes = {lane("location/1"), lane("session/1"), lane("tariff/1"), lane("session/2")}
    assert len(lanes) == 4


def test_the_same_name_at_another_party_is_another_thing() -> None:
    assert lane("session/1") != lane("session/1", Party("NL", "XYZ"))


def test_evses_go_with_their_location_where_that_is_owed_too() -> None:
    """R11: one request for what one request can tell."""
    evse = Owing(PARTY, ObjectRef(ObjectKind.EVSE, "LOC1", "E1"), 1)
    other = Owing(PARTY, ObjectRef(ObjectKind.EVSE, "LOC2", "E1"), 2)
    whole = Owing(PARTY, ObjectRef(ObjectKind.LOCATION, "loc1"), 3)

    again = whole_first(whole_first([evse, other, whole]))

    assert [one.ref for one in again] == [other.ref, whole.ref]
    assert [one.ref for one in again[1].parts] == [evse.ref]
