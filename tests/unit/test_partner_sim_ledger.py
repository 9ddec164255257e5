"""The partner's rules over time: what a second message may do to what the first one said."""

import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from simulators.partner.exact_json import Json
from simulators.partner.ledger import Ledger
from simulators.partner.owner import Owner
from simulators.partner.receipt import Receipt
from simulators.partner.version import V2_2_1
from simulators.partner.wallet import Grant, Wallet

CPO = Owner("NL", "ABC")
TOKEN: Json = {
    "country_code": "DE",
    "party_id": "EMS",
    "uid": "EMS00000001",
    "type": "RFID",
    "contract_id": "DEEMSC1",
    "issuer": "EMS",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": "2026-01-01T00:00:00Z",
}
CDR_TOKEN = {name: TOKEN[name] for name in ("country_code", "party_id", "uid", "type")} | {
    "contract_id": "DEEMSC1"
}


def at(minute: int) -> str:
    return f"2026-01-01T10:{minute:02}:00Z"


def connector(minute: int = 0) -> Json:
    return {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
        "tariff_ids": ["T1"],
        "last_updated": at(minute),
    }


def evse(uid: str = "E1", minute: int = 0, status: str = "AVAILABLE") -> Json:
    return {
        "uid": uid,
        "evse_id": f"NL*ABC*{uid}",
        "status": status,
        "connectors": [connector()],
        "last_updated": at(minute),
    }


def location(minute: int = 0, *evses: Json) -> Json:
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "LOC1",
        "publish": True,
        "address": "Street 1",
        "city": "Town",
        "country": "NLD",
        "coordinates": {"latitude": "52.12345", "longitude": "4.12345"},
        "evses": list(evses or [evse()]),
        "time_zone": "Europe/Amsterdam",
        "last_updated": at(minute),
    }


def tariff(minute: int = 0) -> Json:
    price = {"type": "ENERGY", "price": Decimal("0.25"), "vat": Decimal("21.0"), "step_size": 1}
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "T1",
        "currency": "EUR",
        "elements": [{"price_components": [price]}],
        "last_updated": at(minute),
    }


def session(minute: int = 0, **fields: Any) -> Json:
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "S1",
        "start_date_time": at(0),
        "kwh": Decimal("0.0"),
        "cdr_token": dict(CDR_TOKEN),
        "auth_method": "WHITELIST",
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
        "currency": "EUR",
        "status": "ACTIVE",
        "last_updated": at(minute),
        **fields,
    }


def completed(minute: int = 30, **fields: Any) -> Json:
    return session(minute, status="COMPLETED", end_date_time=at(30), kwh=Decimal("7.123"), **fields)


def cdr(**fields: Any) -> Json:
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "C1",
        "start_date_time": at(0),
        "end_date_time": at(30),
        "session_id": "S1",
        "cdr_token": dict(CDR_TOKEN),
        "auth_method": "WHITELIST",
        "cdr_location": {
            "id": "LOC1",
            "address": "Street 1",
            "city": "Town",
            "country": "NLD",
            "coordinates": {"latitude": "52.12345", "longitude": "4.12345"},
            "evse_uid": "E1",
            "evse_id": "NL*ABC*E1",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR",
        "charging_periods": [
            {
                "start_date_time": at(0),
                "dimensions": [{"type": "ENERGY", "volume": Decimal("7.123")}],
            }
        ],
        "total_cost": {"excl_vat": Decimal("1.78"), "incl_vat": Decimal("2.15")},
        "total_energy": Decimal("7.123"),
        "total_time": Decimal("0.5"),
        "last_updated": at(31),
        **fields,
    }


@pytest.fixture
def wallet() -> Wallet:
    wallet = Wallet()
    wallet.keep(TOKEN)
    return wallet


@pytest.fixture
def ledger(wallet: Wallet) -> Ledger:
    return Ledger(V2_2_1, wallet)


def clauses(receipt: Receipt) -> list[str]:
    return [found.clause for found in receipt.findings if found.severity == "violation"]


def post(ledger: Ledger, data: Json) -> Receipt:
    return ledger.post_cdr(data, lambda owner: owner.key("") == CPO.key(""))


# -- locations


def test_a_first_put_creates_and_a_second_updates(ledger: Ledger) -> None:
    assert ledger.put_location(CPO, "LOC1", location()).created
    again = ledger.put_location(CPO, "LOC1", location(1))
    assert again.accepted
    assert not again.created


