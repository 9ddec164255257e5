"""OCPI 2.3.0 mod_payments (of the payments branch): Terminal and Financial Advice Confirmation."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simulators.partner.v2_2_1.locations import GeoLocation
from simulators.partner.v2_2_1.types import (
    CiString10,
    CiString20,
    CiString36,
    CiString45,
    CiString255,
    Country,
    CountryCode,
    Currency,
    DateTime,
    OcpiObject,
    PartyId,
    Url,
)
from simulators.partner.v2_3_0.types import Price

InvoiceCreator = Literal["CPO", "PTP"]
CaptureStatusCode = Literal["SUCCESS", "PARTIAL_SUCCESS", "FAILED"]
EftLine = Annotated[CiString255, Field(min_length=1)]


class TerminalFields(OcpiObject):
    """All but the id, which "is optional in the activation request"."""

    clause: ClassVar[str] = "2.3.0 mod_payments, Terminal object"

    customer_reference: CiString36 | None = None
    party_id: PartyId | None = None
    country_code: CountryCode | None = None
    address: CiString45 | None = None
    city: CiString45 | None = None
    postal_code: CiString10 | None = None
    state: CiString20 | None = None
    country: Country | None = None
    coordinates: GeoLocation | None = None
    invoice_base_url: Url | None = None
    invoice_creator: InvoiceCreator | None = None
    reference: CiString36 | None = None
    location_ids: Sequence[CiString36] | None = None
    evse_uids: Sequence[CiString36] | None = None


class Terminal(TerminalFields):
    terminal_id: CiString36
    last_updated: DateTime


class TerminalToActivate(TerminalFields):
    terminal_id: CiString36 | None = None
    # the standard's own example of an activation has none
    last_updated: DateTime | None = None


class FinancialAdviceConfirmation(OcpiObject):
    clause: ClassVar[str] = "2.3.0 mod_payments, Financial Advice Confirmation object"

    id: CiString36
    authorization_reference: CiString36
    total_costs: Price
    currency: Currency
    eft_data: Annotated[Sequence[EftLine], Field(min_length=1)]
    capture_status_code: CaptureStatusCode
    capture_status_message: EftLine | None = None
    last_updated: DateTime
