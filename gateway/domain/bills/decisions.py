"""What an operator has decided about a bill: to let it go, to correct it, to make none.

A decision is kept with the transaction for good: who reads the record later sees what the station
had said, what was changed, when, and the operator's own words.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gateway.domain.values import dataclass

LONGEST_REMARK = 255


class Act(StrEnum):
    """What can be decided."""

    RELEASED = "released"
    CORRECTED = "corrected"
    VOIDED = "voided"


@dataclass(frozen=True, slots=True)
class Measured:
    """From when to when, and how much: what a bill rests on. Energy in Wh, registers too.

    The registers are None where the energy is not the difference of two of them.
    """

    start: datetime
    end: datetime
    energy_wh: Decimal
    meter_start_wh: Decimal | None = None
    meter_stop_wh: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Meant:
    """What an operator was looking at: a station may use a transaction's id again meanwhile.

    None: whichever has the id. `partner_id` is under which registration its payer is here now;
    None: as the record has it.
    """

    session_id: str | None = None
    partner_id: str | None = None

    def fits(self, session_id: str) -> bool:
        """Whether that is its Session."""
        return self.session_id in (None, session_id)


ANY = Meant()


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision. `reasons` are those for which the CDR was held until then.

    `before` is what a correction has replaced.
    """

    act: Act
    at: datetime
    remark: str | None = None
    reasons: tuple[str, ...] = ()
    before: Measured | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """What an operator says instead of the station; None: as it was. Energy in Wh.

    Either the energy or both registers, never all three. `beyond_power`: the operator means it,
    though it is more than the connector can deliver.
    """

    energy_wh: Decimal | None = None
    meter_start_wh: Decimal | None = None
    meter_stop_wh: Decimal | None = None
    start: datetime | None = None
    end: datetime | None = None
    beyond_power: bool = False

    def of(self, measured: Measured) -> Measured:
        """What was measured, corrected. Raises `ValueError` with what makes no sense."""
        start, end = self.start or measured.start, self.end or measured.end
        if end < start:
            raise ValueError("the end is before the start")
        if self.meter_start_wh is not None and self.meter_stop_wh is not None:
            energy = self.meter_stop_wh - self.meter_start_wh
            if energy < 0:
                raise ValueError("the meter stops below its start")
            return Measured(start, end, energy, self.meter_start_wh, self.meter_stop_wh)
        if self.energy_wh is not None:
            return Measured(start, end, self.energy_wh)
        return replace(measured, start=start, end=end)
