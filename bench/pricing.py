"""`python -m bench.pricing`: what a bill costs to reckon, and an update of a running session.

The session lasts 24 hours and has 1,440 meter values; the tariff has 20 elements with times of
day, weekdays, energy and power. The floor reads the same volumes once and adds them up. `bill` is
the engine's part, of charging periods; `anew` makes those of the readings first, as after a
restart. An update takes one more reading and gives the bill; readings come every second, so that
the 10th and the 1,000th find the same prices in use.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.metering.use import MeteredUse
from gateway.domain.pricing import ChargingPeriod, Dimension, Reckoning, Usage, price
from gateway.domain.tariffs import Tariff, parse_tariff

START = datetime(2024, 3, 30, 18, 0, tzinfo=UTC)  # into the night in which the clocks change
ZONE = "Europe/Amsterdam"
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
WEEKDAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"]
_NS_PER_MS = 1_000_000
_NS_PER_US = 1_000


@dataclass(frozen=True, slots=True)
class Result:
    """One run's figures; the ratio is to the floor of the same run."""

    meter_values: int
    tariff_elements: int
    floor_ms: float
    bill_ms: float
    ratio: float
    anew_ms: float
    update_10_us: float
    update_1000_us: float
    update_ratio: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.pricing", description=__doc__)
    parser.add_argument("--minutes", type=int, default=1_440, help="a meter value in each")
    parser.add_argument("--rounds", type=int, default=30, help="the best of so many counts")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = _measured(options.minutes, options.rounds)
    if options.json:
        print(json.dumps(asdict(result)))
        return
    for name, value in asdict(result).items():
        print(f"{name:20} {value}")


def _measured(minutes: int, rounds: int) -> Result:
    tariff, used = _tariff(), _usage(minutes, MINUTE)
    floor = _best(lambda: _sums(used), rounds)
    bill = _best(lambda: price(tariff, used), rounds)
    anew = _best(lambda: _metered(tariff, _readings(used, MINUTE)), rounds)
    quick = _readings(_usage(1_000, SECOND), SECOND)
    early, late = _update(tariff, quick, 10, rounds), _update(tariff, quick, 1_000, rounds)
    return Result(
        meter_values=minutes,
        tariff_elements=len(tariff.elements),
        floor_ms=round(floor / _NS_PER_MS, 2),
        bill_ms=round(bill / _NS_PER_MS, 2),
        ratio=round(bill / floor, 1),
        anew_ms=round(anew / _NS_PER_MS, 2),
        update_10_us=round(early / _NS_PER_US, 1),
        update_1000_us=round(late / _NS_PER_US, 1),
        update_ratio=round(late / early, 2),
    )


def _best(work: Callable[[], object], rounds: int) -> int:
    """CPU nanoseconds of the quickest of so many."""
    costs = []
    for _ in range(rounds):
        began = time.process_time_ns()
        work()
        costs.append(time.process_time_ns() - began)
    return min(costs)


def _sums(used: Usage) -> dict[Dimension, Decimal]:
    sums: dict[Dimension, Decimal] = {}
    for period in used.periods:
        for dimension, volume in period.volumes.items():
            sums[dimension] = sums.get(dimension, Decimal(0)) + volume
    return sums


def _update(tariff: Tariff, readings: list[Reading], number: int, rounds: int) -> int:
    """CPU nanoseconds of the update that a session's so-many-th meter value makes."""
    costs = []
    for _ in range(rounds):
        use = _metered(tariff, readings[: number - 1])
        reading = readings[number - 1]
        began = time.process_time_ns()
        use.read(reading)
        _billed(use, reading)
        costs.append(time.process_time_ns() - began)
    return min(costs)


def _metered(tariff: Tariff, readings: list[Reading]) -> MeteredUse:
    """What is known of the use after these readings, and its bill."""
    use = MeteredUse(Reckoning(tariff, START, ZONE), START, tariff_id="T", start_wh=Decimal(0))
    for reading in readings:
        use.read(reading)
    _billed(use, readings[-1])
    return use


def _billed(use: MeteredUse, last: Reading) -> None:
    register = last.samples[0].value
    assert register is not None
    assert use.bill(last.at, register) is not None


def _readings(used: Usage, apart: timedelta) -> list[Reading]:
    """What a meter shows at the end of each period."""
    register, readings = Decimal(0), []
    for period in used.periods:
        register += period.volumes[Dimension.ENERGY] * 1000
        samples = (
            Sample(Measurand.ENERGY_IMPORT_REGISTER, register),
            Sample(Measurand.POWER_IMPORT, period.volumes[Dimension.MAX_POWER] * 1000),
        )
        readings.append(Reading(period.start + apart, samples))
    return readings


def _usage(count: int, apart: timedelta) -> Usage:
    periods = tuple(
        ChargingPeriod(
            START + number * apart,
            {
                Dimension.ENERGY: Decimal((100 + number % 90) * (apart // SECOND)) / 60_000,
                Dimension.TIME: Decimal(apart // SECOND) / 3600,
                Dimension.MAX_POWER: Decimal(7 + number % 7),
            },
        )
        for number in range(count)
    )
    return Usage(START, START + count * apart, periods, ZONE)


def _tariff() -> Tariff:
    elements = [_element(hour) for hour in range(19)]
    fallback = [_component("ENERGY", "0.50"), _component("PARKING_TIME", "2.00")]
    elements.append({"price_components": fallback})
    return parse_tariff({"id": "T", "currency": "EUR", "elements": elements})


def _element(hour: int) -> dict[str, Any]:
    restrictions: dict[str, Any] = {
        "start_time": f"{hour:02d}:00",
        "end_time": f"{(hour + 2) % 24:02d}:30",
    }
    if hour % 3 == 0:
        restrictions["day_of_week"] = WEEKDAYS
    if hour % 4 == 0:
        restrictions["min_kwh"] = Decimal(hour)
    if hour % 5 == 0:
        restrictions["max_power"] = Decimal(11)
    components = [_component("ENERGY", "0.30"), _component("TIME", "1.00")]
    return {"price_components": components, "restrictions": restrictions}


def _component(kind: str, each: str) -> dict[str, Any]:
    return {"type": kind, "price": Decimal(each), "vat": Decimal(21), "step_size": 60}


if __name__ == "__main__":
    main()
