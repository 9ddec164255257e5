"""The record of the Invoice Reconciliation module (2.3.0 mod_invoice_reconciliation 1.4.1)."""

from typing import Annotated

from pydantic import Field, StringConstraints

from gateway.canonical.types import (
    Ascii,
    CiString36,
    CountryCode,
    DateTime,
    OcpiObject,
    PartyId,
)

MOST_CDRS = 100_000
CdrId = Annotated[Ascii, StringConstraints(min_length=1, max_length=39)]
"""A credit CDR's id has up to 39 characters (mod_cdrs), the table of this module says 36."""


class InvoiceReconciliationRecord(OcpiObject):
    """An invoice, and the CDRs that it is about."""

    country_code: CountryCode
    party_id: PartyId
    id: CiString36
    invoice_id: Annotated[Ascii, StringConstraints(min_length=1, max_length=255)]
    cdrs: Annotated[list[CdrId], Field(min_length=1, max_length=MOST_CDRS)]
    last_updated: DateTime
