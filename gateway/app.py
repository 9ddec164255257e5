"""The composition root: builds every object, starts them in order, drains them in reverse."""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from gateway.admin.server import AdminServer
from gateway.admin.server import Services as AdminServices
from gateway.admin.server import create_app as create_admin_app
from gateway.delivery import Deliveries, DeliveryPolicy
from gateway.files.server import FilesServer
from gateway.files.server import create_app as create_files_app
from gateway.ocpi import server as ocpi
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.command_results import CommandResultSender
from gateway.ocpi.ocsp_fetch import OcspFetch
from gateway.ocpi.platform import Platform
from gateway.ocpi.received_tokens import ReceivedTokens
from gateway.ocpi.registration import Registration
from gateway.ocpi.safe_http import SafeHttp
from gateway.ocpi.sender import ObjectSender
from gateway.ocpi.token_authorizer import RealTimeAuthorizer
from gateway.ocpi.token_pull import TokenPull
from gateway.ocpi.versions import v221
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.server import OcppServer
from gateway.ocpp.tls import CertificateFiles, ServerTls
from gateway.services.authorization import AuthorizationPolicy, AuthorizationService
from gateway.services.baseline import BaselineService
from gateway.services.billing import Billing
from gateway.services.certificate_services import CertificatePolicy, CertificateServices
from gateway.services.charge_points import ChargePoints
from gateway.services.charging_limits import ChargingLimits
from gateway.services.commands import CommandService
from gateway.services.completion import Completion
from gateway.services.cost import Costs
from gateway.services.credentials import Credentials
from gateway.services.data_transfer import DataTransfers
from gateway.services.deviations import DeviationService
from gateway.services.device_model import DeviceModels
from gateway.services.evse_publisher import EvsePublisher
from gateway.services.file_transfers import FileRules, FileTransfers
from gateway.services.firmware_signature import read_roots
from gateway.services.hooks import hook
from gateway.services.initiative import Initiative
from gateway.services.local_list import LocalLists
from gateway.services.locations import LocationCatalogue
from gateway.services.logins import Logins
from gateway.services.near_misses import NearMisses
from gateway.services.operations import Operations
from gateway.services.own_tokens import OwnTokens
from gateway.services.parties import PartyBook, PartyInfo
from gateway.services.partners import PartnerDirectory
from gateway.services.payments import Payments
from gateway.services.presented_certificates import PresentedCertificates, RevocationLists
from gateway.services.provisioning import BootIntervals, Provisioning
from gateway.services.reports import Reports
from gateway.services.reservations import Reservations
from gateway.services.routing import StationRouter
from gateway.services.smart_charging import SmartCharging
from gateway.services.stale import StaleTransactions
from gateway.services.station_tariffs import StationTariffs
from gateway.services.status import StatusService
from gateway.services.tariffs import TariffBook
from gateway.services.transactions import TransactionService
from gateway.services.trust import Trust
from gateway.settings import Settings, operator_token, secret_key
from gateway.store import Store
from gateway.store.embedded import EmbeddedServer

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The clock of the whole process."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the listeners really are, once they are up."""

    ocpp: str
    ocpp_tls: str | None
    ocpi: str
    operator: str
    files: str
    ocpp_tls_legacy: str | None = None


class Gateway:
    """One running gateway process. Make it with `Gateway.start`, end it with `close`."""

    def __init__(
        self,
        addresses: Addresses,
        stack: AsyncExitStack,
        token: str,
        refresh: Callable[[], None],
    ) -> None:
        self.addresses = addresses
        self.operator_token = token
        self._stack = stack
        self._refresh = refresh

    @classmethod
    async def start(cls, settings: Settings) -> "Gateway":
        """Build and start everything.

        Raises `OSError` (a port is taken), `StoreError` and `ValueError` (a setting is wrong);
        then nothing is left running.
        """
        async with AsyncExitStack() as stack:
            store = await _open_store(settings, stack)
            gateway = await _build(settings, store, stack)
            gateway._stack = stack.pop_all()
            _spare_the_collector()
            return gateway
        raise AssertionError("unreachable")

    def refresh(self) -> None:
        """Look now at the files of certificates, which happens every few seconds anyway."""
        self._refresh()

    async def close(self) -> None:
        """Stop taking work, finish what is in flight, then let go of the store."""
        log.info("shutting down")
        await self._stack.aclose()
        log.info("shut down")


