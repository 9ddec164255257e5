"""The composition root: builds every object, starts them in order, drains them in reverse."""

import gc
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog

from gateway.delivery import Deliveries, DeliveryPolicy
from gateway.house import build as house_of
from gateway.house import requests_of_partners, utc_now
from gateway.listeners import (
    Listeners,
    free_port,
    listen_tls,
    serve_files,
    serve_operators,
    serve_partners,
    station_services,
)
from gateway.ocpi.outgoing.ocsp_fetch import OcspFetch
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.platform import Platform
from gateway.ocpi.pushes.audience import Audience
from gateway.ocpi.pushes.sender import ObjectSender
from gateway.ocpp.server import OcppServer
from gateway.services.stations.lost_nodes import LostNodes
from gateway.services.transactions.completion import Completion
from gateway.settings import Settings, operator_token, secret_key
from gateway.store import Store
from gateway.store.embedded import EmbeddedServer

log = structlog.get_logger(__name__)


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


async def _build(settings: Settings, store: Store, stack: AsyncExitStack) -> Gateway:
    """Everything on top of the store. What is pushed on the stack last is closed first."""
    http = SafeHttp(settings.ocpi_allow_private_hosts)
    stack.push_async_callback(http.close)
    ocsp = OcspFetch(settings.ocsp_allow_private_hosts)
    stack.push_async_callback(ocsp.close)
    house = house_of(settings, store, http, ocsp)
    await _started(stack, house.parties.load, house.parties.close)
    for own in house.parties.all():
        await house.catalogue.list_anew(own.party)
        await house.tariffs.note_anew(own.party)
    await _started(stack, house.partners.load, house.partners.close)
    await _started(stack, house.hub_clients.load, house.hub_clients.close)
    stack.push_async_callback(house.charge_points.close)
    stack.push_async_callback(house.logins.close)
    stack.push_async_callback(house.provisioning.close)
    await _started(stack, house.certificates.start, house.certificates.close)
    await _started(stack, house.local_lists.start, house.local_lists.close)
    await _started(stack, house.costs.start, house.costs.close)
    await _started(stack, house.preauthorized.start, house.preauthorized.close)
    stack.push_async_callback(house.initiative.close)
    stack.push_async_callback(house.operations.close)
    await _started(stack, house.deviations.start, house.deviations.close)
    deliveries = Deliveries(
        store=store,
        partners=house.partners,
        parties=lambda: [info.party for info in house.parties.all()],
        transport=Audience(
            ObjectSender(house.client, store, house.catalogue), store, house.hub_clients
        ),
        policy=DeliveryPolicy(session_interval=settings.session_interval),
    )
    await _started(stack, deliveries.start, deliveries.close)
    completion = Completion(
        store, house.stale, lambda: [info.party for info in house.parties.all()], utc_now
    )
    await _started(stack, completion.start, completion.close)
    lost_nodes = LostNodes(
        store,
        house.charge_points,
        lambda: [info.party for info in house.parties.all()],
        node_id=settings.node_id,
        offline_after=settings.offline_after,
    )
    await _started(stack, lost_nodes.start, lost_nodes.close)
    requests = requests_of_partners(settings, house)
    stack.push_async_callback(requests.in_flight.close)
    await _started(stack, requests.expiry.start, requests.expiry.close)

    # the listeners are drained at the same time, so that none waits for another's slow peers
    listeners = Listeners()
    stack.push_async_callback(listeners.close)
    ocpi_port = settings.ocpi_port or free_port(settings.ocpi_host)
    public_url = settings.ocpi_public_url or f"http://{settings.ocpi_host}:{ocpi_port}"
    platform = Platform(house.parties, public_url)
    registration = await serve_partners(
        settings, house, deliveries, requests, platform, ocpi_port, listeners, stack
    )
    stations = OcppServer(station_services(house))
    listeners.closing.append(stations.close)
    ocpp_port = await stations.listen(settings.ocpp_host, settings.ocpp_port)
    tls, legacy_tls = await listen_tls(settings, stations, house.trust)
    token = operator_token(settings)
    transfers, files_url = await serve_files(settings, house, stations, listeners)
    operator_port = await serve_operators(
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
