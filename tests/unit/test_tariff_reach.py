"""`reach` finds every price that any moment at all can come upon."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ocpi_documents import objects

from gateway.domain.tariffs import Moment, Tariff, TariffDimension, parse_tariff
from gateway.domain.tariffs.reach import reach

AMOUNTS = st.decimals(0, 200, places=1, allow_nan=False)
MOMENTS = st.builds(
    Moment,
    local=st.integers(0, 20 * 366 * 24 * 60).map(
        lambda minutes: datetime(2015, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    duration=st.integers(0, 100_000).map(Decimal),
    energy=AMOUNTS,
    current=st.none() | AMOUNTS,
    power=st.none() | AMOUNTS,
)


def counted(tariff: Tariff, at: Moment) -> set[tuple[int, TariffDimension]]:
    """The first element that matches counts, for each dimension (mod_tariffs, Tariff)."""
    found: dict[TariffDimension, int] = {}
    for number, element in enumerate(tariff.elements):
        if element.restrictions.reservation is None and element.restrictions.match(at):
            for component in element.price_components:
                found.setdefault(component.type, number)
    return {(number, dimension) for dimension, number in found.items()}


@given(document=objects("Tariff"), moments=st.lists(MOMENTS, min_size=1, max_size=10))
def test_what_counts_at_any_moment_has_been_found(
    document: dict[str, Any], moments: list[Moment]
) -> None:
    tariff = parse_tariff(document)
    found = reach(tariff, None)
    if found is not None:
        for at in moments:
            assert counted(tariff, at) <= found.active
