"""Tariffs and sessions to be priced, drawn by number, so that each can be looked at again.

What is drawn makes the limits of the tariff fall between the atoms of `pricing_oracle`. Most
sessions are short: limits are drawn within the session, so a few atoms meet as many as a thousand.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pricing_oracle import DAYS, OF_WH, RESERVED, Case, Span

# (zone, a moment in UTC near which something happens on that clock)
SCENES = [
    ("UTC", datetime(2024, 1, 1, tzinfo=UTC)),  # a new year, Sunday to Monday
    ("Europe/Amsterdam", datetime(2024, 3, 31, 1, tzinfo=UTC)),  # 02:00 becomes 03:00
    ("Europe/Amsterdam", datetime(2024, 10, 27, 1, tzinfo=UTC)),  # 03:00 becomes 02:00
    ("America/St_Johns", datetime(2024, 7, 13, 2, 30, tzinfo=UTC)),  # midnight, at half past
    ("Australia/Lord_Howe", datetime(2024, 10, 5, 15, 30, tzinfo=UTC)),  # half an hour of DST
    ("Africa/Cairo", datetime(2024, 4, 25, 22, tzinfo=UTC)),  # midnight becomes 01:00
    ("America/Havana", datetime(2024, 11, 3, 5, tzinfo=UTC)),  # 01:00 becomes midnight again
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # a Friday that was not
    ("Asia/Kathmandu", datetime(2024, 2, 29, 18, 15, tzinfo=UTC)),  # the end of a leap day
]
PRICES = ["0", "0.1", "0.25", "0.333", "1", "2.4", "7.77", "60", "0.12345"]
VATS = [None, "0", "5.2", "10", "19.5", "21"]
STEPS = [0, 1, 1, 7, 60, 300, 500, 900, 1000]
FLOWS = [0, 0, 1, 2, 4, 5, 10, 20, 40, 80, 100, 160, 200, 400, -20, -40]  # per tick
CURRENTS = ["0", "6", "10", "16", "32.5"]
POWERS = ["0", "3.6", "7.2", "11", "0.216"]
ATOMS = [2, 5, 5, 10, 10, 30, 30, 200]  # at most about so many in a span


class Drawing:
    """One case, drawn by its number."""

    def __init__(self, number: int) -> None:
        self.of = random.Random(number)
        self.tick = self.of.choice([1, 1, 1, 60])
        self.atoms = self.of.choice(ATOMS)
        self.zone, self.event = self.of.choice(SCENES)
        self.spans = self.draw_spans()
        self.ticks = sum(span.ticks for span in self.spans)
        self.reach = max(self.ticks * self.tick // 60, 2)  # minutes before and after the event
        self.wh = sum((span.ticks or 1) * abs(span.flow) for span in self.spans) // OF_WH
        self.reserved = self.spans[0].kind == RESERVED

    def case(self) -> Case:
        """Draw the tariff, and when it is charged by it."""
        included = self.of.choice(["NO", "NO", "YES", "N/A"])
        document = {
            "id": "T",
            "currency": "EUR",
            "elements": [
                {
                    "price_components": self.components(taxed=included != "N/A"),
                    "restrictions": self.restrictions(),
                }
                for _ in range(self.of.randint(1, 5))
            ],
            "tax_included": included,
            "min_price": self.limit(1, 20),
            "max_price": self.limit(40, 90),
        }
        early = self.of.randint(-self.ticks, 5)
        start = self.event + timedelta(seconds=early * self.tick)
        cancelled = self.of.random() < 0.3
        return Case(document, start, self.spans, self.zone, self.tick, cancelled)

    def components(self, *, taxed: bool) -> list[dict[str, Any]]:
        kinds = ["FLAT", "ENERGY", "TIME", "PARKING_TIME"]
        return [
            {
                "type": kind,
                "price": Decimal(self.of.choice(PRICES)),
                "vat": self.vat() if taxed else None,
                "step_size": self.of.choice(STEPS),
            }
            for kind in self.of.sample(kinds, self.of.randint(1, 4))
        ]

    def vat(self) -> Decimal | None:
        vat = self.of.choice(VATS)
        return None if vat is None else Decimal(vat)

    def restrictions(self) -> dict[str, Any] | None:
        draw = self.of
        choices: dict[str, Callable[[], Any]] = {
            "start_time": self.clock,
            "end_time": self.clock,
            "start_date": self.day,
            "end_date": self.day,
            "day_of_week": lambda: draw.sample(DAYS, draw.randint(0, 5)),
            "min_kwh": lambda: Decimal(draw.randint(0, self.wh)) / 1000,
            "max_kwh": lambda: Decimal(draw.randint(0, self.wh)) / 1000,
            "min_duration": lambda: draw.randint(0, self.ticks) * self.tick,
            "max_duration": lambda: draw.randint(0, self.ticks) * self.tick,
            "min_current": lambda: Decimal(draw.choice(CURRENTS)),
            "max_current": lambda: Decimal(draw.choice(CURRENTS)),
            "min_power": lambda: Decimal(draw.choice(POWERS)),
            "max_power": lambda: Decimal(draw.choice(POWERS)),
            "reservation": lambda: draw.choice(["RESERVATION", "RESERVATION_EXPIRES"]),
        }
        names = draw.sample(sorted(choices), draw.choice([0, 0, 1, 1, 2, 3]))
        if self.reserved and draw.random() < 0.4:
            names.append("reservation")
        return {name: choices[name]() for name in names} or None

    def clock(self) -> str:
        local = self.event.astimezone(ZoneInfo(self.zone))
        minutes = self.of.randint(-self.reach, self.reach)
        return f"{local.replace(tzinfo=None) + timedelta(minutes=minutes):%H:%M}"

    def day(self) -> str:
        local = self.event.astimezone(ZoneInfo(self.zone))
        return f"{local.replace(tzinfo=None) + timedelta(days=self.of.randint(-1, 1)):%Y-%m-%d}"

    def limit(self, lowest: int, highest: int) -> dict[str, Any] | None:
        if self.of.random() < 0.6:
            return None
        before = Decimal(self.of.randint(lowest, highest)) / 10
        after = self.of.choice([None, "0.8", "1", "1.1", "1.3"])
        return {"before_taxes": before, "after_taxes": after and before * Decimal(after)}

    def draw_spans(self) -> list[Span]:
        reserved = [
            Span(RESERVED, self.of.randint(0, self.atoms), 0)
            for _ in range(self.of.choice([0, 0, 0, 1, 2]))
        ]
        used = [self.span() for _ in range(self.of.choice([0, 1, 2, 3, 5]))]
        return reserved + used or [self.span()]

    def span(self) -> Span:
        kind, flow = self.of.choice(["TIME", "TIME", "PARKING_TIME"]), self.of.choice(FLOWS)
        if self.of.random() < 0.03:
            return Span("TIME", 0, OF_WH * self.of.randint(1, 40), self.say())
        if 0 < abs(flow) < OF_WH:
            # whole Wh, so that limits lie between atoms
            ticks = OF_WH // abs(flow) * self.of.randint(1, max(self.atoms * abs(flow) // OF_WH, 1))
        else:
            ticks = self.of.randint(1, max(self.atoms * OF_WH // max(abs(flow), OF_WH), 1))
        return Span(kind, ticks, flow, self.say())

    def say(self) -> dict[str, Decimal]:
        said = {}
        for what, values in (("CURRENT", CURRENTS), ("POWER", POWERS)):
            names = self.of.choice([[], [what], [f"MIN_{what}"], [f"MIN_{what}", f"MAX_{what}"]])
            said |= {name: Decimal(self.of.choice(values)) for name in names}
        return said
