"""The vehicle at the cable: what power its battery takes at which state of charge."""

import random
from dataclasses import dataclass
from itertools import pairwise

from simulators.charge_point.meter import WATT_MILLISECONDS_PER_WH

Curve = tuple[tuple[int, int], ...]

# (state of charge, share of the most power), both in thousandths, straight in between. A charger
# on board is the bottleneck until the cells are nearly full; on direct current they are cold at
# first, take the most for a third, and then ever less.
ON_ALTERNATING_CURRENT: Curve = ((0, 1000), (950, 1000), (1000, 200))
ON_DIRECT_CURRENT: Curve = (
    (0, 700),
    (60, 1000),
    (350, 1000),
    (500, 800),
    (700, 550),
    (800, 400),
    (900, 200),
    (1000, 50),
)


def curve_power_w(most_w: int, soc_permille: int, curve: Curve) -> int:
    """The battery's appetite in W at a state of charge in thousandths; 0 when full."""
    if soc_permille >= 1000:
        return 0
    for (soc, share), (next_soc, next_share) in pairwise(curve):
        if soc <= soc_permille < next_soc:
            risen = (next_share - share) * (soc_permille - soc) // (next_soc - soc)
            return max(1, most_w * (share + risen) // 1000)
    raise ValueError("a curve goes from empty to full")


@dataclass
class Vehicle:
    """A battery with its charger; energies in watt-milliseconds so that nothing is rounded."""

    capacity_wh: int
    most_ac_w: int
    most_dc_w: int
    charged: int = 0
    """watt-milliseconds in the battery"""
    wanted: int | None = None
    """watt-milliseconds after which the vehicle stops asking, counted down; None: until full"""

    @classmethod
    def of(cls, capacity_wh: int, soc_percent: int, *, ac_w: int, dc_w: int) -> "Vehicle":
        charged = capacity_wh * WATT_MILLISECONDS_PER_WH * soc_percent // 100
        return cls(capacity_wh, ac_w, dc_w, charged)

    @classmethod
    def seeded(cls, chance: random.Random) -> "Vehicle":
        capacity_wh, ac_w, dc_w = chance.choice(
            [
                (40_000, 7_360, 50_000),
                (58_000, 11_040, 120_000),
                (77_000, 11_040, 135_000),
                (52_000, 22_080, 50_000),
            ]
        )
        return cls.of(capacity_wh, chance.randint(10, 60), ac_w=ac_w, dc_w=dc_w)

    @property
    def capacity(self) -> int:
        return self.capacity_wh * WATT_MILLISECONDS_PER_WH

    @property
    def soc_permille(self) -> int:
        return min(1000, self.charged * 1000 // self.capacity)

    @property
    def content(self) -> bool:
        """It asks for no more: full, or it has what its driver wanted."""
        return self.charged >= self.capacity or self.wanted == 0

    def power_w(self, direct_current: bool) -> int:
        if self.content:
            return 0
        most = self.most_dc_w if direct_current else self.most_ac_w
        curve = ON_DIRECT_CURRENT if direct_current else ON_ALTERNATING_CURRENT
        return curve_power_w(most, self.soc_permille, curve)

    def room(self) -> int:
        """watt-milliseconds that it still takes."""
        room = self.capacity - self.charged
        return room if self.wanted is None else min(room, self.wanted)

    def take(self, watt_milliseconds: int) -> None:
        self.charged += watt_milliseconds
        if self.wanted is not None:
            self.wanted -= watt_milliseconds
