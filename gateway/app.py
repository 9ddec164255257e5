"""The composition root: builds every object, starts them in order, drains them in reverse."""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from gateway.admin.server import AdminServer
from gateway.admin.server import Services as AdminServices
from gateway.admin.server import create_app as create_admin_app
from gateway.delivery import Deliveries, DeliveryPolicy
from gateway.ocpi import server as ocpi
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.command_results import CommandResultSender
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
from gateway.ocpp.tls import server_context
from gateway.services.authorization import AuthorizationService
from gateway.services.billing import Billing
from gateway.services.charge_points import ChargePoints
from gateway.services.commands import CommandService
from gateway.services.evse_publisher import EvsePublisher
from gateway.services.initiative import Initiative
from gateway.services.locations import LocationCatalogue
from gateway.services.own_tokens import OwnTokens
from gateway.services.parties import PartyBook, PartyInfo
from gateway.services.partners import PartnerDirectory
from gateway.services.provisioning import Provisioning
from gateway.services.routing import StationRouter
from gateway.services.stale import StaleTransactions
from gateway.services.status import StatusService
from gateway.services.tariffs import TariffBook
from gateway.services.transactions import TransactionService
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


class Gateway:
    """One running gateway process. Make it with `Gateway.start`, end it with `close`."""

    def __init__(self, addresses: Addresses, stack: AsyncExitStack, token: str) -> None:
        self.addresses = addresses
        self.operator_token = token
        self._stack = stack

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
    router: StationRouter
    charge_points: ChargePoints
    stale: StaleTransactions


def _services(settings: Settings, store: Store, http: SafeHttp) -> _House:
    now, node_id = utc_now, settings.node_id
    partners = PartnerDirectory(store, now)
    client = OcpiClient(http, now=now)
    publisher = EvsePublisher(store, partners, now)
    billing = Billing(store, settings.currency, now, settings.session_interval)
    authorization = AuthorizationService(store, partners, RealTimeAuthorizer(client), now)
    transactions = TransactionService(store, authorization, billing, publisher)
    router = StationRouter(store, node_id)
    initiative = Initiative(router)
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
        provisioning=Provisioning(store, initiative, settings.heartbeat_interval, now),
        initiative=initiative,
        router=router,
        charge_points=charge_points,
        stale=StaleTransactions(store, charge_points, router, transactions, node_id),
    )


async def _build(settings: Settings, store: Store, stack: AsyncExitStack) -> Gateway:
    """Everything on top of the store. What is pushed on the stack last is closed first."""
    http = SafeHttp(settings.ocpi_allow_private_hosts)
    stack.push_async_callback(http.close)
    house = _services(settings, store, http)
    await _started(stack, house.partners.load, house.partners.close)
    stack.push_async_callback(house.charge_points.close)
    stack.push_async_callback(house.initiative.close)
    deliveries = Deliveries(
        store=store,
        partners=house.partners,
        parties=lambda: [info.party for info in house.parties.all()],
        transport=ObjectSender(house.client, store, house.catalogue),
        policy=DeliveryPolicy(session_interval=settings.session_interval),
    )
    await _started(stack, deliveries.start, deliveries.close)
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
    tls = await _listen_tls(settings, stations)
    token = operator_token(settings)
    operator_port = await _serve_operators(
        settings, house, deliveries, registration, stations, platform, token, listeners
    )
    house.charge_points.sweep()
    addresses = Addresses(
        ocpp=f"ws://{settings.ocpp_host}:{ocpp_port}/ocpp/",
        ocpp_tls=tls,
        ocpi=platform.versions_url,
        operator=f"http://{settings.operator_host}:{operator_port}/",
    )
    log.info("started", **{name: getattr(addresses, name) for name in addresses.__slots__})
    return Gateway(addresses, stack, token)


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


async def _serve_operators(
    settings: Settings,
    house: _House,
    deliveries: Deliveries,
    registration: Registration,
    stations: OcppServer,
    platform: Platform,
    token: str,
    listeners: "_Listeners",
) -> int:
    """Open the operators' listener; returns its port."""
    services = AdminServices(
        store=house.store,
        parties=house.parties,
        charge_points=house.charge_points,
        router=house.router,
        catalogue=house.catalogue,
        tariffs=house.tariffs,
        own_tokens=OwnTokens(house.store),
        partners=house.partners,
        registration=registration,
        deliveries=deliveries,
        stale=house.stale,
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


async def _listen_tls(settings: Settings, stations: OcppServer) -> str | None:
    if settings.ocpp_tls_cert is None or settings.ocpp_tls_key is None:
        return None
    context = server_context(settings.ocpp_tls_cert, settings.ocpp_tls_key)
    port = await stations.listen(settings.ocpp_tls_host, settings.ocpp_tls_port, ssl=context)
    return f"wss://{settings.ocpp_tls_host}:{port}/ocpp/"


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