def test_ids_in_the_url_compare_case_insensitively(ledger: Ledger) -> None:
    """ocpi-rules 23."""
    assert ledger.put_location(Owner("nl", "abc"), "loc1", location()).accepted
    assert ledger.get_location(CPO, "LOC1", "e1", "1") == connector()


def test_an_id_that_differs_from_the_url_is_refused(ledger: Ledger) -> None:
    receipt = ledger.put_location(CPO, "LOC2", location())
    assert receipt.status_code == 2001
    assert ledger.locations == {}


def test_a_party_that_differs_from_the_url_is_refused(ledger: Ledger) -> None:
    assert ledger.put_location(Owner("NL", "XYZ"), "LOC1", location()).status_code == 2001


def test_last_updated_never_goes_back(ledger: Ledger) -> None:
    ledger.put_location(CPO, "LOC1", location(5))
    assert ledger.put_location(CPO, "LOC1", location(4)).status_code == 2001


def test_a_change_without_a_new_last_updated_is_advice(ledger: Ledger) -> None:
    ledger.put_location(CPO, "LOC1", location(5))
    receipt = ledger.put_location(CPO, "LOC1", location(5) | {"name": "new"})
    assert receipt.accepted
    assert [found.severity for found in receipt.findings] == ["advice"]


def test_an_evse_patch_lifts_the_locations_last_updated(ledger: Ledger) -> None:
    """ocpi-rules 8."""
    ledger.put_location(CPO, "LOC1", location())
    patch = {"status": "CHARGING", "last_updated": at(7)}
    assert ledger.patch_evse(CPO, "LOC1", "E1", patch).accepted
    held = ledger.get_location(CPO, "LOC1", None, None)
    assert held is not None
    assert held["last_updated"] == at(7)
    assert held["evses"][0]["status"] == "CHARGING"


def test_a_connector_put_lifts_evse_and_location(ledger: Ledger) -> None:
    """ocpi-rules 8."""
    ledger.put_location(CPO, "LOC1", location())
    assert ledger.put_connector(CPO, "LOC1", "E1", "1", connector(9)).accepted
    held = ledger.get_location(CPO, "LOC1", None, None)
    assert held is not None
    assert (held["last_updated"], held["evses"][0]["last_updated"]) == (at(9), at(9))


@pytest.mark.parametrize("level", ["location", "evse", "connector", "session"])
def test_a_patch_without_last_updated_is_refused(ledger: Ledger, level: str) -> None:
    """ocpi-rules 9."""
    ledger.put_location(CPO, "LOC1", location())
    ledger.put_session(CPO, "S1", session())
    receipt = {
        "location": lambda: ledger.patch_location(CPO, "LOC1", {"name": "x"}),
        "evse": lambda: ledger.patch_evse(CPO, "LOC1", "E1", {"status": "BLOCKED"}),
        "connector": lambda: ledger.patch_connector(CPO, "LOC1", "E1", "1", {"tariff_ids": []}),
        "session": lambda: ledger.patch_session(CPO, "S1", {"kwh": 1}),
    }[level]()
    assert receipt.status_code == 2001
    assert [found.where for found in receipt.findings] == ["last_updated"]


def test_an_evse_of_an_unknown_location_is_missing_with_2003(ledger: Ledger) -> None:
    receipt = ledger.put_evse(CPO, "LOC9", "E1", evse())
    assert (receipt.missing, receipt.status_code) == (True, 2003)


def test_a_patch_of_an_unknown_evse_is_missing(ledger: Ledger) -> None:
    ledger.put_location(CPO, "LOC1", location())
    patch = {"status": "BLOCKED", "last_updated": at(1)}
    assert ledger.patch_evse(CPO, "LOC1", "E9", patch).missing


def test_an_evse_is_never_deleted(ledger: Ledger) -> None:
    """ocpi-rules 13."""
    ledger.put_location(CPO, "LOC1", location(0, evse("E1"), evse("E2")))
    receipt = ledger.put_location(CPO, "LOC1", location(1, evse("E1")))
    assert clauses(receipt) == ["2.2.1 mod_locations, Flow and Lifecycle"]


def test_an_evse_uid_is_unique_within_the_platform(ledger: Ledger) -> None:
    """ocpi-rules 14."""
    ledger.put_location(CPO, "LOC1", location())
    assert not ledger.put_location(CPO, "LOC2", location() | {"id": "LOC2"}).accepted


