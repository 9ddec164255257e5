"""The Credit CDR of a CDR (mod_cdrs, Credit CDRs).

It "will contain all the data of the original CDR. Only the values in the total_cost field SHALL
contain the negative amounts of the original CDR." Besides, it has an id and a time of its own, says
what it is and, after the remark of the original, why, where the operator did.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.domain.bills.remarks import joined
from gateway.domain.timestamps import to_text


def credit_object(
    original: Mapping[str, Any], id: str, now: datetime, remark: str | None = None
) -> dict[str, Any]:
    """The Credit CDR of a canonical CDR."""
    credit = dict(original) | {
        "id": id,
        "total_cost": _negative(original["total_cost"]),
        "credit": True,
        "credit_reference_id": original["id"],
        "last_updated": to_text(now),
    }
    words = joined(one for one in (original.get("remark"), remark) if one)
    return credit | ({"remark": words} if words else {})


def _negative(price: Mapping[str, Any]) -> dict[str, Any]:
    """A 2.3.0 Price: "before_taxes" and the amount of each tax; percentages stay."""
    negative = dict(price) | {"before_taxes": -price["before_taxes"]}
    if "taxes" in price:
        negative["taxes"] = [dict(tax) | {"amount": -tax["amount"]} for tax in price["taxes"] or ()]
    return negative
