"""The charge points' server: listeners, upgrades, the life of each connection, the drain."""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from prometheus_client import Gauge
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import Subprotocol

from gateway.ocpp import v16, v21, v201
from gateway.ocpp.admission import Admission, Admitted, too_many
from gateway.ocpp.attentive_station import AttentiveStation
from gateway.ocpp.certified_boot import CertifiedBoot
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Dialect, Handler
from gateway.ocpp.frames import FrameRecord
from gateway.ocpp.handshake import preferred
from gateway.ocpp.leniency import Leniency
from gateway.ocpp.limits import LoginLimiter, SwapLimiter
from gateway.ocpp.link import Link, LinkLimits
from gateway.ocpp.socket import ChargePointSocket
from gateway.ocpp.tls import ServerTls
from gateway.ocpp.watching import watched
from gateway.services.stations.station_state import OCPP_16, StationState
from gateway.store import Fenced, StoreError

log = structlog.get_logger(__name__)

CONNECTED = Gauge("gateway_ocpp_connections", "Live charge-point connections", ["protocol"])

DIALECTS: tuple[Dialect, ...] = (v21.DIALECT, v201.DIALECT, v16.DIALECT)

# RFC 7692 with windows of 1 KiB: enough for JSON of this size, and an idle connection keeps
# 12 KiB instead of 300.
_DEFLATE = ServerPerMessageDeflateFactory(
    server_max_window_bits=10, client_max_window_bits=10, compress_settings={"memLevel": 4}
)

