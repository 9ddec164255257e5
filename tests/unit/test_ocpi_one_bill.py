"""One bill, whatever version tells it, and the same one whenever it is told."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import exact_json
from gateway.ocpi.versions import BY_NUMBER, VERSIONS, Version

CDRS = Path(__file__).parents[1] / "fixtures" / "cdrs"
STORED = (CDRS / "stored.json").read_bytes()
"""As gateways have stored CDRs from the first: nothing that later versions have added."""

amounts = st.integers(0, 10**9).map(lambda number: Decimal(number) / 10**4)
prices = st.builds(
    lambda before, taxes: {
        "before_taxes": before,
        "taxes": [{"name": "VAT", "amount": tax} for tax in taxes],
    },
    amounts,
    st.lists(amounts, max_size=3),
)


def sent(version: Version, document: dict[str, Any]) -> Any:
    """What a partner reads: stored, rendered, written, and read."""
    stored = exact_json.loads(exact_json.dumps(document))
    return exact_json.loads(exact_json.dumps(version.wire.cdr(stored)))


@pytest.mark.parametrize("number", ["2.3.0", "2.2.1", "2.1.1"])
def test_a_cdr_is_told_in_the_same_bytes_after_every_upgrade(number: str) -> None:
    """R27: "it cannot be changed/replaced, once sent to the eMSP" (mod_cdrs 1).

    These files are what partners have got. A change of this test is a change of their bills.
    """
    body = BY_NUMBER[number].wire.cdr(exact_json.loads(STORED))

    assert exact_json.dumps(body) == (CDRS / f"{number}.json").read_bytes()


@given(cost=prices)
def test_every_version_tells_the_same_amounts(cost: dict[str, Any]) -> None:
    """No cent is invented or lost: excluding taxes in all, including them where there is a word."""
    document = exact_json.loads(STORED) | {"total_cost": cost, "total_energy_cost": cost}
    before, taxes = cost["before_taxes"], [tax["amount"] for tax in cost["taxes"]]

    [v230, v221, v211] = [sent(version, document) for version in VERSIONS]

    expected = {"excl_vat": before} | ({"incl_vat": before + sum(taxes)} if taxes else {})
    assert v230["total_cost"] == cost
    assert v221["total_cost"] == v221["total_energy_cost"] == expected
    assert v211["total_cost"] == before
    for name in ("total_energy", "total_time", "total_parking_time"):
        assert v230[name] == v221[name] == v211[name]


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.number)
@pytest.mark.parametrize("price", ["0", "1", "0.5", "1E+3"])
@pytest.mark.parametrize("vat", ["0", "20", "5.5"])
def test_whole_numbers_are_prices_too(version: Version, price: str, vat: str) -> None:
    """JSON has 1 for 1.0: a tariff of 1 EUR with 20 % included, stored and read again."""
    document = exact_json.loads(STORED)
    tariff = document["tariffs"][0]
    [component, _] = tariff["elements"][0]["price_components"]
    component |= {"price": Decimal(price), "vat": Decimal(vat)}

    [told] = sent(version, document)["tariffs"]

    without = Decimal(price) * 100 / (100 + Decimal(vat))
    exact = Decimal(price) if version.number == "2.3.0" else round(without, 4)
    assert told["elements"][0]["price_components"][0]["price"] == exact
