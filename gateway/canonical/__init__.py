"""The OCPI 2.3.0 documents that operators and partners hand in: validated and normalised.

Each function takes decoded JSON, raises `InvalidDocument` with every fault found, and returns the
canonical dict: times in UTC with `Z`, country_code and party_id in upper case, numbers exact,
nulls left out, members that the standard does not know kept.
"""

from typing import Any

from pydantic import ValidationError

from gateway.canonical.invoices import InvoiceReconciliationRecord
from gateway.canonical.locations import BusinessDetails, Location
from gateway.canonical.payments import FinancialAdviceConfirmation, Terminal
from gateway.canonical.tariffs import Tariff
from gateway.canonical.tokens import Token, token_type
from gateway.canonical.types import InvalidDocument, OcpiObject, say

__all__ = [
    "InvalidDocument",
    "token_type",
    "validate_business_details",
    "validate_confirmation",
    "validate_invoice_record",
    "validate_location",
    "validate_tariff",
    "validate_terminal",
    "validate_token",
]


def _validate(model: type[OcpiObject], document: Any) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise InvalidDocument(["not a JSON object"])
    try:
        return model.model_validate(document).model_dump(exclude_none=True)
    except ValidationError as error:
        raise InvalidDocument([say(one) for one in error.errors()]) from None


def validate_business_details(document: Any) -> dict[str, Any]:
    """BusinessDetails, of a party of ours."""
    return _validate(BusinessDetails, document)


def validate_location(document: Any) -> dict[str, Any]:
    """A Location; `last_updated` and EVSE status may be absent, the gateway sets them.

    EVSEs may carry `charge_point` {identity, evse_id}, which never goes to partners.
    """
    return _validate(Location, document)


def validate_tariff(document: Any) -> dict[str, Any]:
    """A Tariff; `last_updated` may be absent, `tax_included` may not."""
    return _validate(Tariff, document)


def validate_token(document: Any) -> dict[str, Any]:
    """A Token; unknown types become OTHER, unknown whitelists NEVER."""
    return _validate(Token, document)


def validate_terminal(document: Any) -> dict[str, Any]:
    """A payment Terminal."""
    return _validate(Terminal, document)


def validate_confirmation(document: Any) -> dict[str, Any]:
    """A FinancialAdviceConfirmation."""
    return _validate(FinancialAdviceConfirmation, document)


def validate_invoice_record(document: Any) -> dict[str, Any]:
    """An InvoiceReconciliationRecord."""
    return _validate(InvoiceReconciliationRecord, document)
