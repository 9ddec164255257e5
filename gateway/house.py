"""The services of one process, wired: nothing here listens yet."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.ocpi.outgoing.client import OcpiClient
from gateway.ocpi.outgoing.command_results import CommandResultSender, ProfileResultSender
from gateway.ocpi.outgoing.ocsp_fetch import OcspFetch
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.tokens.token_authorizer import RealTimeAuthorizer
from gateway.services.access.authorization import AuthorizationPolicy, AuthorizationService
from gateway.services.access.local_list import LocalLists
from gateway.services.billing.billing import Billing
from gateway.services.billing.charging_preferences import ChargingPreferences
from gateway.services.billing.cost import Costs
from gateway.services.billing.payments import Payments
from gateway.services.billing.preauthorized import PreauthorizedAmounts
from gateway.services.billing.preferred_tariffs import PreferredTariffs
from gateway.services.billing.station_tariffs import StationTariffs
from gateway.services.billing.tariffs import TariffBook
from gateway.services.charging.charging_limits import ChargingLimits
from gateway.services.charging.commands import CommandService
from gateway.services.charging.in_flight import InFlight
from gateway.services.charging.partner_profiles import PartnerProfiles
from gateway.services.charging.smart_charging import SmartCharging
from gateway.services.charging.targets import Targets
from gateway.services.hooks import hook
from gateway.services.reservations.expiry import ReservationExpiry
from gateway.services.reservations.service import Reservations
from gateway.services.roaming.hub_clients import HubClients
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.parties import PartyBook, PartyInfo
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.security.certificate_services import CertificatePolicy, CertificateServices
from gateway.services.security.credentials import Credentials
from gateway.services.security.logins import Logins
from gateway.services.security.near_misses import NearMisses
from gateway.services.security.presented_certificates import PresentedCertificates, RevocationLists
from gateway.services.security.trust import Trust
from gateway.services.stations.baseline import BaselineService
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.data_transfer import DataTransfers
from gateway.services.stations.deviations import DeviationService
from gateway.services.stations.device_model import DeviceModels
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.initiative import Initiative
from gateway.services.stations.operations import Operations
from gateway.services.stations.provisioning import BootIntervals, Provisioning
from gateway.services.stations.reports import Reports
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.status import StatusService
from gateway.services.transactions.service import TransactionService
from gateway.services.transactions.stale import StaleTransactions
from gateway.settings import Settings
from gateway.store import Store


def utc_now() -> datetime:
    """The clock of the whole process."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class House:
    """All of them, as the listeners take what they need."""

    store: Store
    parties: PartyBook
    partners: PartnerDirectory
    hub_clients: HubClients
    client: OcpiClient
    catalogue: LocationCatalogue
    tariffs: TariffBook
    authorization: AuthorizationService
    transactions: TransactionService
    status: StatusService
    provisioning: Provisioning
    initiative: Initiative
    reservations: Reservations
    reports: Reports
    baselines: BaselineService
    device_models: DeviceModels
    data_transfers: DataTransfers
    deviations: DeviationService
    operations: Operations
    certificates: CertificateServices
    router: StationRouter
    trust: Trust
    logins: Logins
    credentials: Credentials
    charge_points: ChargePoints
    stale: StaleTransactions
    preferred_tariffs: PreferredTariffs
    local_lists: LocalLists
    costs: Costs
    preauthorized: PreauthorizedAmounts
    payments: Payments
    smart_charging: SmartCharging
    charging_limits: ChargingLimits


@dataclass(frozen=True, slots=True)
class PartnerRequests:
    """What partners may ask of charge points and of running sessions."""

    in_flight: InFlight
    commands: CommandService
    profiles: PartnerProfiles
    preferences: ChargingPreferences
    expiry: ReservationExpiry


def requests_of_partners(settings: Settings, house: House) -> PartnerRequests:
    """Build what carries out partners' requests; from now on they hear of changed profiles."""
    in_flight, targets = InFlight(), Targets(house.store, house.catalogue)
    profiles = PartnerProfiles(
        house.store,
        targets,
        house.smart_charging,
        ProfileResultSender(house.client, house.hub_clients.connected),
        partners=house.partners,
        in_flight=in_flight,
        now=utc_now,
    )
    house.smart_charging.changed = profiles.changed
    house.charging_limits.changed = profiles.changed
    return PartnerRequests(
        in_flight=in_flight,
        commands=CommandService(
            house.store,
            targets,
            house.router,
            CommandResultSender(house.client, house.hub_clients.connected),
            partners=house.partners,
            reservations=house.reservations,
            currency=settings.currency,
            in_flight=in_flight,
            now=utc_now,
        ),
        profiles=profiles,
        preferences=ChargingPreferences(house.store, targets, house.preferred_tariffs, utc_now),
        expiry=ReservationExpiry(
            house.store,
            house.reservations,
            lambda: [own.party for own in house.parties.all()],
            utc_now,
        ),
    )


