"""The rules of OCPI 2.2.1 mod_tariffs between the fields of one Tariff, each with its clause."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from simulators.partner.finding import Finding, advice, below, violation


def tariff_rules(tariff: Any) -> Iterator[Finding]:
    """mod_tariffs, Tariff object and TariffRestrictions."""
    for index, element in enumerate(tariff.elements):
        yield from below(f"elements.{index}", element_rules(element))
    if (
        tariff.start_date_time is not None
        and tariff.end_date_time is not None
        and tariff.end_date_time < tariff.start_date_time
    ):
        yield violation(tariff.clause, "ends before it starts", "end_date_time")


def element_rules(element: Any) -> Iterator[Finding]:
    kinds = [component.type for component in element.price_components]
    for kind, count in Counter(kinds).items():
        if count > 1:
            yield advice(
                "2.2.1 mod_tariffs, Tariff object",
                "only one Price Component per dimension can be active at any point in time",
                "price_components",
                kind,
            )
    for index, component in enumerate(element.price_components):
        if component.step_size < 1 and component.type != "FLAT":
            yield advice(
                "2.2.1 mod_tariffs, PriceComponent",
                "step_size is the minimum amount to be billed, at least one unit",
                f"price_components.{index}.step_size",
                component.step_size,
            )
    # 2.1.1 knows no reservations here
    if getattr(element.restrictions, "reservation", None) is not None:
        for kind in kinds:
            if kind not in {"FLAT", "TIME"}:
                yield violation(
                    "2.2.1 mod_tariffs, TariffRestrictions",
                    "a reservation can only have FLAT and TIME dimensions",
                    "restrictions.reservation",
                    kind,
                )
