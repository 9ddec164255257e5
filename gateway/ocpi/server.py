"""The partners' server: which modules of which versions are where, and the listener."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from gateway.ocpi.calls import Route
from gateway.ocpi.modules.cdrs import CdrsSender
from gateway.ocpi.modules.commands import CommandsReceiver
from gateway.ocpi.modules.credentials import CredentialsModule
from gateway.ocpi.modules.locations import LocationsSender
from gateway.ocpi.modules.sessions import SessionsSender
from gateway.ocpi.modules.tariffs import TariffsSender
from gateway.ocpi.modules.tokens import TokensReceiver
from gateway.ocpi.modules.versions import Versions
from gateway.ocpi.pipeline import MAX_BODY_BYTES, Adapter, edge
from gateway.ocpi.platform import Platform
from gateway.ocpi.received_tokens import ReceivedTokens
from gateway.ocpi.registration import Registration
from gateway.ocpi.versions import v221
from gateway.ocpi.versions.wire import Wire
from gateway.services.charging.commands import CommandService
from gateway.services.charging.tariffs import TariffBook
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store

# aiohttp closes a connection whose headers have not come, or that idles, after this long (S16).
HEADER_SECONDS = 12.0
_WIRES: tuple[Wire, ...] = (v221.WIRE,)


@dataclass(frozen=True, slots=True)
class Services:
    """Exactly what the partners' server needs. `called` hears the id of each partner that calls."""

    directory: PartnerDirectory
    platform: Platform
    store: Store
    locations: LocationCatalogue
    tariffs: TariffBook
    commands: CommandService
    tokens: ReceivedTokens
    registration: Registration
    now: Callable[[], datetime]
    called: Callable[[str], None]


def create_app(services: Services) -> web.Application:
    """The application below `/ocpi`."""
    app = web.Application(
        middlewares=[edge(services.directory, services.now)], client_max_size=MAX_BODY_BYTES
    )
    adapter = Adapter(services.directory, services.platform, services.called, services.now)
    versions = Versions(services.platform, [wire.version for wire in _WIRES])
    listing = Route("GET", "/versions", versions.versions, configuration=True)
    _add(app, adapter, "/ocpi", [listing])
    for wire in _WIRES:
        for routes in _modules(wire, services, versions):
            _add(app, adapter, f"/ocpi/{wire.version}", routes)
    return app


def _modules(wire: Wire, services: Services, versions: Versions) -> Iterable[list[Route]]:
    platform, store = services.platform, services.store
    yield versions.routes(wire.version)
    yield CredentialsModule(wire.version, platform, services.registration).routes()
    yield LocationsSender(wire, platform, services.locations).routes()
    yield SessionsSender(wire, platform, store).routes()
    yield CdrsSender(wire, platform, store).routes()
    yield TariffsSender(wire, platform, services.tariffs).routes()
    yield TokensReceiver(wire, services.tokens).routes()
    yield CommandsReceiver(
        wire, platform, store, services.locations, services.tokens, services.commands
    ).routes()


def _add(app: web.Application, adapter: Adapter, base: str, routes: list[Route]) -> None:
    for route in routes:
        handler = adapter.adapt(route)
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