def build(settings: Settings, store: Store, http: SafeHttp, ocsp: OcspFetch) -> House:
    """Build them all. Raises `OSError` and `ValueError` when a file or a hook cannot be read."""
    now, node_id = utc_now, settings.node_id
    partners = PartnerDirectory(store, now)
    parties = PartyBook(PartyInfo(settings.party, settings.business_name), store=store)
    hub_clients = HubClients(store, partners, parties, now)
    client = OcpiClient(http, now=now)
    publisher = EvsePublisher(store, partners, now)
    billing = Billing(
        store,
        settings.currency,
        now,
        settings.session_interval,
        partner=partners.get,
        released=settings.released,
    )
    authorization = AuthorizationService(
        store,
        partners,
        RealTimeAuthorizer(client, connected=hub_clients.connected),
        now,
        _authorization_policy(settings),
    )
    transactions = TransactionService(
        store,
        authorization,
        billing,
        publisher,
        now=now,
        completion_wait=settings.completion_wait,
    )
    router = StationRouter(store, node_id)
    initiative = Initiative(router)
    intervals = BootIntervals(settings.heartbeat_interval, settings.boot_retry_interval)
    provisioning = Provisioning(store, initiative, router, intervals, now)
    reports = Reports(store, now)
    baselines = BaselineService(store, router, now)
    device_models = DeviceModels(store, reports, now)
    initiative.add(baselines.refresh, early=True)
    initiative.add(device_models.refresh, early=True)
    initiative.add(provisioning.release, early=True)
    charge_points = ChargePoints(
        store,
        router,
        publisher,
        billing,
        initiative,
        node_id=node_id,
        offline_after=settings.offline_after,
        now=now,
    )
    reservations = Reservations(store, router, now, billing.sites)
    charge_points.leaving.append(reservations.abandoned)
    trust = Trust(settings.ocpp_tls_client_ca)
    certificates = CertificateServices(
        store, router, initiative, ocsp, _certificate_policy(settings, trust), now
    )
    local_lists = LocalLists(
        store,
        partners,
        router,
        now,
        master_group=settings.master_pass_group,
        interval=settings.local_list_interval,
    )
    initiative.add(local_lists.routine)
    costs = Costs(
        store, router, billing, StationTariffs(store, billing), interval=settings.cost_interval
    )
    initiative.add(costs.routine)
    trust.add(certificates.authorities)
    return House(
        store=store,
        parties=parties,
        partners=partners,
        hub_clients=hub_clients,
        client=client,
        catalogue=LocationCatalogue(store, partners, now),
        tariffs=TariffBook(store, partners, now),
        authorization=authorization,
        transactions=transactions,
        status=StatusService(store, publisher, transactions, now),
        provisioning=provisioning,
        initiative=initiative,
        reservations=reservations,
        operations=Operations(store, router, now),
        reports=reports,
        baselines=baselines,
        device_models=device_models,
        data_transfers=_data_transfers(settings, provisioning),
        deviations=DeviationService(store, router),
        certificates=certificates,
        trust=trust,
        logins=_logins(settings, store, trust, certificates),
        credentials=Credentials(store, router),
        router=router,
        charge_points=charge_points,
        stale=StaleTransactions(store, charge_points, router, transactions, node_id),
        preferred_tariffs=PreferredTariffs(store, charge_points, router, billing, node_id),
        local_lists=local_lists,
        costs=costs,
        preauthorized=PreauthorizedAmounts(router, billing, partners),
        payments=_payments(settings, router),
        smart_charging=SmartCharging(store, router, now),
        charging_limits=ChargingLimits(store),
    )


def _authorization_policy(settings: Settings) -> AuthorizationPolicy:
    return AuthorizationPolicy(
        concurrent=settings.concurrent_transactions,
        master_pass_group=settings.master_pass_group,
        cache=timedelta(seconds=settings.authorization_cache_seconds),
    )


def _logins(
    settings: Settings, store: Store, trust: Trust, certificates: CertificateServices
) -> Logins:
    """Raises `OSError` and `ValueError` when the revocation lists cannot be read."""
    crl = settings.ocpp_tls_client_crl
    presented = PresentedCertificates(
        trust,
        cpo_name=settings.cpo_name or settings.business_name,
        now=utc_now,
        lists=RevocationLists(crl) if crl is not None else None,
        is_revoked=certificates.revocation.is_revoked,
    )
    return Logins(store, presented, certificates.security_events, NearMisses(store))


def _certificate_policy(settings: Settings, trust: Trust) -> CertificatePolicy:
    """Raises `ValueError` when a hook cannot be found."""
    organization = settings.cpo_name or settings.business_name
    vehicles = settings.ev_certificates_hook
    return CertificatePolicy(
        organization=lambda _party: organization,
        authority_name=organization,
        built_in=settings.ca == "built-in",
        authority_hook=hook(settings.ca_hook) if settings.ca_hook else None,
        vehicle_hook=hook(vehicles) if vehicles else None,
        validity=timedelta(days=settings.ca_validity_days),
        renew_before=timedelta(days=settings.certificate_renew_days),
        issuers=lambda: trust.authorities,
        revocation_answer_required=settings.ocsp_required,
    )


def _payments(settings: Settings, router: StationRouter) -> Payments:
    """Raises `ValueError` when a hook cannot be found."""
    receipts, vat = settings.settlement_hook, settings.vat_hook
    return Payments(router, hook(receipts) if receipts else None, hook(vat) if vat else None)


def _data_transfers(settings: Settings, provisioning: Provisioning) -> DataTransfers:
    """Vendors' extensions, as set. Raises `ValueError` when a hook cannot be found."""
    transfers = DataTransfers(provisioning.keep)
    for vendor_id, name in settings.data_transfer_hooks.items():
        transfers.register(vendor_id, hook(name))
    return transfers