def test_a_patch_of_evses_replaces_the_whole_list(ledger: Ledger) -> None:
    """ocpi-rules 10: only charging_periods are appended."""
    ledger.put_location(CPO, "LOC1", location())
    patch = {"evses": [evse("E1", 3), evse("E2", 3)], "last_updated": at(3)}
    assert ledger.patch_location(CPO, "LOC1", patch).accepted
    held = ledger.get_location(CPO, "LOC1", None, None)
    assert held is not None
    assert [one["uid"] for one in held["evses"]] == ["E1", "E2"]


# -- sessions


def period(minute: int, kwh: str) -> Json:
    return {
        "start_date_time": at(minute),
        "dimensions": [{"type": "ENERGY", "volume": Decimal(kwh)}],
    }


def test_a_patch_appends_charging_periods(ledger: Ledger) -> None:
    """ocpi-rules 10."""
    ledger.put_session(CPO, "S1", session(1, kwh=1, charging_periods=[period(0, "1")]))
    patch = {"kwh": 3, "charging_periods": [period(5, "2")], "last_updated": at(5)}
    assert ledger.patch_session(CPO, "S1", patch).accepted
    held = ledger.sessions[CPO.key("S1")]
    assert [one["start_date_time"] for one in held["charging_periods"]] == [at(0), at(5)]


@pytest.mark.parametrize("nothing", [{}, {"charging_periods": []}, {"charging_periods": None}])
def test_a_patch_without_periods_changes_none(ledger: Ledger, nothing: Json) -> None:
    """ocpi-rules 10."""
    ledger.put_session(CPO, "S1", session(1, kwh=1, charging_periods=[period(0, "1")]))
    patch = {"kwh": 3, "last_updated": at(5), **nothing}
    assert ledger.patch_session(CPO, "S1", patch).accepted
    assert ledger.sessions[CPO.key("S1")]["charging_periods"] == [period(0, "1")]


def test_a_put_replaces_charging_periods(ledger: Ledger) -> None:
    """ocpi-rules 10."""
    ledger.put_session(CPO, "S1", session(1, kwh=1, charging_periods=[period(0, "1")]))
    ledger.put_session(CPO, "S1", session(2, kwh=1))
    assert "charging_periods" not in ledger.sessions[CPO.key("S1")]


def test_periods_sent_twice_make_more_energy_than_kwh(ledger: Ledger) -> None:
    """A CPO that PATCHes the whole list instead of the new periods."""
    ledger.put_session(CPO, "S1", session(1, kwh=1, charging_periods=[period(0, "1")]))
    patch = {"kwh": 1, "charging_periods": [period(0, "1")], "last_updated": at(5)}
    assert not ledger.patch_session(CPO, "S1", patch).accepted


def test_a_patch_of_an_unknown_session_is_missing(ledger: Ledger) -> None:
    assert ledger.patch_session(CPO, "S1", {"kwh": 1, "last_updated": at(1)}).missing


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        ("PENDING", "ACTIVE", True),
        ("RESERVATION", "ACTIVE", True),
        ("ACTIVE", "INVALID", True),
        ("ACTIVE", "PENDING", False),
        ("COMPLETED", "ACTIVE", False),
        ("INVALID", "ACTIVE", False),
    ],
)
def test_a_status_only_steps_forward(
    ledger: Ledger, before: str, after: str, allowed: bool
) -> None:
    ledger.put_session(CPO, "S1", session(1, status=before))
    assert ledger.put_session(CPO, "S1", session(2, status=after)).accepted is allowed


def test_a_completed_session_is_not_modified(ledger: Ledger) -> None:
    ledger.put_session(CPO, "S1", completed())
    assert ledger.put_session(CPO, "S1", completed()).accepted
    assert not ledger.put_session(CPO, "S1", completed(31, meter_id="M")).accepted


def test_a_session_names_a_place_of_its_location(ledger: Ledger) -> None:
    ledger.put_location(CPO, "LOC1", location())
    assert not ledger.put_session(CPO, "S1", session(evse_uid="E9")).accepted


@pytest.mark.parametrize(
    "changes",
    [{"uid": "STRANGER"}, {"party_id": "XYZ"}, {"contract_id": "other"}, {"type": "APP_USER"}],
)
def test_a_session_names_a_token_that_we_issued(ledger: Ledger, changes: Json) -> None:
    data = session(cdr_token=CDR_TOKEN | changes)
    assert not ledger.put_session(CPO, "S1", data).accepted


def test_a_token_that_may_not_be_whitelisted_is_not(ledger: Ledger, wallet: Wallet) -> None:
    """ocpi-rules 18."""
    wallet.keep(TOKEN | {"whitelist": "NEVER"})
    assert not ledger.put_session(CPO, "S1", session()).accepted


