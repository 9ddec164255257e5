"""Exactly what the operator's API needs, handed over by the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.admin.ports import Check, Frames, Registrar, Warnings
from gateway.delivery import Deliveries
from gateway.services.baseline import BaselineService
from gateway.services.certificate_services import CertificateServices
from gateway.services.charge_points import ChargePoints
from gateway.services.cost import Costs
from gateway.services.credentials import Credentials
from gateway.services.deviations import DeviationService
from gateway.services.device_model import DeviceModels
from gateway.services.file_transfers import FileTransfers
from gateway.services.local_list import LocalLists
from gateway.services.locations import LocationCatalogue
from gateway.services.operations import Operations
from gateway.services.own_tokens import OwnTokens
from gateway.services.parties import PartyBook
from gateway.services.partners import PartnerDirectory
from gateway.services.payments import Payments
from gateway.services.provisioning import Provisioning
from gateway.services.reports import Reports
from gateway.services.reservations import Reservations
from gateway.services.routing import StationRouter
from gateway.services.smart_charging import SmartCharging
from gateway.services.stale import StaleTransactions
from gateway.services.tariffs import TariffBook
from gateway.store import Store


@dataclass(frozen=True, slots=True)
class Services:
    """`versions_url` is where partners begin with us; `checks` are parts of readiness."""

    store: Store
    parties: PartyBook
    charge_points: ChargePoints
    router: StationRouter
    reservations: Reservations
    smart_charging: SmartCharging
    catalogue: LocationCatalogue
    tariffs: TariffBook
    own_tokens: OwnTokens
    partners: PartnerDirectory
    registration: Registrar
    deliveries: Deliveries
    stale: StaleTransactions
    provisioning: Provisioning
    baselines: BaselineService
    device_models: DeviceModels
    reports: Reports
    deviations: DeviationService
    certificates: CertificateServices
    operations: Operations
    transfers: FileTransfers
    credentials: Credentials
    warnings: Warnings
    messages: Frames
    operator_token: str = field(repr=False)
    versions_url: str
    now: Callable[[], datetime]
    local_lists: LocalLists
    costs: Costs
    payments: Payments
    checks: Mapping[str, Check] = field(default_factory=dict)
