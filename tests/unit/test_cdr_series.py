"""The ids of a session's CDRs, Credit CDRs and corrected ones (mod_cdrs, Credit CDRs)."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as some

from gateway.domain.bills.cdr_series import LAST, CdrPlace, is_correction, place_of

SESSION = "0f0e7d4c-1a2b-4c3d-8e9f-001122334455"
BARE = SESSION.replace("-", "")

uuids = some.uuids().map(str)
places = some.builds(CdrPlace, uuids, some.integers(0, LAST), some.booleans())


def test_the_first_cdr_has_the_id_of_its_session() -> None:
    assert CdrPlace(SESSION).id == SESSION


def test_each_follows_from_the_one_before() -> None:
    place = place_of(SESSION)
    assert place.credited_by is not None
    assert place.corrected_by is not None
    assert place.credited_by.id == f"{BARE}-0C"
    assert place.corrected_by.id == f"{BARE}-1"


@given(places)
def test_an_id_tells_its_place_in_whatever_case(place: CdrPlace) -> None:
    """CiString: ids are the same whatever their case."""
    assert place_of(place.id) == place
    assert place_of(place.id.upper()).id.lower() == place.id.lower()


@given(places)
def test_no_id_is_longer_than_36_characters(place: CdrPlace) -> None:
    assert len(place.id) <= 36


@given(some.sets(places, min_size=2, max_size=20))
def test_no_two_places_have_one_id(several: set[CdrPlace]) -> None:
    assert len({place.id.lower() for place in several}) == len(several)


@given(uuids)
def test_the_id_of_a_session_is_no_correction(session_id: str) -> None:
    assert place_of(session_id) == CdrPlace(session_id)
    assert not is_correction(session_id)


@given(some.text(min_size=1, max_size=40))
def test_any_text_has_a_place_that_gives_it_back(text: str) -> None:
    assert place_of(text).id.lower() == text.lower()


def test_a_credit_cdr_is_neither_credited_nor_corrected() -> None:
    credit = CdrPlace(SESSION, 1, credit=True)
    assert credit.credited_by is None
    assert credit.corrected_by is None


def test_the_series_ends() -> None:
    assert CdrPlace(SESSION, LAST).corrected_by is None
    assert CdrPlace(SESSION, LAST).credited_by is not None


def test_an_id_that_is_too_long_to_add_to_has_no_credit() -> None:
    assert CdrPlace("x" * 36).credited_by is None


def test_what_goes_before_is_in_the_order_in_which_it_was_made() -> None:
    assert [one.id for one in CdrPlace(SESSION, 2).earlier] == [
        SESSION,
        f"{BARE}-0C",
        f"{BARE}-1",
        f"{BARE}-1C",
    ]


def test_a_bare_uuid_is_written_back_with_its_dashes() -> None:
    assert place_of(f"{BARE}-0C").session_id == str(UUID(BARE))