def grant(method: Any, reference: str | None) -> Grant:
    return Grant(method, datetime(2026, 1, 1, tzinfo=UTC), "LOC1", reference)


@pytest.mark.parametrize("method", ["AUTH_REQUEST", "COMMAND"])
def test_an_authorization_reference_is_repeated(
    ledger: Ledger, wallet: Wallet, method: str
) -> None:
    """mod_sessions, authorization_reference."""
    wallet.grant("EMS00000001", "RFID", grant(method, "ref-1"))
    assert not ledger.put_session(CPO, "S1", session(auth_method=method)).accepted
    data = session(auth_method=method, authorization_reference="ref-2")
    assert not ledger.put_session(CPO, "S1", data).accepted
    data = session(auth_method=method, authorization_reference="ref-1")
    assert ledger.put_session(CPO, "S1", data).accepted


def test_an_authorization_that_was_never_given_is_not_claimed(ledger: Ledger) -> None:
    assert not ledger.put_session(CPO, "S1", session(auth_method="AUTH_REQUEST")).accepted


# -- cdrs


def test_a_cdr_that_equals_its_session_is_accepted(ledger: Ledger) -> None:
    ledger.put_session(CPO, "S1", completed())
    receipt = post(ledger, cdr())
    assert (receipt.created, receipt.findings) == (True, [])


@pytest.mark.parametrize(
    "fields",
    [
        {"kwh": Decimal("7.124")},
        {"currency": "NOK"},
        {"connector_id": "2"},
        {"total_cost": {"excl_vat": Decimal("1.79")}},
        {"authorization_reference": "ref-1"},
    ],
)
def test_a_cdr_that_differs_from_its_session_is_refused(
    ledger: Ledger, wallet: Wallet, fields: Json
) -> None:
    wallet.grant("EMS00000001", "RFID", grant("COMMAND", "ref-1"))
    assert ledger.put_session(CPO, "S1", completed() | fields).accepted
    assert not post(ledger, cdr()).accepted


def test_a_cdr_that_its_tariff_does_not_make_is_taken_and_reported(ledger: Ledger) -> None:
    """7.123 kWh x 0.25 are 1.7808: the partner contests it, the CDR is there all the same."""
    receipt = post(ledger, cdr(tariffs=[tariff()]))
    assert receipt.accepted
    assert clauses(receipt) == []  # in whole cents
    wrong = {"excl_vat": Decimal("1.70"), "incl_vat": Decimal("2.15")}
    receipt = post(ledger, cdr(id="C2", session_id="S2", tariffs=[tariff()], total_cost=wrong))
    assert receipt.accepted
    [found] = [one for one in receipt.findings if one.severity == "violation"]
    assert (found.where, found.evidence) == ("total_cost.excl_vat", "1.70, not 1.7808 to 1.7810")


def test_the_periods_of_a_session_and_its_cdr_are_the_same(ledger: Ledger) -> None:
    half = {"start_date_time": at(0), "dimensions": [{"type": "ENERGY", "volume": Decimal(3)}]}
    rest = {
        "start_date_time": at(12),
        "dimensions": [
            {"type": "ENERGY", "volume": Decimal("4.123")},
            {"type": "STATE_OF_CHARGE", "volume": 80},
        ],
    }
    ledger.put_session(CPO, "S1", completed(charging_periods=[half, rest]))
    assert clauses(post(ledger, cdr())) == ["2.2.1 mod_sessions, Session object"]
    billed = {**rest, "dimensions": rest["dimensions"][:1]}
    ledger.put_session(CPO, "S2", completed(id="S2", charging_periods=[half, rest]))
    same = cdr(id="C2", session_id="S2", charging_periods=[half, billed])
    assert clauses(post(ledger, same)) == []


def test_a_session_that_completes_differently_than_its_cdr_is_reported(ledger: Ledger) -> None:
    post(ledger, cdr())
    receipt = ledger.put_session(CPO, "S1", completed() | {"kwh": Decimal("7.2")})
    assert receipt.accepted
    assert clauses(receipt) == ["2.2.1 mod_cdrs, CDR object"]


def test_the_same_cdr_again_is_accepted_once(ledger: Ledger) -> None:
    post(ledger, cdr())
    receipt = post(ledger, cdr())
    assert (receipt.accepted, receipt.created, len(ledger.cdrs)) == (True, False, 1)
    assert [found.severity for found in receipt.findings if "id" in found.where] == ["advice"]


