"""Sessions and CDRs of OCPI 2.3.0 in neutral words: as in 2.2.1, with taxes summed up."""

from decimal import Decimal

from simulators.partner.exact_json import Json
from simulators.partner.facts import Facts
from simulators.partner.v2_2_1 import facts as v2_2_1


def amounts(price: Json | None) -> dict[str, Decimal] | None:
    if price is None:
        return None
    said = {"before_taxes": Decimal(price["before_taxes"])}
    if price.get("taxes") is not None:
        said["taxes"] = sum((Decimal(tax["amount"]) for tax in price["taxes"]), Decimal(0))
    return said


def session_facts(held: Json) -> Facts:
    return v2_2_1.session_facts(held, amounts)


def cdr_facts(held: Json) -> Facts:
    return v2_2_1.cdr_facts(held, amounts)
