"""OCPI 2.3.0 mod_invoice_reconciliation: InvoiceReconciliationRecord."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from simulators.partner.v2_2_1.types import (
    CiString36,
    CiString255,
    CountryCode,
    DateTime,
    OcpiObject,
    PartyId,
)


class InvoiceReconciliationRecord(OcpiObject):
    clause: ClassVar[str] = "2.3.0 mod_invoice_reconciliation, InvoiceReconciliationRecord object"

    country_code: CountryCode
    party_id: PartyId
    id: CiString36
    invoice_id: CiString255
    cdrs: Annotated[Sequence[CiString36], Field(min_length=1)]
    last_updated: DateTime