def test_a_cdr_is_immutable(ledger: Ledger) -> None:
    """ocpi-rules 19."""
    post(ledger, cdr())
    receipt = post(ledger, cdr(remark="changed"))
    assert not receipt.accepted
    assert "2.2.1 mod_cdrs, Flow and Lifecycle" in clauses(receipt)


def test_a_session_has_one_cdr(ledger: Ledger) -> None:
    post(ledger, cdr())
    assert not post(ledger, cdr(id="C2")).accepted


def credit(**fields: Any) -> Json:
    negative = {"excl_vat": Decimal("-1.78"), "incl_vat": Decimal("-2.15")}
    return cdr(id="C1-C", credit=True, credit_reference_id="C1", total_cost=negative, **fields)


def test_a_credit_cdr_makes_room_for_a_new_one(ledger: Ledger) -> None:
    """ocpi-rules 19."""
    post(ledger, cdr())
    assert post(ledger, credit()).accepted
    assert post(ledger, cdr(id="C2")).accepted


def test_what_follows_a_credit_cdr_need_not_be_what_the_session_says(
    ledger: Ledger, wallet: Wallet
) -> None:
    """mod_sessions: a COMPLETED Session is not modified, so a correction is in the CDR alone."""
    wallet.grant("EMS00000001", "RFID", grant("COMMAND", "ref-1"))
    assert ledger.put_session(CPO, "S1", completed()).accepted
    post(ledger, cdr())
    post(ledger, credit())
    assert post(ledger, cdr(id="C2", total_cost={"excl_vat": 1, "incl_vat": 1})).accepted


def test_a_cdr_is_credited_once(ledger: Ledger) -> None:
    post(ledger, cdr())
    post(ledger, credit())
    assert not post(ledger, credit() | {"id": "C1-D"}).accepted


def test_a_credit_cdr_is_not_credited(ledger: Ledger) -> None:
    post(ledger, cdr())
    post(ledger, credit())
    total = {"excl_vat": Decimal("1.78"), "incl_vat": Decimal("2.15")}
    again = credit() | {"id": "C1-D", "credit_reference_id": "C1-C", "total_cost": total}
    assert not post(ledger, again).accepted


def test_a_credit_cdr_says_more_than_the_original_but_not_something_else(ledger: Ledger) -> None:
    """mod_cdrs, Credit CDRs: "all the data of the original CDR"."""
    post(ledger, cdr(remark="STOP Local"))
    assert not post(ledger, credit(remark="charged twice")).accepted
    assert post(ledger, credit(remark="STOP Local; charged twice")).accepted


def test_a_credit_cdr_negates_only_the_total_cost(ledger: Ledger) -> None:
    """ocpi-rules 19."""
    post(ledger, cdr())
    assert not post(ledger, credit() | {"total_cost": {"excl_vat": Decimal("-1.00")}}).accepted
    wrong = copy.deepcopy(credit())
    wrong["total_energy"] = -wrong["total_energy"]
    wrong["charging_periods"][0]["dimensions"][0]["volume"] = wrong["total_energy"]
    assert not post(ledger, wrong).accepted


def test_a_cdr_of_a_foreign_party_is_refused(ledger: Ledger) -> None:
    assert not post(ledger, cdr(party_id="XYZ")).accepted


def test_a_cdr_without_session_id_is_refused_where_sessions_are_sent(ledger: Ledger) -> None:
    ledger.put_session(CPO, "S1", completed())
    data = cdr()
    del data["session_id"]
    assert not post(ledger, data).accepted


# -- tariffs


def test_a_tariff_is_put_and_deleted(ledger: Ledger) -> None:
    assert ledger.put_tariff(CPO, "T1", tariff()).created
    assert ledger.delete_tariff(CPO, "t1").accepted
    assert ledger.delete_tariff(CPO, "T1").missing


def test_deleting_a_tariff_in_use_is_advised_against(ledger: Ledger) -> None:
    ledger.put_location(CPO, "LOC1", location())
    ledger.put_tariff(CPO, "T1", tariff())
    receipt = ledger.delete_tariff(CPO, "T1")
    assert [found.clause for found in receipt.findings] == ["2.2.1 mod_tariffs, DELETE"]


def test_a_partner_that_forgot_everything_answers_that_it_knows_nothing(ledger: Ledger) -> None:
    ledger.put_location(CPO, "LOC1", location())
    ledger.forget_all()
    patch = {"status": "BLOCKED", "last_updated": at(1)}
    assert ledger.patch_evse(CPO, "LOC1", "E1", patch).missing
