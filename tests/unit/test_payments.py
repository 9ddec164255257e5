"""One-time codes of payment pages, and settlements in our words."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gateway.domain.payments import (
    Company,
    NotifyWebPayment,
    SettlementReported,
    SettlementStatus,
    interval_hash,
    is_current,
    one_time_code,
)
from gateway.ocpp import v21
from gateway.ocpp.v21.payment import settlement

NOW = datetime(2025, 6, 1, 12, 0, 10, tzinfo=UTC)
SECRET = "a random text of the station"


# RFC 6238, appendix B, SHA256: its secret is the 32 bytes of ASCII digits.
@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "46119246"),
        (1111111109, "68084774"),
        (1111111111, "67062674"),
        (1234567890, "91819424"),
        (2000000000, "90698825"),
        (20000000000, "77737706"),
    ],
)
def test_the_hash_of_an_interval_is_rfc_6238s(seconds: int, code: str) -> None:
    digest = interval_hash("12345678901234567890123456789012", at(seconds), 30)
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    assert f"{number % 10**8:08}" == code


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_a_code_has_the_length_that_is_set_and_letters_and_digits_only() -> None:
    for length in (6, 8, 40):
        code = one_time_code(SECRET, NOW, 30, length)
        assert len(code) == length
        assert code.isalnum()
        assert code.isascii()


@pytest.mark.parametrize(
    ("seconds", "valid"), [(-31, True), (-9, True), (0, True), (19, True), (49, True), (51, False)]
)
def test_a_code_is_good_in_its_own_interval_and_the_neighbours(seconds: int, valid: bool) -> None:
    """NOW is 10 s into an interval of 30 s."""
    code = one_time_code(SECRET, NOW, 30, 8)
    assert is_current(code, SECRET, NOW + timedelta(seconds=seconds), 30, 8) is valid


@pytest.mark.parametrize("code", ["", "a", "00000000", "é" * 8])
def test_another_code_is_not_good(code: str) -> None:
    assert not is_current(code, SECRET, NOW, 30, 8)


def test_a_shorter_code_is_not_good_although_it_begins_alike() -> None:
    code = one_time_code(SECRET, NOW, 30, 8)
    assert not is_current(code[:6], SECRET, NOW, 30, 8)


def test_a_code_of_another_secret_is_not_good() -> None:
    assert not is_current(one_time_code("another", NOW, 30, 8), SECRET, NOW, 30, 8)


def test_every_settlement_status_has_its_word() -> None:
    request = v21.DIALECT.schemas.request("NotifySettlement")
    assert request is not None
    words = request.document["definitions"]["PaymentStatusEnumType"]["enum"]
    assert {one.value for one in SettlementStatus} == set(words)


def test_a_settlement_in_our_words() -> None:
    """An empty transactionId is none: cancelled before one began."""
    address = {"name": "Acme", "address1": "Street 1", "city": "Utrecht", "country": "NL"}
    event = settlement(
        {
            "pspRef": "P",
            "status": "Canceled",
            "settlementAmount": Decimal("12.50"),
            "settlementTime": "2025-06-01T12:00:10Z",
            "transactionId": "",
            "vatNumber": "NL1",
            "vatCompany": {**address, "postalCode": "3511 ED"},
        }
    )
    company = Company("Acme", "Street 1", "Utrecht", "NL", postal_code="3511 ED")
    assert event == SettlementReported(
        "P", SettlementStatus.CANCELED, Decimal("12.50"), NOW, vat_number="NL1", company=company
    )


def test_a_web_payment_in_2_1s_words() -> None:
    asked = v21.DIALECT.asks[NotifyWebPayment](NotifyWebPayment(1, 60))
    assert asked is not None
    assert (asked.action, asked.payload) == (
        "NotifyWebPaymentStarted",
        {"evseId": 1, "timeout": 60},
    )
    assert asked.read({}).accepted
