"""OCPI 2.3.0 types.asciidoc: prices with their taxes, and enumerations that anybody may extend."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simulators.partner.v2_2_1.types import Amount, Number, OcpiObject, String255

# "there should also be room for implementers to name new or custom" values
OpenEnum = Annotated[str, Field(strict=True, min_length=1, pattern=r"^[!-~]+$")]

# a hub is named by hub_party_id, no longer by a role; PTP is of the payments branch
Role = Literal["CPO", "EMSP", "NAP", "NSP", "OTHER", "PTP", "SCSP"]


class TaxAmount(OcpiObject):
    clause: ClassVar[str] = "2.3.0 types, TaxAmount"

    name: String255
    account_number: String255 | None = None
    percentage: Number | None = None
    amount: Number


class Price(Amount):
    clause: ClassVar[str] = "2.3.0 types, Price"

    before_taxes: Number
    taxes: Sequence[TaxAmount] | None = None

    def parts(self) -> dict[str, Decimal]:
        if self.taxes is None:
            return {"before_taxes": self.before_taxes}
        taxes = sum((tax.amount for tax in self.taxes), Decimal(0))
        return {"before_taxes": self.before_taxes, "taxes": taxes}


class PriceLimit(Amount):
    clause: ClassVar[str] = "2.3.0 mod_tariffs, PriceLimit"

    before_taxes: Number
    after_taxes: Number | None = None
