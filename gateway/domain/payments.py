"""Payments at the station itself (OCPP 2.1): settlements, VAT numbers, payment pages.

The one-time code in the URL of a QR code (WebPaymentsCtrlr.TOTPVersion "v1") is taken from an
HMAC-SHA256 over the number of the current interval, as RFC 6238 counts it; the bytes from a
dynamic offset on are written in base 62.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from gateway.domain.commands import Command

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OFFSET_BITS = 0x0F


class SettlementStatus(StrEnum):
    """PaymentStatusEnumType."""

    SETTLED = "Settled"
    CANCELED = "Canceled"
    REJECTED = "Rejected"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Company:
    """Whom a receipt is made out to: OCPP AddressType."""

    name: str
    address1: str
    city: str
    country: str
    address2: str | None = None
    postal_code: str | None = None


@dataclass(frozen=True, slots=True)
class SettlementReported:
    """NotifySettlement: what became of a payment at the station's terminal.

    `psp_ref` is the payment's reference, and the token of its transaction. `transaction_id` is
    absent when it was cancelled before one began.
    """

    psp_ref: str
    status: SettlementStatus
    amount: Decimal
    at: datetime
    transaction_id: str | None = None
    info: str | None = None
    receipt_id: str | None = None
    receipt_url: str | None = None
    vat_number: str | None = None
    company: Company | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt that we made, for the station to show: at most 2000 and 50 characters."""

    url: str | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True)
class VatNumberAsked:
    """VatNumberValidation: a driver wants a receipt for a company."""

    vat_number: str
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class NotifyWebPayment(Command):
    """Tell a station that somebody is paying for an EVSE on a web page, for so many seconds."""

    evse_id: int
    timeout: int


def interval_hash(secret: str, at: datetime, validity: int) -> bytes:
    """HMAC-SHA256 of the number of the interval of `validity` seconds (RFC 6238, 4.2)."""
    counter = int(at.timestamp()) // validity
    return hmac.new(secret.encode(), counter.to_bytes(8, "big"), hashlib.sha256).digest()


def one_time_code(secret: str, at: datetime, validity: int, length: int) -> str:
    """The code that the station shows at that time."""
    digest = interval_hash(secret, at, validity)
    offset = digest[-1] & _OFFSET_BITS
    return "".join(
        _ALPHABET[digest[(offset + place) % len(digest)] % len(_ALPHABET)]
        for place in range(length)
    )


def is_current(code: str, secret: str, now: datetime, validity: int, length: int) -> bool:
    """Whether a code is that of this interval, or of the one before or after.

    The neighbours make up for delays and for clocks that are a little off.
    """
    moments = (now, now - timedelta(seconds=validity), now + timedelta(seconds=validity))
    codes = [one_time_code(secret, at, validity, length) for at in moments]
    return any(hmac.compare_digest(code.encode(), one.encode()) for one in codes)
