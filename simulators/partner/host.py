"""A platform that listens: its address, its versions, and a record of every request.

What it does of its own accord is in `simulators.partner.platform`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Self

from aiohttp import web

from simulators.partner.edition import Edition
from simulators.partner.exact_json import Json
from simulators.partner.exchange import GENERIC_CLIENT_ERROR, Answer, Exchange
from simulators.partner.faults import Faults, spoil
from simulators.partner.feed import Feed
from simulators.partner.finding import Finding
from simulators.partner.gate import GENERIC_SERVER_ERROR, STATUS_CODE, HttpHandler, VersionsGate
from simulators.partner.habits import Habits
from simulators.partner.ledger import Ledger
from simulators.partner.owner import Owner
from simulators.partner.parties import Parties, Party
from simulators.partner.peer import Peer
from simulators.partner.policy import Policy
from simulators.partner.site import Site
from simulators.partner.v2_2_1.types import format_datetime
from simulators.partner.version import V2_2_1, VERSIONS, Version, named
from simulators.partner.wallet import Wallet

MAX_BODY = 4 * 1024 * 1024
REQUESTS_KEPT = 10_000
SHUTDOWN_TIMEOUT = 2.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class Host:
    def __init__(
        self,
        *,
        country_code: str = "DE",
        party_id: str = "EMS",
        name: str = "Simulated eMSP",
        version: Version | str = V2_2_1,
        versions: Iterable[Version | str] | None = None,
        role: str = "EMSP",
        behind: Iterable[tuple[str, str]] | None = None,
        pull_only: bool = False,
        habits: Habits | None = None,
        now: Callable[[], datetime] = utc_now,
        demand_routing: bool = True,
    ) -> None:
        """`version` is what we register with, `versions` what we offer (that one, if not given).

        With `behind` we are a hub, and these are the eMSPs behind it. With the role PTP we offer
        the Payments module too. `pull_only`: like many an NSP, we receive nothing. `demand_routing`
        false: a platform of one party and role may leave out the OCPI-from and OCPI-to headers, as
        the standard allows it; partners in the field often do not.
        """
        own = Owner(country_code, party_id)
        preferred = named(version) if isinstance(version, str) else version
        self.name = name
        self.preferred = preferred
        hub = None if behind is None else Party(own, name, "HUB")
        clients = [Party(Owner(*one), f"eMSP {one[1]}") for one in behind or ()]
        parties = Parties(clients if hub else [Party(own, name, role)], hub, now)
        feed = Feed(now)
        self.site = Site(parties, feed, now, lambda: self.url)
        self.site.habits = habits or Habits(lax_routing=not demand_routing)
        self.own = own
        self.feed = feed
        self.faults = Faults()
        self.requests: deque[Json] = deque(maxlen=REQUESTS_KEPT)
        self._now = now
        self._editions = {
            number: Edition(one, self.site, pull_only=pull_only, payments=role == "PTP")
            for number, one in VERSIONS.items()
        }
        offered = [one if isinstance(one, str) else one.number for one in versions or ()]
        self._offered: list[str] = []
        self.offer(*(offered or [preferred.number]))
        self._further_routes: list[web.RouteDef] = []
        self._runner: web.AppRunner | None = None
        self._outages: set[asyncio.Task[None]] = set()
        self._address: tuple[str, int] = ("127.0.0.1", 0)
        self._public_url: str | None = None

    def offer(self, *numbers: str) -> None:
        """The versions in our list from now on; raises ValueError."""
        self._offered = [
            number for number in VERSIONS if number in [named(one).number for one in numbers]
        ]

    @property
    def versions(self) -> list[str]:
        """What we offer, best first."""
        return list(self._offered)

    # -- life

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, public_url: str | None = None
    ) -> None:
        """Listen; port 0 takes a free one. `public_url` is what we tell others to call."""
        self._address = (host, port)
        try:
            for edition in self._editions.values():
                await edition.client.open()
            await self.accept_connections()
        except BaseException:
            await self._close_clients()
            raise
        self._public_url = public_url
        self.feed.emit("listening", url=self.url, versions_url=self.versions_url)

    async def close(self) -> None:
        for task in list(self._outages):
            task.cancel()
        await asyncio.gather(*self._outages, return_exceptions=True)
        await self.refuse_connections()
        await self._close_clients()

    async def _close_clients(self) -> None:
        for edition in self._editions.values():
            await edition.client.close()

    async def __aenter__(self) -> Self:
        if self._runner is None:
            await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def refuse_connections(self) -> None:
        """Go down: nobody listens, every open connection is closed."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def accept_connections(self) -> None:
        """Come (back) up, on the port that we had."""
        if self._runner is not None:
            return
        application = web.Application(middlewares=[self._middleware], client_max_size=MAX_BODY)
        application.add_routes(self._routes())
        runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=SHUTDOWN_TIMEOUT,
        )
        await runner.setup()
        host, port = self._address
        try:
            await web.TCPSite(runner, host, port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        self._address = (host, runner.addresses[0][1])

    def go_down_for(self, seconds: float) -> None:
        """Refuse connections from now on, and come back by ourselves."""

        async def outage() -> None:
            try:
                await self.refuse_connections()
                await asyncio.sleep(seconds)
            finally:
                await self.accept_connections()

        task = asyncio.create_task(outage())
        self._outages.add(task)
        task.add_done_callback(self._outages.discard)

    def _routes(self) -> list[web.RouteDef]:
        gate = VersionsGate(
            self._offered_versions,
            "/ocpi",
            self.site.parties,
            self.site.registry,
            lambda: self.site.habits,
            self.feed,
            self.feed.report,
            self._now,
        )
        routes = [
            web.get(f"/ocpi/versions{slash}", gate.configuration(self._versions))
            for slash in ("", "/")
        ]
        for edition in self._editions.values():
            routes += edition.routes()
        return [*routes, *self._further_routes]

    def _offered_versions(self) -> list[Version]:
        return [VERSIONS[number] for number in self._offered]

    async def _versions(self, exchange: Exchange) -> Answer:
        slash = "/" if self.site.habits.trailing_slashes else ""
        return Answer(
            [
                {"version": number, "url": f"{self._editions[number].url}{slash}"}
                for number in self._offered
            ]
        )

    def add_routes(self, routes: list[web.RouteDef]) -> None:
        """More than OCPI on the same port (the control API); before `start`."""
        self._further_routes += routes

    # -- addresses

    @property
    def url(self) -> str:
        host, port = self._address
        if host in {"0.0.0.0", "::"}:  # noqa: S104 every address: name one that can be called
            host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104
        shown = f"[{host}]" if ":" in host else host
        return self._public_url or f"http://{shown}:{port}"

    @property
    def versions_url(self) -> str:
        return f"{self.url}/ocpi/versions"

    # -- the version that is spoken

    @property
    def version(self) -> Version:
        """Of the platform we are registered with; before that, the one we would register with."""
        return self._edition().version

    def _edition(self, peer_id: str | None = None) -> Edition:
        peers = self.peers if peer_id is None else [self.site.registry.only(peer_id)]
        number = peers[0].version.number if peers else self.preferred.number
        return self._editions[number]

    def _spoken_with(self, peer_id: str | None) -> tuple[Edition, Peer]:
        peer = self.site.registry.only(peer_id)
        return self._editions[peer.version.number], peer

    def _ledgers(self) -> list[Ledger]:
        """Of the versions that are spoken now: after an update everything comes anew."""
        numbers = {peer.version.number for peer in self.peers} or {self.preferred.number}
        return [self._editions[number].ledger for number in VERSIONS if number in numbers]

    @property
    def ledger(self) -> Ledger:
        return self._edition().ledger

    @property
    def wallet(self) -> Wallet:
        return self.site.wallet

    @property
    def policy(self) -> Policy:
        return self.site.policy

    @property
    def habits(self) -> Habits:
        return self.site.habits

    @habits.setter
    def habits(self, habits: Habits) -> None:
        self.site.habits = habits

    @property
    def hub(self) -> bool:
        return self.site.parties.hub is not None

    @property
    def parties(self) -> list[Party]:
        return list(self.site.parties.all)

    @property
    def peers(self) -> list[Peer]:
        return self.site.registry.registered()

    @property
    def registered(self) -> bool:
        return bool(self.peers)

    # -- every request

    @web.middleware
    async def _middleware(self, request: web.Request, handler: HttpHandler) -> web.StreamResponse:
        fault = self.faults.take(request.method, request.path)
        started = self._now()

        async def process(request: web.Request) -> web.StreamResponse:
            return await self._process(request, handler)

        if fault is None:
            response = await process(request)
        else:
            response = await spoil(fault, request, process, self._envelope)
        self.requests.append(
            {
                "time": format_datetime(started),
                "method": request.method,
                "path": request.path_qs,
                "status": response.status,
                "status_code": response.get(STATUS_CODE),
                "fault": fault.kind if fault is not None else None,
                "from": _party(request, "from"),
                "to": _party(request, "to"),
            }
        )
        return response

    async def _process(self, request: web.Request, handler: HttpHandler) -> web.StreamResponse:
        try:
            if self._not_offered(request.path):
                raise web.HTTPNotFound
            return await handler(request)
        except web.HTTPException as error:
            # "use HTTP error response codes, including the response format above"
            if request.path.startswith("/ocpi"):
                self._report_lost(request, error.status)
            return self._envelope(error.status, GENERIC_CLIENT_ERROR, error.reason)
        except Exception as error:
            self.feed.emit("error", method=request.method, path=request.path_qs, error=repr(error))
            return self._envelope(500, GENERIC_SERVER_ERROR, "internal error")

    def _not_offered(self, path: str) -> bool:
        return any(
            path == root or path.startswith(f"{root}/")
            for number, edition in self._editions.items()
            if number not in self._offered
            for root in (edition.base, edition.details_path)
        )

    def _envelope(self, http_status: int, status_code: int, message: str) -> web.Response:
        return self._edition().gate.envelope(http_status, status_code, message)

    def _report_lost(self, request: web.Request, status: int) -> None:
        what = {404: "no such endpoint", 405: "the method is not defined here"}.get(status)
        if what is not None:
            found = Finding("2.2.1 transport_and_format, Interface endpoints", what, "URL")
            self.feed.report(f"{request.method} {request.path_qs}", [found])


def _party(request: web.Request, end: str) -> str | None:
    named = (request.headers.get(f"OCPI-{end}-{part}") for part in ("country-code", "party-id"))
    return "*".join(part for part in named if part) or None
