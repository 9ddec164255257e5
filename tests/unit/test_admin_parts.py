"""Pure parts of the operator's edge: queues, reports, refusals, the page's script."""

import re
from decimal import Decimal
from importlib.resources import files

import pytest

from gateway.admin import reports
from gateway.admin.live import Event, Listener
from gateway.admin.pipeline import _as_api_error
from gateway.admin.reports import Billed, By
from gateway.store import StoreUnavailable


async def test_a_slow_listener_loses_the_oldest_events_and_is_told_how_many() -> None:
    listener = Listener(size=3)
    for number in range(5):
        listener.put(Event("n", number))
    events = await listener.take(1)
    assert events == [Event("dropped", {"count": 2}), *(Event("n", one) for one in (2, 3, 4))]
    listener.put(Event("n", 5))
    assert await listener.take(1) == [Event("n", 5)]


async def test_a_listener_that_hears_nothing_is_given_nothing_until_it_is_closed() -> None:
    listener = Listener()
    assert await listener.take(0.01) == []
    listener.close()
    assert await listener.take(1) is None


def test_two_currencies_are_never_added_up() -> None:
    def billed(currency: str, amount: str) -> Billed:
        keys = {By.DAY: "2026-03-01"}
        return Billed(keys, currency, Decimal(1), Decimal(amount), Decimal("0.1"))

    report = reports.Revenue([By.DAY])
    for one in (billed("EUR", "1"), billed("SEK", "10"), billed("EUR", "2")):
        report.add(one)
    assert [(row["currency"], row["cdrs"], row["total"]) for row in report.rows()] == [
        ("EUR", 2, Decimal("3.2")),
        ("SEK", 1, Decimal("10.1")),
    ]


def test_a_store_that_does_not_answer_is_a_503() -> None:
    error = _as_api_error(StoreUnavailable("gone"))
    assert error is not None
    assert error.status == 503


@pytest.mark.parametrize("name", ["dashboard.js", "held.js"])
def test_the_page_puts_in_text_only(name: str) -> None:
    """security-and-faults S12: no way to make markup out of a string."""
    script = (files("gateway.admin") / "static" / name).read_text()
    forbidden = r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|srcdoc"
    assert not re.search(forbidden, script)
