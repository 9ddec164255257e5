"""The partners' server: which modules of which versions are where, and the listener."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from gateway.ocpi.credentials.registration import Registration
from gateway.ocpi.incoming import openapi
from gateway.ocpi.incoming.calls import Route
from gateway.ocpi.incoming.pipeline import MAX_BODY_BYTES, Adapter, edge
from gateway.ocpi.modules.cdrs import CdrsSender
from gateway.ocpi.modules.charging_preferences import ChargingPreferencesReceiver
from gateway.ocpi.modules.charging_profiles import ChargingProfilesReceiver
from gateway.ocpi.modules.commands import CommandsReceiver
from gateway.ocpi.modules.credentials import CredentialsModule
from gateway.ocpi.modules.hub_client_info import HubClientInfoReceiver
from gateway.ocpi.modules.invoice_reconciliation import InvoiceReconciliation
from gateway.ocpi.modules.locations import LocationsSender
from gateway.ocpi.modules.payments import PaymentsReceiver
from gateway.ocpi.modules.sessions import SessionsSender
from gateway.ocpi.modules.tariffs import TariffsSender
from gateway.ocpi.modules.tokens import TokensReceiver
from gateway.ocpi.modules.versions import Versions
from gateway.ocpi.open_data import Publisher, add_routes
from gateway.ocpi.platform import Platform
from gateway.ocpi.pushes.rendered import RenderedObjects
from gateway.ocpi.pushes.rendering import Renderer
from gateway.ocpi.tokens.received_tokens import ReceivedTokens
from gateway.ocpi.versions import VERSIONS, Version
from gateway.services.billing.charging_preferences import ChargingPreferences
from gateway.services.billing.tariffs import TariffBook
from gateway.services.charging.commands import CommandService
from gateway.services.charging.partner_profiles import PartnerProfiles
from gateway.services.roaming.hub_clients import HubClients
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store

# aiohttp closes a connection whose headers have not come, or that idles, after this long (S16).
HEADER_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class Services:
    """Exactly what the partners' server needs. `called` hears the id of each partner that calls."""

    directory: PartnerDirectory
    platform: Platform
    store: Store
    locations: LocationCatalogue
    tariffs: TariffBook
    commands: CommandService
    profiles: PartnerProfiles
    preferences: ChargingPreferences
    tokens: ReceivedTokens
    registration: Registration
    hub_clients: HubClients
    now: Callable[[], datetime]
    called: Callable[[str], None]
    open_data: Publisher | None = None


def create_app(services: Services) -> web.Application:
    """The application below `/ocpi`."""
    app = web.Application(
        middlewares=[edge(services.directory, services.now)], client_max_size=MAX_BODY_BYTES
    )
    adapter = Adapter(
        services.platform,
        services.registration.settled,
        services.called,
        services.now,
    )
    versions = Versions(services.platform)
    rendered = RenderedObjects()
    listing = Route("GET", "/versions", versions.versions, configuration=True)
    _add(app, adapter, "/ocpi", [listing])
    for version in VERSIONS:
        for routes in _modules(version, services, versions, rendered):
            _add(app, adapter, f"/ocpi/{version.number}", routes, version.has_routing)
    openapi.add_routes(app)
    if services.open_data is not None:
        platform = services.platform
        add_routes(app, services.open_data, lambda: platform.public_url, services.now)
    return app


def _modules(
    version: Version, services: Services, versions: Versions, rendered: RenderedObjects
) -> Iterable[list[Route]]:
    platform, store = services.platform, services.store
    yield versions.routes(version)
    yield CredentialsModule(version, platform, services.registration).routes()
    yield LocationsSender(version, platform, services.locations, rendered).routes()
    yield SessionsSender(version, platform, store, Renderer(services.locations)).routes()
    yield CdrsSender(version, platform, store).routes()
    yield TariffsSender(version, platform, services.tariffs).routes()
    yield TokensReceiver(version, services.tokens, services.now).routes()
    if ("payments", "RECEIVER") in version.endpoints:
        yield PaymentsReceiver(store, services.now).routes()
    if ("invoicereconciliation", "SENDER") in version.endpoints:
        yield InvoiceReconciliation(platform, store, services.now).routes()
    if ("hubclientinfo", "RECEIVER") in version.endpoints:
        yield HubClientInfoReceiver(services.hub_clients, services.now).routes()
    yield CommandsReceiver(
        version, platform, store, services.locations, services.tokens, services.commands
    ).routes()
    if ("chargingprofiles", "RECEIVER") in version.endpoints:
        yield ChargingProfilesReceiver(platform, store, services.profiles).routes()
    if version.has_preferences:
        yield ChargingPreferencesReceiver(platform, store, services.preferences).routes()


def _add(
    app: web.Application,
    adapter: Adapter,
    base: str,
    routes: list[Route],
    has_routing: bool = True,
) -> None:
    for route in routes:
        handler = adapter.adapt(route, has_routing=has_routing)
        # advertised without a trailing slash; some peers append one
        for path in (base + route.path, base + route.path + "/"):
            app.router.add_route(route.method, path, handler)


class OcpiServer:
    """The listener of the partners' server."""

    def __init__(self, app: web.Application, *, header_seconds: float = HEADER_SECONDS) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=header_seconds,
            lingering_time=2.0,
            shutdown_timeout=10.0,
        )

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which matters if 0 was asked for."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=1024).start()
        address: tuple[str, int] = self._runner.addresses[0][:2]
        return address[1]

    async def close(self) -> None:
        """Stop listening, let running requests end."""
        await self._runner.cleanup()
