"""The services that the charge-point edge uses.

What it calls of them may raise `StoreUnavailable` (the station gets no answer and is sent away)
or `Fenced` (a newer connection has taken over; this one ends quietly).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from gateway.services.access.authorization import AuthorizationService
from gateway.services.access.vehicle_certificates import VehicleCertificates
from gateway.services.billing.cost import Costs
from gateway.services.billing.payments import Payments
from gateway.services.charging.charging_limits import ChargingLimits
from gateway.services.reservations.service import Reservations
from gateway.services.security.certificate_renewal import CertificateRenewal
from gateway.services.security.certificate_signing import CertificateSigning
from gateway.services.security.credentials import Credentials
from gateway.services.security.logins import Logins
from gateway.services.security.security_events import SecurityEvents
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.data_transfer import DataTransfers
from gateway.services.stations.deviations import DeviationService
from gateway.services.stations.operations import Operations
from gateway.services.stations.provisioning import Provisioning
from gateway.services.stations.reports import Reports
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.status import StatusService
from gateway.services.transactions.service import TransactionService


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
