"""Exactly what the operator's API needs, handed over by the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.admin.ports import Check, Frames, Registrar, Warnings
from gateway.delivery import Deliveries
from gateway.services.access.local_list import LocalLists
from gateway.services.access.own_tokens import OwnTokens
from gateway.services.billing.cost import Costs
from gateway.services.billing.invoices import Invoices
from gateway.services.billing.payments import Payments
from gateway.services.billing.tariffs import TariffBook
from gateway.services.charging.smart_charging import SmartCharging
from gateway.services.files.file_transfers import FileTransfers
from gateway.services.ports import CdrReader
from gateway.services.reservations.service import Reservations
from gateway.services.roaming.hub_clients import HubClients
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.parties import PartyBook
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.roaming.payment_terminals import PaymentTerminals
from gateway.services.security.certificate_services import CertificateServices
from gateway.services.security.credentials import Credentials
from gateway.services.stations.baseline import BaselineService
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.deviations import DeviationService
from gateway.services.stations.device_model import DeviceModels
from gateway.services.stations.operations import Operations
from gateway.services.stations.provisioning import Provisioning
from gateway.services.stations.reports import Reports
from gateway.services.stations.routing import StationRouter
from gateway.services.transactions.stale import StaleTransactions
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
    hub_clients: HubClients
    registration: Registrar
    deliveries: Deliveries
    cdr_copies: CdrReader
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
    payment_terminals: PaymentTerminals
    invoices: Invoices
    checks: Mapping[str, Check] = field(default_factory=dict)