# `websockets` writes frames and headers, secrets included, at DEBUG: never through our root.
_quiet = logging.getLogger("gateway.ocpp.websockets")
_quiet.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Bounds of the server; times in seconds, sizes in bytes.

    A TLS handshake and the request after it have a bound each, 15 s together (S16).
    """

    max_frame: int = 1 << 20
    handshake: float = 7
    opening: float = 7
    openings: int = 10_000
    closing: float = 5
    ping_interval: float = 30
    ping_timeout: float = 20
    sweep: float = 5


class OcppServer:
    """Serves charge points on any number of listeners."""

    def __init__(
        self,
        services: ChargePointServices,
        *,
        dialects: Sequence[Dialect] = DIALECTS,
        limits: ServerLimits | None = None,
        link_limits: LinkLimits | None = None,
        logins: LoginLimiter | None = None,
        swaps: SwapLimiter | None = None,
    ) -> None:
        self._services = services
        self._limits = limits or ServerLimits()
        self._link_limits = link_limits or LinkLimits()
        self._dialects: Mapping[str, Dialect] = {d.subprotocol: d for d in dialects}
        self._routes = {d.subprotocol: self._routes_of(d) for d in dialects}
        self._admission = Admission(services.logins, logins or LoginLimiter())
        self._swaps = swaps or SwapLimiter()
        self._servers: list[Server] = []
        self._tls: list[ServerTls] = []
        self._opening: set[ServerConnection] = set()
        self._links: dict[ChargePointSocket, Link] = {}
        self._newest: dict[str, Link] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self._draining = False

    def _routes_of(self, dialect: Dialect) -> Mapping[str, Handler]:
        """A version's routes: a boot over a client certificate is looked at, and what operations
        wait for is told to them."""
        services = self._services
        routes = dict(dialect.routes(services))
        boot = CertifiedBoot(
            routes["BootNotification"],
            services.router,
            services.certificate_renewal,
            services.security_events,
            services.now,
        )
        routes["BootNotification"] = boot.handle
        return watched(routes, services.operations, dialect.happening)

    # --- listening ----------------------------------------------------------------------------

    async def listen(
        self,
        host: str,
        port: int,
        *,
        tls: ServerTls | None = None,
    ) -> int:
        """Open a listener; returns its port, which port 0 leaves to the system.

        Raises `OSError`.
        """
        limits = self._limits
        server = await serve(
            self._serve,
            host,
            port,
            process_request=self._process_request,
            select_subprotocol=_agreed,
            # a wrapper is documented; the annotation knows subclasses only
            create_connection=self._connection,  # type: ignore[arg-type]
            compression=None,  # per connection: see `_process_request`
            server_header=None,
            max_size=limits.max_frame,
            open_timeout=limits.opening,
            close_timeout=limits.closing,
            ping_interval=None,  # see `_sweep`
            logger=_quiet,
            ssl=tls.context if tls else None,
            ssl_handshake_timeout=limits.handshake if tls else None,
            backlog=4096,
        )
        self._servers.append(server)
        if tls is not None:
            self._tls.append(tls)
        if self._sweeper is None:
            self._sweeper = asyncio.create_task(self._sweep(), name="ocpp ping sweep")
        bound: int = next(iter(server.sockets)).getsockname()[1]
        log.info("listening for charge points", host=host, port=bound, tls=tls is not None)
        return bound

    async def close(self, within: float = 10) -> None:
        """Stop accepting, let calls in flight be answered, then send every station away.

        Bounded: what has not ended after `within` seconds is cut off.
        """
        self._draining = True
        for server in self._servers:
            server.close(close_connections=False)
        for link in list(self._links.values()):
            link.drain()
        tasks = {task for server in self._servers for task in server.handler_tasks}
        if tasks:
            _done, late = await asyncio.wait(tasks, timeout=within)
            await self._cut_off(late)
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    async def _cut_off(self, late: set[asyncio.Task[None]]) -> None:
        if not late:
            return
        log.warning("connections cut off", count=len(late))
        for socket in [*self._links, *self._opening]:
            socket.transport.abort()
        for task in late:
            task.cancel()
        await asyncio.wait(late, timeout=1)

    def messages(self, identity: str) -> list[dict[str, Any]]:
        """The last frames of a charge point connected here; empty when it is not."""
        link = self._newest.get(identity)
        return link.messages() if link else []

    # --- upgrades -----------------------------------------------------------------------------

    def _connection(self, *args: Any, **options: Any) -> ChargePointSocket:
        return ChargePointSocket(*args, on_opening=self._tcp_changed, **options)

    def _tcp_changed(self, socket: ChargePointSocket, is_there: bool) -> bool:
        """Count connections on their way to the upgrade; refuse one too many."""
        if not is_there:
            self._opening.discard(socket)
            return True
        if len(self._opening) >= self._limits.openings or self._draining:
            return False
        self._opening.add(socket)
        return True

    async def _process_request(
        self, connection: ServerConnection, request: Request
    ) -> Response | None:
        assert isinstance(connection, ChargePointSocket)  # noqa: S101 - made by `_connection`
        admitted = await self._admission.decide(connection, request)
        if isinstance(admitted, Response):
            return admitted
        if self._swaps_too_often(admitted.record.identity, connection.loop.time()):
            return too_many(connection)
        connection.admitted = admitted
        offered = [
            name.strip()
            for header in request.headers.get_all("Sec-WebSocket-Protocol")
            for name in header.split(",")
        ]
        served = self._dialects
        if admitted.legacy_tls:  # "not allowed in OCPP 2.0.1" (1.6 A00.FR.312)
            served = {name: dialect for name, dialect in served.items() if name == OCPP_16}
        agreed = preferred(offered, served)
        if agreed is not None:
            connection.agreed, dialect = agreed
            if dialect.compression:
                connection.protocol.available_extensions = [_DEFLATE]
        return None

    def _swaps_too_often(self, identity: str, now: float) -> bool:
        """Only a login that would end a live connection counts: a dead one frees the way."""
        if identity not in self._newest or self._swaps.allows(identity, now):
            return False
        log.error("two stations seem to share one identity", charge_point=identity)
        return True

    # --- a connection's life -------------------------------------------------------------------

    async def _serve(self, connection: ServerConnection) -> None:
        assert isinstance(connection, ChargePointSocket)  # noqa: S101 - made by `_connection`
        self._opening.discard(connection)
        admitted = connection.admitted
        connection.forget_handshake()
        if connection.agreed is None or not isinstance(admitted, Admitted):
            # "complete the handshake without a Sec-WebSocket-Protocol header and then
            # immediately close" (OCPP-J 3.2)
            await connection.close(CloseCode.PROTOCOL_ERROR, "no OCPP version in common")
            return
        dialect = self._dialects[connection.agreed.lower()]
        link = self._link(connection, admitted, dialect)
        try:
            state = await self._services.charge_points.connect(
                admitted.record,
                protocol=dialect.subprotocol,
                remote=admitted.remote,
                station=AttentiveStation(link, self._services.credentials),
                certificate=admitted.certificate,
            )
        except Fenced:
            log.info("superseded while it connected", charge_point=link.identity)
            await connection.close(CloseCode.NORMAL_CLOSURE, "superseded by a newer connection")
            return
        except StoreError as error:
            log.error("not connected", charge_point=link.identity, reason=repr(error))
            await connection.close(CloseCode.TRY_AGAIN_LATER)
            return
        await self._live(connection, link, state)

    def _link(self, socket: ChargePointSocket, admitted: Admitted, dialect: Dialect) -> Link:
        return Link(
            socket,
            admitted.record.identity,
            dialect,
            self._routes[dialect.subprotocol],
            FrameRecord(),
            self._link_limits,
            self._services.provisioning.keep,
            Leniency(dialect, self._services.deviations),
        )

    async def _live(self, socket: ChargePointSocket, link: Link, state: StationState) -> None:
        connected = CONNECTED.labels(link.dialect.subprotocol)
        connected.inc()
        self._links[socket] = self._newest[link.identity] = link
        if self._draining:
            link.drain()
        try:
            await self._services.deviations.begin(state)
            link.know(state)
            socket.listen(link.received, link.lost)
            await link.run(state, self._services.charge_points.seen)
        finally:
            connected.dec()
            self._links.pop(socket, None)
            if self._newest.get(link.identity) is link:
                del self._newest[link.identity]
            await self._services.deviations.flush(state)
            await self._disconnect(state)
        code = CloseCode.SERVICE_RESTART if self._draining else CloseCode.NORMAL_CLOSURE
        socket.finish(code)  # `websockets` waits for the end, within the closing time

    async def _disconnect(self, state: StationState) -> None:
        try:
            await self._services.charge_points.disconnect(state)
        except StoreError as error:
            # The epoch still says whose the route is; the next connection puts it right.
            log.warning("disconnect not stored", charge_point=state.identity, reason=repr(error))

    # --- signs of life ---------------------------------------------------------------------------

    async def _sweep(self) -> None:
        """Ping the silent, drop the dead: one task for all connections (ocpp-rules 7)."""
        while True:
            await asyncio.sleep(self._limits.sweep)
            self.refresh()
            for batch in _batches(list(self._links), 1_000):
                now = asyncio.get_running_loop().time()
                for socket in batch:
                    self._check(socket, now)
                await asyncio.sleep(0)

    def refresh(self) -> None:
        """Take certificates and lists that were changed in their files."""
        self._services.logins.refresh()
        for tls in self._tls:
            tls.refresh()

    def look_after(self, tls: ServerTls) -> None:
        """Refresh another listener's certificates along with ours."""
        self._tls.append(tls)

    def tls_warnings(self) -> list[str]:
        """Which of the listeners' certificates end soon."""
        now = self._services.now()
        return list(dict.fromkeys(text for tls in self._tls for text in tls.warnings(now)))

    def _check(self, socket: ChargePointSocket, now: float) -> None:
        link = self._links.get(socket)
        if link is not None:
            link.check(now)
        if socket.held or socket.protocol.state is not State.OPEN:
            return
        if socket.pinged is None:
            if now - socket.heard >= self._limits.ping_interval:
                socket.send_ping()
        elif now - socket.pinged >= self._limits.ping_timeout:
            log.info("station does not answer pings", remote=socket.remote_address)
            socket.transport.abort()


def _agreed(connection: ServerConnection, _offered: Sequence[Subprotocol]) -> Subprotocol | None:
    assert isinstance(connection, ChargePointSocket)  # noqa: S101 - made by `_connection`
    return Subprotocol(connection.agreed) if connection.agreed else None


def _batches(sockets: list[ChargePointSocket], size: int) -> Iterator[list[ChargePointSocket]]:
    remaining = iter(sockets)
    while batch := list(islice(remaining, size)):
        yield batch
