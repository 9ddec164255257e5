"""The services that the charge-point edge uses.

What it calls of them may raise `StoreUnavailable` (the station gets no answer and is sent away)
or `Fenced` (a newer connection has taken over; this one ends quietly).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.services.authorization import AuthorizationService
from gateway.services.certificate_renewal import CertificateRenewal
from gateway.services.certificate_signing import CertificateSigning
from gateway.services.charge_points import ChargePoints
from gateway.services.charging_limits import ChargingLimits
from gateway.services.cost import Costs
from gateway.services.credentials import Credentials
from gateway.services.data_transfer import DataTransfers
from gateway.services.deviations import DeviationService
from gateway.services.logins import Logins
from gateway.services.operations import Operations
from gateway.services.payments import Payments
from gateway.services.provisioning import Provisioning
from gateway.services.reports import Reports
from gateway.services.reservations import Reservations
from gateway.services.routing import StationRouter
from gateway.services.security_events import SecurityEvents
from gateway.services.status import StatusService
from gateway.services.transactions import TransactionService
from gateway.services.vehicle_certificates import VehicleCertificates


@dataclass(frozen=True)
class ChargePointServices:
    """All of them, as `app` hands them to the edge. `now` is the clock that stations are told."""

    charge_points: ChargePoints
    provisioning: Provisioning
    status: StatusService
    authorization: AuthorizationService
    transactions: TransactionService
    now: Callable[[], datetime]
    reservations: Reservations
    reports: Reports
    data_transfers: DataTransfers
    deviations: DeviationService
    operations: Operations
    security_events: SecurityEvents
    certificate_signing: CertificateSigning
    vehicle_certificates: VehicleCertificates
    router: StationRouter
    logins: Logins
    credentials: Credentials
    certificate_renewal: CertificateRenewal
    costs: Costs
    payments: Payments
    charging_limits: ChargingLimits