async def _open_store(settings: Settings, stack: AsyncExitStack) -> Store:
    if settings.redis_url is not None:
        url = settings.redis_url.get_secret_value()
    else:
        embedded = await EmbeddedServer.start(settings.data_dir)
        stack.push_async_callback(embedded.stop)
        url = embedded.url
    store = await Store.open(url, secret_key=secret_key(settings), node_id=settings.node_id)
    stack.push_async_callback(store.close)
    return store


@dataclass(frozen=True, slots=True)
class _House:
    """The services, wired; nothing here listens yet."""

    store: Store
    parties: PartyBook
    partners: PartnerDirectory
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
    local_lists: LocalLists
    costs: Costs
    payments: Payments


def _services(settings: Settings, store: Store, http: SafeHttp, ocsp: OcspFetch) -> _House:
    now, node_id = utc_now, settings.node_id
    partners = PartnerDirectory(store, now)
    client = OcpiClient(http, now=now)
    publisher = EvsePublisher(store, partners, now)
    billing = Billing(store, settings.currency, now, settings.session_interval)
    authorization = AuthorizationService(
        store, partners, RealTimeAuthorizer(client), now, _authorization_policy(settings)
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
    return _House(
        store=store,
        parties=PartyBook(PartyInfo(settings.party, settings.business_name)),
        partners=partners,
        client=client,
        catalogue=LocationCatalogue(store, partners, now),
        tariffs=TariffBook(store, partners, now),
        authorization=authorization,
        transactions=transactions,
        status=StatusService(store, publisher, transactions, now),
        provisioning=provisioning,
        initiative=initiative,
        reservations=Reservations(store, router, now),
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
        local_lists=local_lists,
        costs=costs,
        payments=_payments(settings, router),
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


async def _build(settings: Settings, store: Store, stack: AsyncExitStack) -> Gateway:
    """Everything on top of the store. What is pushed on the stack last is closed first."""
    http = SafeHttp(settings.ocpi_allow_private_hosts)
    stack.push_async_callback(http.close)
    ocsp = OcspFetch(settings.ocsp_allow_private_hosts)
    stack.push_async_callback(ocsp.close)
    house = _services(settings, store, http, ocsp)
    await _started(stack, house.partners.load, house.partners.close)
    stack.push_async_callback(house.charge_points.close)
    stack.push_async_callback(house.logins.close)
    stack.push_async_callback(house.provisioning.close)
    await _started(stack, house.certificates.start, house.certificates.close)
    await _started(stack, house.local_lists.start, house.local_lists.close)
    await _started(stack, house.costs.start, house.costs.close)
    stack.push_async_callback(house.initiative.close)
    stack.push_async_callback(house.operations.close)
    await _started(stack, house.deviations.start, house.deviations.close)
    deliveries = Deliveries(
        store=store,
        partners=house.partners,
        parties=lambda: [info.party for info in house.parties.all()],
        transport=ObjectSender(house.client, store, house.catalogue),
        policy=DeliveryPolicy(session_interval=settings.session_interval),
    )
    await _started(stack, deliveries.start, deliveries.close)
    completion = Completion(
        store, house.stale, lambda: [info.party for info in house.parties.all()], utc_now
    )
    await _started(stack, completion.start, completion.close)
    commands = CommandService(
        store, house.catalogue, house.router, CommandResultSender(house.client)
    )
    stack.push_async_callback(commands.close)

    # the listeners are drained at the same time, so that none waits for another's slow peers
    listeners = _Listeners()
    stack.push_async_callback(listeners.close)
    ocpi_port = settings.ocpi_port or _free_port(settings.ocpi_host)
    public_url = settings.ocpi_public_url or f"http://{settings.ocpi_host}:{ocpi_port}"
    platform = Platform(house.parties, public_url)
    registration = await _serve_partners(
        settings, house, deliveries, commands, platform, ocpi_port, listeners, stack
    )
    stations = OcppServer(_station_services(house))
    listeners.closing.append(stations.close)
    ocpp_port = await stations.listen(settings.ocpp_host, settings.ocpp_port)
    tls, legacy_tls = await _listen_tls(settings, stations, house.trust)
    token = operator_token(settings)
    transfers, files_url = await _serve_files(settings, house, stations, listeners)
    operator_port = await _serve_operators(
        settings, house, deliveries, registration, stations, platform, token, listeners, transfers
    )
    house.charge_points.sweep()
    addresses = Addresses(
        ocpp=f"ws://{settings.ocpp_host}:{ocpp_port}/ocpp/",
        ocpp_tls=tls,
        ocpi=platform.versions_url,
        operator=f"http://{settings.operator_host}:{operator_port}/",
        files=files_url,
        ocpp_tls_legacy=legacy_tls,
    )
    log.info("started", **{name: getattr(addresses, name) for name in addresses.__slots__})
    return Gateway(addresses, stack, token, stations.refresh)


async def _serve_partners(
    settings: Settings,
    house: _House,
    deliveries: Deliveries,
    commands: CommandService,
    platform: Platform,
    port: int,
    listeners: "_Listeners",
    stack: AsyncExitStack,
) -> Registration:
    """Open the partners' listener; returns what registers us with them."""
    received = ReceivedTokens(house.store.tokens, house.partners)
    pull = TokenPull(house.client, house.partners, received, v221.WIRE, platform)
    stack.push_async_callback(pull.close)

    def registered(partner_id: str) -> None:
        pull.begin(partner_id)
        deliveries.wake(partner_id)

    registration = Registration(
        house.client, house.partners, platform, house.store, utc_now, registered
    )
    server = ocpi.OcpiServer(
        ocpi.create_app(
            ocpi.Services(
                directory=house.partners,
                platform=platform,
                store=house.store,
                locations=house.catalogue,
                tariffs=house.tariffs,
                commands=commands,
                tokens=received,
                registration=registration,
                now=utc_now,
                called=deliveries.wake,
            )
        )
    )
    listeners.closing.append(server.close)
    await server.start(settings.ocpi_host, port)
    return registration


async def _serve_files(
    settings: Settings, house: _House, stations: OcppServer, listeners: "_Listeners"
) -> tuple[FileTransfers, str]:
    """Open the stations' listener for files; returns its services and its URL."""
    context, files = None, _certificate_files(settings)
    if files:
        tls = ServerTls(files)
        stations.look_after(tls)
        context = tls.context
    port = settings.files_port or _free_port(settings.files_host)
    url = f"{'https' if context else 'http'}://{settings.files_host}:{port}/"
    rules = FileRules(
        directory=settings.files_dir or settings.data_dir / "files",
        public_url=settings.files_public_url or url,
        max_bytes=settings.files_max_bytes,
        quota_bytes=settings.files_quota_bytes,
        schemes=frozenset(settings.files_schemes.split(",")),
        firmware_roots=read_roots(settings.firmware_roots) if settings.firmware_roots else (),
    )
    transfers = FileTransfers.make(house.store, house.operations, rules, utc_now)
    server = FilesServer(
        create_files_app(transfers.tickets, transfers.uploads, transfers.firmware_files)
    )
    listeners.closing.append(server.close)
    await server.start(settings.files_host, port, context)
    return transfers, url


async def _serve_operators(
    settings: Settings,
    house: _House,
    deliveries: Deliveries,
    registration: Registration,
    stations: OcppServer,
    platform: Platform,
    token: str,
    listeners: "_Listeners",
    transfers: FileTransfers,
) -> int:
    """Open the operators' listener; returns its port."""
    services = AdminServices(
        store=house.store,
        parties=house.parties,
        charge_points=house.charge_points,
        router=house.router,
        reservations=house.reservations,
        smart_charging=SmartCharging(house.store, house.router, utc_now),
        catalogue=house.catalogue,
        tariffs=house.tariffs,
        own_tokens=OwnTokens(house.store),
        local_lists=house.local_lists,
        costs=house.costs,
        payments=house.payments,
        partners=house.partners,
        registration=registration,
        deliveries=deliveries,
        stale=house.stale,
        provisioning=house.provisioning,
        baselines=house.baselines,
        device_models=house.device_models,
        reports=house.reports,
        operations=house.operations,
        transfers=transfers,
        deviations=house.deviations,
        certificates=house.certificates,
        credentials=house.credentials,
        warnings=stations.tls_warnings,
        messages=stations.messages,
        versions_url=platform.versions_url,
        operator_token=token,
        now=utc_now,
    )
    server = AdminServer(create_admin_app(services))
    listeners.closing.append(server.close)
    return await server.start(settings.operator_host, settings.operator_port)


def _station_services(house: _House) -> ChargePointServices:
    return ChargePointServices(
        charge_points=house.charge_points,
        provisioning=house.provisioning,
        status=house.status,
        authorization=house.authorization,
        transactions=house.transactions,
        now=utc_now,
        operations=house.operations,
        reservations=house.reservations,
        reports=house.reports,
        data_transfers=house.data_transfers,
        deviations=house.deviations,
        security_events=house.certificates.security_events,
        certificate_signing=house.certificates.signing,
        vehicle_certificates=house.certificates.vehicles,
        router=house.router,
        logins=house.logins,
        credentials=house.credentials,
        certificate_renewal=house.certificates.renewal,
        costs=house.costs,
        payments=house.payments,
        charging_limits=ChargingLimits(house.store),
    )


class _Listeners:
    """The open listeners, drained together."""

    def __init__(self) -> None:
        self.closing: list[Callable[[], Coroutine[Any, Any, None]]] = []

    async def close(self) -> None:
        """Drain all at once; raises what went wrong with one after all have ended."""
        results = await asyncio.gather(*(close() for close in self.closing), return_exceptions=True)
        for error in results:
            if isinstance(error, BaseException):
                raise error


async def _listen_tls(
    settings: Settings, stations: OcppServer, trust: Trust
) -> tuple[str | None, str | None]:
    """Open the listeners over TLS that are wanted: today's, and one for old versions."""
    files = _certificate_files(settings)

    async def listen(port: int | None, *, legacy: bool) -> str | None:
        if not files or port is None:
            return None
        host = settings.ocpp_tls_host
        tls = ServerTls(files, trust=trust, legacy=legacy)
        return f"wss://{host}:{await stations.listen(host, port, tls=tls)}/ocpp/"

    return (
        await listen(settings.ocpp_tls_port, legacy=False),
        await listen(settings.ocpp_tls_legacy_port, legacy=True),
    )


def _certificate_files(settings: Settings) -> list[CertificateFiles]:
    """What the charge points' listeners show: one certificate, or one for each kind of key."""
    pairs = [
        (settings.ocpp_tls_cert, settings.ocpp_tls_key),
        (settings.ocpp_tls_cert_2, settings.ocpp_tls_key_2),
    ]
    return [CertificateFiles(cert, key) for cert, key in pairs if cert and key]


async def _started(
    stack: AsyncExitStack,
    start: Callable[[], Awaitable[None]],
    close: Callable[[], Awaitable[None]],
) -> None:
    stack.push_async_callback(close)
    await start()


def _spare_the_collector() -> None:
    """Look for reference cycles less often, and never among what lives as long as the process.

    A message makes and drops some hundred containers and no cycle; at the default of 700 the
    collector would run every few messages, and over all connections' states again and again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _free_port(host: str) -> int:
    """A port for a listener whose URL must be known before it listens (port 0 in tests)."""
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
