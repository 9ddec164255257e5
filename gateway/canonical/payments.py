"""The objects of the Payments module (2.3.0 release payments, mod_payments 1.3).

A Payment Terminal Provider (PTP) owns them. Its own examples leave out `last_updated` and
`eft_data`, and write a Price as 2.2.1 did: all of that is read.
"""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gateway.canonical.locations import GeoLocation
from gateway.canonical.types import (
    CiString36,
    CountryCode,
    Currency,
    DateTime,
    Number,
    OcpiObject,
    OpenEnum,
    OrNothing,
    PartyId,
    Printable,
    String10,
    String45,
    String255,
    Url,
)

_MOST_IDS = 10_000


class TaxAmount(OcpiObject):
    """types 1.4.8."""

    name: Printable
    account_number: Printable | None = None
    percentage: Number | None = None
    amount: Number


class Price(OcpiObject):
    """types 1.4.7."""

    before_taxes: Number
    taxes: list[TaxAmount] = Field(default_factory=list)


def _price(value: Any) -> Any:
    # the examples of mod_payments still have the Price of 2.2.1
    if not isinstance(value, dict) or "before_taxes" in value or "excl_vat" not in value:
        return value
    before, after = value["excl_vat"], value.get("incl_vat")
    taxes = []
    if isinstance(before, int | Decimal) and isinstance(after, int | Decimal):
        taxes = [{"name": "VAT", "amount": Decimal(after) - Decimal(before)}]
    return {"before_taxes": before, "taxes": taxes}


Ids = Annotated[list[CiString36], Field(max_length=_MOST_IDS)]


class Terminal(OcpiObject):
    """mod_payments 1.3.1: a payment terminal, and the locations and EVSEs that it serves."""

    terminal_id: CiString36
    customer_reference: CiString36 | None = None
    party_id: Annotated[PartyId | None, OrNothing] = None
    country_code: Annotated[CountryCode | None, OrNothing] = None
    address: Annotated[String45 | None, OrNothing] = None
    city: Annotated[String45 | None, OrNothing] = None
    postal_code: Annotated[String10 | None, OrNothing] = None
    state: Annotated[String45 | None, OrNothing] = None
    country: Annotated[String10 | None, OrNothing] = None
    coordinates: Annotated[GeoLocation | None, OrNothing] = None
    invoice_base_url: Annotated[Url | None, OrNothing] = None
    invoice_creator: OpenEnum | None = None
    reference: CiString36 | None = None
    location_ids: Ids = Field(default_factory=list)
    evse_uids: Ids = Field(default_factory=list)
    last_updated: DateTime


class FinancialAdviceConfirmation(OcpiObject):
    """mod_payments 1.3.2: what was captured at the payment service provider, and its EFT data."""

    id: CiString36
    authorization_reference: CiString36
    total_costs: Annotated[Price, BeforeValidator(_price)]
    currency: Currency
    eft_data: Annotated[list[String255], Field(max_length=100)] = Field(default_factory=list)
    capture_status_code: OpenEnum
    capture_status_message: Annotated[String255 | None, OrNothing] = None
    last_updated: DateTime
