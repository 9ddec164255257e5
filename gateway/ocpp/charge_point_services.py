"""The services that the charge-point edge uses.

What it calls of them may raise `StoreUnavailable` (the station gets no answer and is sent away)
or `Fenced` (a newer connection has taken over; this one ends quietly).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.services.authorization import AuthorizationService
from gateway.services.charge_points import ChargePoints
from gateway.services.provisioning import Provisioning
from gateway.services.status import StatusService
from gateway.services.transactions import TransactionService


@dataclass(frozen=True)
class ChargePointServices:
    """All of them, as `app` hands them to the edge. `now` is the clock that stations are told."""

    charge_points: ChargePoints
    provisioning: Provisioning
    status: StatusService
    authorization: AuthorizationService
    transactions: TransactionService
    now: Callable[[], datetime]
