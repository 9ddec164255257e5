"""One report for every request of a partner, whatever becomes of the work (R28)."""

import asyncio

import pytest

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.services.charging import in_flight
from gateway.services.charging.in_flight import InFlight
from gateway.store import StoreUnavailable

ACCEPTED = CommandReply(CommandOutcome.ACCEPTED)


class Desk:
    """Notes what is reported, and in what order it was done."""

    def __init__(self, in_flight):
        self.in_flight = in_flight
        self.done = []

    def begin(self, work, settle=None, then=None):
        self.in_flight.begin("TEST", "CP1", work, self.report, settle=settle, then=then)

    async def report(self, reply):
        self.done.append(reply.outcome.value)


@pytest.fixture
def desk():
    return Desk(InFlight(0.05))


async def test_work_that_never_ends_is_one_timeout(desk):
    """R28: in time, because the work is cut off."""
    desk.begin(asyncio.Event().wait)
    await desk.in_flight.close()
    assert desk.done == ["TIMEOUT"]


@pytest.mark.parametrize("error", [RuntimeError("a bug"), StoreUnavailable("away")])
async def test_work_that_fails_is_one_failure(desk, error):
    """R28."""

    async def work():
        raise error

    desk.begin(work)
    await desk.in_flight.close()
    assert desk.done == ["FAILED"]


async def test_what_it_led_to_is_written_before_the_report_and_the_rest_after(desk):
    """A partner that has the result finds what it says."""

    async def work():
        return ACCEPTED

    async def settle(reply):
        desk.done.append("settled")

    async def then(reply):
        desk.done.append("then")

    desk.begin(work, settle, then)
    await desk.in_flight.close()
    assert desk.done == ["settled", "ACCEPTED", "then"]


async def test_what_cannot_be_written_is_reported_all_the_same(desk):
    """R28: the station has done what it has done."""

    async def work():
        return ACCEPTED

    async def settle(reply):
        raise StoreUnavailable("away")

    desk.begin(work, settle)
    await desk.in_flight.close()
    assert desk.done == ["ACCEPTED"]


async def test_work_that_a_shutdown_cuts_off_is_reported_too(desk):
    """R28: by a gateway that ends, as far as that is in its hand.

    The station may have done it all the same: that is no failure.
    """
    desk.in_flight = InFlight(60)
    desk.begin(asyncio.Event().wait)
    await asyncio.sleep(0)
    await desk.in_flight.close(patience=0.01)
    assert desk.done == ["TIMEOUT"]


def test_the_result_leaves_before_the_promised_time_is_over():
    """R28: "by timeout + 1 s"; the station's time, the cut and what is written down fit in it."""
    assert in_flight.STATION_TIMEOUT < in_flight._WORK_SECONDS
    assert in_flight._WORK_SECONDS + in_flight._SETTLE_SECONDS <= in_flight.TIMEOUT
