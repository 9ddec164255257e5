"""The operator's server: which calls there are, and the listener."""

from importlib.metadata import PackageNotFoundError, version

from aiohttp import web

from gateway.admin.calls import Answer, Call, Route
from gateway.admin.guard import allowed_hosts
from gateway.admin.health import Health
from gateway.admin.live import LiveEvents
from gateway.admin.openapi import describe
from gateway.admin.pages import add_pages
from gateway.admin.pipeline import API, HOSTS, MAX_BODY_BYTES, adapt, edge
from gateway.admin.resources.books import BookCalls
from gateway.admin.resources.certificates import CertificateCalls
from gateway.admin.resources.charge_points import ChargePointCalls
from gateway.admin.resources.costs import CostCalls
from gateway.admin.resources.credentials import CredentialCalls
from gateway.admin.resources.device_model import DeviceModelCalls
from gateway.admin.resources.events import EventCalls
from gateway.admin.resources.files import FirmwareCalls, UploadedFileCalls
from gateway.admin.resources.held_cdrs import HeldCdrCalls
from gateway.admin.resources.hub_clients import HubClientCalls
from gateway.admin.resources.invoices import InvoiceCalls
from gateway.admin.resources.kept import KeptCalls
from gateway.admin.resources.local_lists import LocalListCalls
from gateway.admin.resources.locations import LocationCalls
from gateway.admin.resources.operations import OperationCalls
from gateway.admin.resources.parties import PartyCalls
from gateway.admin.resources.partner_handshakes import PartnerHandshakes
from gateway.admin.resources.partner_quirks import PartnerQuirkCalls
from gateway.admin.resources.partner_resends import PartnerResends
from gateway.admin.resources.partners import PartnerCalls
from gateway.admin.resources.payment_terminals import PaymentTerminalCalls
from gateway.admin.resources.provisioning import ProvisioningCalls
from gateway.admin.resources.quirks import QuirkCalls
from gateway.admin.resources.reports import ReportCalls
from gateway.admin.resources.reservations import ReservationCalls
from gateway.admin.resources.security import SecurityCalls
from gateway.admin.resources.smart_charging import SmartChargingCalls
from gateway.admin.resources.tariffs import TariffCalls
from gateway.admin.resources.token_pulls import TokenPullCalls
from gateway.admin.resources.tokens import TokenCalls
from gateway.admin.resources.transactions import TransactionCalls
from gateway.admin.services import Services

__all__ = ["AdminServer", "Services", "create_app"]

# aiohttp closes a connection whose headers have not come, or that idles, after this long (S16).
HEADER_SECONDS = 12.0


def create_app(services: Services) -> web.Application:
    """The application of the operator's listener."""
    app = web.Application(
        middlewares=[edge(services.operator_token)],
        client_max_size=MAX_BODY_BYTES,
    )
    app[HOSTS] = None
    live = LiveEvents(services)
    for route in _described(_routes(services, live)):
        app.router.add_route(route.method, API + route.pattern, adapt(route))
    health = Health(services)
    app.router.add_get("/health", health.health)
    app.router.add_get("/ready", health.ready)
    app.router.add_get("/metrics", health.metrics)
    add_pages(app)

    async def end_streams(_: web.Application) -> None:
        await live.close()

    app.on_shutdown.append(end_streams)
    return app


def _routes(services: Services, live: LiveEvents) -> list[Route]:
    partners = PartnerCalls(services)
    return [
        *ChargePointCalls(services).routes(),
        *CredentialCalls(services).routes(),
        *CostCalls(services).routes(),
        *ReservationCalls(services).routes(),
        *SmartChargingCalls(services).routes(),
        *KeptCalls(services).routes(),
        *ProvisioningCalls(services).routes(),
        *DeviceModelCalls(services).routes(),
        *QuirkCalls(services).routes(),
        *CertificateCalls(services).routes(),
        *SecurityCalls(services).routes(),
        *TransactionCalls(services).routes(),
        *OperationCalls(services).routes(),
        *UploadedFileCalls(services).routes(),
        *FirmwareCalls(services).routes(),
        *LocationCalls(services).routes(),
        *TariffCalls(services).routes(),
        *TokenCalls(services).routes(),
        *LocalListCalls(services).routes(),
        *BookCalls(services).routes(),
        *HeldCdrCalls(services).routes(),
        *PartyCalls(services).routes(),
        *partners.routes(),
        *PartnerHandshakes(services, partners).routes(),
        *PartnerResends(services, partners).routes(),
        *PartnerQuirkCalls(services).routes(),
        *HubClientCalls(services).routes(),
        *TokenPullCalls(services).routes(),
        *PaymentTerminalCalls(services).routes(),
        *InvoiceCalls(services).routes(),
        *EventCalls(live, partners).routes(),
        *ReportCalls(services).routes(),
    ]


def _described(routes: list[Route]) -> list[Route]:
    """The routes and the one that describes them all, itself included."""

    async def openapi(call: Call) -> Answer:
        return Answer(describe(everything, API, _version()))

    everything = [*routes, Route("GET", "/openapi.json", "This description", openapi)]
    return everything


def _version() -> str:
    try:
        return version("ocpp-ocpi-gateway")
    except PackageNotFoundError:
        return "unknown"


class AdminServer:
    """The listener of the operator's server."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=HEADER_SECONDS,
            lingering_time=2.0,
            shutdown_timeout=10.0,
        )

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port, which matters if 0 was asked for."""
        self._app[HOSTS] = allowed_hosts(host)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, backlog=256).start()
        address: tuple[str, int] = self._runner.addresses[0][:2]
        return address[1]

    async def close(self) -> None:
        """Stop listening, end the live streams, let running requests end."""
        await self._runner.cleanup()
