"""The logical side of one connector: who may use it, who uses it, and what its status is.

The status is never stored: it follows from the facts, in OCPP 1.6's words, which are the finer
ones; 2.0.1 reports the coarser word that contains it.
"""

from dataclasses import dataclass
from datetime import datetime

from simulators.charge_point.ledger import Token, Transaction
from simulators.charge_point.outlet import Outlet
from simulators.charge_point.signed_meter import SignedMeter

CHARGING = "Charging"
SUSPENDED_EV = "SuspendedEV"
SUSPENDED_EVSE = "SuspendedEVSE"


class ConnectorBusyError(Exception):
    """The connector cannot do what the driver wants now."""


@dataclass(frozen=True)
class Authorization:
    """A token that may start; `remote_start_id` is what the CSMS gave along (0 for 1.6)."""

    token: Token
    trigger: str
    group: str | None = None
    remote_start_id: int | None = None


@dataclass(frozen=True)
class Reservation:
    id: int
    token: Token
    group: str | None
    expires_at: datetime
    """on the CSMS's clock, which is real time"""


@dataclass(eq=False)
class Connector:
    number: int
    outlet: Outlet
    meter: SignedMeter
    cable: bool = False
    finished: bool = False
    """a transaction has ended and its cable is still in"""
    operative: bool = True
    operative_afterwards: bool | None = None
    fault: str | None = None
    """a 1.6 ChargePointErrorCode"""
    authorizing: bool = False
    """somebody stands at the reader, waiting for the verdict on the card"""
    authorization: Authorization | None = None
    reservation: Reservation | None = None
    transaction: Transaction | None = None
    charging_state: str = CHARGING
    reported: str | None = None

    @property
    def status(self) -> str:
        """A 1.6 ChargePointStatus."""
        if self.fault is not None:
            return "Faulted"
        if self.transaction is not None:
            return self.charging_state
        if not self.operative:
            return "Unavailable"
        if self.cable and self.finished:
            return "Finishing"
        if self.cable or self.authorization is not None:
            return "Preparing"
        return "Reserved" if self.reservation is not None else "Available"

    def open_to(self, token: Token, group: str | None = None) -> bool:
        """Whether a transaction with this token could start here (cable in or not)."""
        if self.fault is not None or not self.operative:
            return False
        if self.transaction is not None or self.authorization is not None or self.authorizing:
            return False
        return self.reservation is None or self._reserved_for(token, group)

    def electrical_state(self) -> str:
        """What the transaction's energy flow amounts to now."""
        if self.outlet.power_w() > 0:
            return CHARGING
        vehicle = self.outlet.vehicle
        if vehicle is None or vehicle.content:
            return SUSPENDED_EV
        return SUSPENDED_EVSE

    def _reserved_for(self, token: Token, group: str | None) -> bool:
        reserved = self.reservation
        if reserved is None:
            return True
        same_group = group is not None and group == reserved.group
        return reserved.token.same_as(token) or same_group
