"""Which of a connector's tariffs counts: the standard's types, and the operator's own partners."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.charging_preferences import ProfileType
from gateway.domain.partners import Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.domain.tariffs.choice import Buyer, buyer_of, chosen, offered, profile_types
from gateway.domain.tokens import AuthMethod, TokenHolder, TokenType
from gateway.domain.transactions import TokenSeen, Transaction

T0 = datetime(2026, 3, 1, 10, tzinfo=UTC)
TYPES = (None, "REGULAR", "AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN")


def tariff(id_: str, type_: str | None = None, *partners: str, **more: str) -> dict[str, Any]:
    made: dict[str, Any] = {"id": id_, **more}
    made |= {"type": type_} if type_ else {}
    return made | ({"partners": list(partners)} if partners else {})


ONE_OF_EACH = [tariff(str(type_), type_) for type_ in TYPES]


def choice(tariffs: list[dict[str, Any]], **buyer: Any) -> str | None:
    found = chosen(tariffs, Buyer(**buyer))
    return None if found is None else found["id"]


@pytest.mark.parametrize(
    ("buyer", "expected"),
    [
        ({}, "REGULAR"),
        ({"profile": "REGULAR"}, "REGULAR"),
        ({"profile": "CHEAP"}, "PROFILE_CHEAP"),
        ({"profile": "FAST"}, "PROFILE_FAST"),
        ({"profile": "GREEN"}, "PROFILE_GREEN"),
        ({"ad_hoc": True}, "AD_HOC_PAYMENT"),
        ({"ad_hoc": True, "profile": "GREEN"}, "PROFILE_GREEN"),
    ],
)
def test_each_type_counts_where_the_standard_says_it_is_valid(
    buyer: dict[str, Any], expected: str
) -> None:
    """2.3.0 mod_tariffs, TariffType"""
    assert choice(ONE_OF_EACH, **buyer) == expected
    assert choice(ONE_OF_EACH[::-1], **buyer) == expected


def test_every_profile_and_every_type_has_a_use() -> None:
    used = {choice(ONE_OF_EACH, profile=one.value) for one in ProfileType}
    used |= {choice(ONE_OF_EACH, ad_hoc=True), choice(ONE_OF_EACH[:1])}
    assert used == {str(one) for one in TYPES}


@pytest.mark.parametrize("buyer", [{}, {"ad_hoc": True}, {"profile": "CHEAP"}])
def test_one_without_a_type_is_valid_for_all_sessions(buyer: dict[str, Any]) -> None:
    """2.3.0 mod_tariffs Tariff.type: "When omitted, this tariff is valid for all sessions" """
    assert choice([tariff("ANY")], **buyer) == "ANY"


def test_a_regular_tariff_is_not_for_ad_hoc_payment() -> None:
    """ "valid when using an RFID": nothing is guessed for somebody who pays by card"""
    assert choice([tariff("R", "REGULAR")], ad_hoc=True) is None


def test_a_profile_is_not_for_a_session_without_that_preference() -> None:
    assert choice([tariff("G", "PROFILE_GREEN"), tariff("A", "AD_HOC_PAYMENT")]) is None


def test_a_partners_own_tariff_is_for_its_tokens_and_comes_first() -> None:
    both = [tariff("ALL", "REGULAR"), tariff("OWN", None, "ems", "other")]
    assert choice(both, partner_id="ems") == "OWN"
    assert choice(both, partner_id="third") == "ALL"
    assert choice(both) == "ALL"
    assert choice(both[1:], partner_id="third") is None


def test_what_a_driver_has_asked_for_comes_before_a_partners_own_regular_tariff() -> None:
    both = [tariff("GREEN", "PROFILE_GREEN"), tariff("OWN", "REGULAR", "ems")]
    assert choice(both, partner_id="ems", profile="GREEN") == "GREEN"
    own = tariff("OWN-GREEN", "PROFILE_GREEN", "ems")
    assert choice([*both, own], partner_id="ems", profile="GREEN") == "OWN-GREEN"


def test_of_two_for_the_same_the_connectors_first_counts() -> None:
    assert choice([tariff("1"), tariff("2")]) == "1"


def test_nobody_is_shown_whom_a_tariff_is_for() -> None:
    found = chosen([tariff("OWN", None, "ems")], Buyer("ems"))
    assert found == {"id": "OWN"}


@pytest.mark.parametrize(
    ("start", "end", "valid"),
    [
        (None, None, True),
        ("2026-03-01T10:00:00Z", None, True),
        ("2026-03-01T10:00:01Z", None, False),
        (None, "2026-03-01T10:00:01Z", True),
        (None, "2026-03-01T10:00:00Z", False),
        ("2026-02-01T00:00:00Z", "2026-03-01T09:00:00Z", False),
    ],
)
def test_only_what_is_valid_at_the_start_is_offered(
    start: str | None, end: str | None, valid: bool
) -> None:
    """2.3.0 mod_tariffs start_date_time, end_date_time"""
    dates = {"start_date_time": start, "end_date_time": end}
    one = tariff("T", None, **{name: at for name, at in dates.items() if at})
    assert bool(offered([None, one], T0)) is valid


# --- who pays ---------------------------------------------------------------------------------


def transaction(**changes: Any) -> Transaction:
    holder = TokenHolder("U", TokenType.AD_HOC_USER, "DE", "EMS", "C", "ems")
    made = Transaction("CP", "1", 1, T0, "S1", "S1", holder=holder)
    return replace(made, **changes)


def partner(role: str) -> Partner:
    roles = (PartnerRole(role, Party("DE", "EMS"), "EMS"),)
    return Partner("ems", "EMS", PartnerState.REGISTERED, T0, roles=roles)


def test_an_apps_one_time_token_is_no_ad_hoc_payment() -> None:
    """2.3.0 mod_tokens AD_HOC_USER: "to bind a Session to a customer, probably an app user" """
    started = transaction(
        token=TokenSeen("U", TokenType.AD_HOC_USER), auth_method=AuthMethod.COMMAND
    )
    assert buyer_of(started, partner("EMSP"), None) == Buyer("ems")


def test_what_a_payment_terminals_provider_starts_is_ad_hoc_payment() -> None:
    """2.3.0 payments: role PTP"""
    started = transaction(auth_method=AuthMethod.COMMAND)
    assert buyer_of(started, partner("PTP"), None) == Buyer("ems", ad_hoc=True)


def test_so_is_what_the_station_itself_says_was_paid_there() -> None:
    started = transaction(token=TokenSeen("U", TokenType.AD_HOC_USER))
    assert buyer_of(started, None, None).ad_hoc


def test_a_preference_counts_for_its_own_session_only() -> None:
    """S8: of another partner's Session nothing is taken over"""
    assert buyer_of(transaction(), None, ("S1", "GREEN")).profile == "GREEN"
    assert buyer_of(transaction(session_id="S2"), None, ("S1", "GREEN")).profile is None


def test_a_driver_can_have_the_profiles_of_tariffs_that_its_partner_sees() -> None:
    tariffs = [tariff("1"), tariff("2", "PROFILE_FAST"), tariff("3", "PROFILE_GREEN", "other")]
    assert profile_types(tariffs, "ems") == {"PROFILE_FAST"}
    assert profile_types(tariffs, "other") == {"PROFILE_FAST", "PROFILE_GREEN"}
