"""When a vehicle charges and when it only stands: what the states of OCPP mean for a bill.

OCPI counts PARKING_TIME while "the vehicle is not requesting power" (2.3.0 mod_cdrs
CdrDimensionType and its note): a suspension by the EVSE stays TIME, because the vehicle still asks.
`use` makes the charging periods.
"""

from datetime import datetime

from gateway.domain.events import ChargingState
from gateway.domain.values import dataclass

PARKING: dict[ChargingState, bool] = {
    ChargingState.CHARGING: False,
    # Connected and about to charge; in doubt a driver pays no loitering fee.
    ChargingState.EV_CONNECTED: False,
    # The vehicle takes no energy that it is offered: the car is full, or asks for a pause.
    ChargingState.SUSPENDED_EV: True,
    # The EVSE offers none although the vehicle asks.
    ChargingState.SUSPENDED_EVSE: False,
    # No vehicle is connected, yet the transaction holds the EVSE.
    ChargingState.IDLE: True,
}


@dataclass(frozen=True, slots=True)
class Phase:
    """What the vehicle of a transaction does, and since when; `switched`: not since the start.

    Charging until the station says otherwise.
    """

    since: datetime
    parking: bool = False
    switched: bool = False

    def begun_at(self, at: datetime) -> "Phase":
        """The same with a start that was heard late."""
        return self if self.switched or at >= self.since else Phase(at, self.parking)

    def switch(self, state: ChargingState, at: datetime) -> "Phase":
        """What follows, if `state` turns charging into parking or back."""
        parking = PARKING[state]
        if parking == self.parking or at < self.since:
            return self
        return Phase(at, parking, self.switched or at > self.since)
