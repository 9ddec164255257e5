"""The simulated partner: an eMSP's OCPI platform, in one object.

    partner = SimulatedPartner(country_code="DE", party_id="EMS")
    await partner.start()
    await partner.register(versions_url, token_a)
    await partner.until(lambda: len(partner.cdrs) == 1)

It records what it receives and holds every message against the standard; `violations` is empty
only for a CPO that made no mistake.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from simulators.partner import pull as paging
from simulators.partner.client import CallFailed, Client
from simulators.partner.commands import Command, Commands
from simulators.partner.exact_json import Json
from simulators.partner.faults import Fault, Faults, spoil
from simulators.partner.feed import Feed, Listener
from simulators.partner.finding import Finding, advice
from simulators.partner.gate import (
    GENERIC_CLIENT_ERROR,
    GENERIC_SERVER_ERROR,
    STATUS_CODE,
    Gate,
    HttpHandler,
)
from simulators.partner.handshake import Handshake
from simulators.partner.ledger import Ledger, Owner, Receipt
from simulators.partner.peer import Peer, Registry
from simulators.partner.receiver import Receiver, cdr_fields, session_fields
from simulators.partner.tokens import Authorization, Policy, Tokens
from simulators.partner.v2_2_1.types import format_datetime
from simulators.partner.version import V2_2_1, Version
from simulators.partner.wallet import RFID, Wallet, token_key

MAX_BODY = 4 * 1024 * 1024
REQUESTS_KEPT = 10_000
SHUTDOWN_TIMEOUT = 2.0

# sessions cannot be asked for without date_from
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


class SimulatedPartner:
    def __init__(
        self,
        *,
        country_code: str = "DE",
        party_id: str = "EMS",
        name: str = "Simulated eMSP",
        version: Version = V2_2_1,
        now: Callable[[], datetime] = utc_now,
        demand_routing: bool = True,
    ) -> None:
        """`demand_routing` false: a platform of one party and role may leave out the OCPI-from and
        OCPI-to headers, as the standard allows it; partners in the field often do not."""
        self.own = Owner(country_code, party_id)
        self.name = name
        self.version = version
        self.feed = Feed(now)
        self.wallet = Wallet()
        self.ledger = Ledger(version, self.wallet)
        self.registry = Registry()
        self.policy = Policy()
        self.faults = Faults()
        self.requests: deque[Json] = deque(maxlen=REQUESTS_KEPT)
        self._now = now
        self._client = Client(version, self.own, self.feed.report)
        self._gate = Gate(
            version,
            self.own,
            self.registry,
            self.feed.report,
            now,
            demand_routing=demand_routing,
        )
        self._handshake = Handshake(
            version,
            self._client,
            self.registry,
            self.feed,
            self._own_credentials,
            self._version_urls,
            self._version_details,
        )
        self._receiver = Receiver(self.ledger, self.feed, self._module_url)
        self._tokens = Tokens(
            version,
            self.wallet,
            self.policy,
            self._client,
            self.feed,
            self.own,
            name,
            self._module_url,
            now,
        )
        self._commands = Commands(
            version, self.wallet, self._client, self.feed, self._module_url, now
        )
        self._further_routes: list[web.RouteDef] = []
        self._runner: web.AppRunner | None = None
        self._outages: set[asyncio.Task[None]] = set()
        self._address: tuple[str, int] = ("127.0.0.1", 0)
        self._public_url: str | None = None

    # -- life

    async def start(
        self, host: str = "127.0.0.1", port: int = 0, public_url: str | None = None
    ) -> None:
        """Listen; port 0 takes a free one. `public_url` is what we tell others to call."""
        self._address = (host, port)
        await self._client.open()
        try:
            await self.accept_connections()
        except BaseException:
            await self._client.close()
            raise
        self._public_url = public_url
        self.feed.emit("listening", url=self.url, versions_url=self.versions_url)

    async def close(self) -> None:
        for task in list(self._outages):
            task.cancel()
        await asyncio.gather(*self._outages, return_exceptions=True)
        await self.refuse_connections()
        await self._client.close()

    async def __aenter__(self) -> "SimulatedPartner":
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
        base = self._base_path()
        return [
            *self._handshake.routes(self._gate),
            *self._receiver.routes(self._gate, base),
            *self._tokens.routes(self._gate, base),
            *self._commands.routes(self._gate, base),
            *self._further_routes,
        ]

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

    def _base_path(self) -> str:
        return f"/ocpi/emsp/{self.version.number}"

    def _module_url(self, module: str) -> str:
        return f"{self.url}{self._base_path()}/{module}"

    def _version_urls(self) -> list[Json]:
        number = self.version.number
        return [{"version": number, "url": f"{self.url}/ocpi/{number}"}]

    def _version_details(self) -> Json:
        modules = [(name, "RECEIVER") for name in self.version.receives]
        modules += [(name, "SENDER") for name in self.version.sends]
        credentials = {
            "identifier": "credentials",
            "role": "SENDER",
            "url": f"{self.url}/ocpi/{self.version.number}/credentials",
        }
        endpoints = [
            {"identifier": name, "role": role, "url": self._module_url(name)}
            for name, role in modules
        ]
        return {"version": self.version.number, "endpoints": [credentials, *endpoints]}

    def _own_credentials(self, token: str) -> Json:
        role = {
            "role": "EMSP",
            "business_details": {"name": self.name},
            "party_id": self.own.party_id,
            "country_code": self.own.country_code,
        }
        return {"token": token, "url": self.versions_url, "roles": [role]}

    # -- what we hold

    @property
    def locations(self) -> list[Json]:
        return list(self.ledger.locations.values())

    @property
    def sessions(self) -> list[Json]:
        return list(self.ledger.sessions.values())

    @property
    def cdrs(self) -> list[Json]:
        return list(self.ledger.cdrs.values())

    @property
    def tariffs(self) -> list[Json]:
        return list(self.ledger.tariffs.values())

    @property
    def tokens(self) -> list[Json]:
        return list(self.wallet.tokens.values())

    @property
    def violations(self) -> list[Json]:
        return self.feed.violations

    @property
    def advice(self) -> list[Json]:
        return self.feed.advice

    @property
    def events(self) -> list[Json]:
        return list(self.feed.events)

    @property
    def peers(self) -> list[Peer]:
        return self.registry.registered()

    @property
    def registered(self) -> bool:
        return bool(self.peers)

    def location(self, location_id: str) -> Json | None:
        return _by(self.locations, "id", location_id)

    def evse(self, location_id: str, uid: str) -> Json | None:
        return _by((self.location(location_id) or {}).get("evses") or [], "uid", uid)

    def session(self, session_id: str) -> Json | None:
        return _by(self.sessions, "id", session_id)

    def cdr(self, cdr_id: str) -> Json | None:
        return _by(self.cdrs, "id", cdr_id)

    def on_event(self, listener: Listener) -> None:
        self.feed.listen(listener)

    async def until(self, predicate: Callable[[], bool], timeout: float = 10.0) -> None:
        """Return as soon as `predicate` holds; raises TimeoutError when it does not in time."""
        await self.feed.until(predicate, timeout)

    # -- registration

    async def register(self, versions_url: str, token: str) -> Peer:
        """Register with the platform that gave us this token A; raises `CallFailed`."""
        return await self._handshake.register(versions_url, token)

    async def unregister(self, peer_id: str | None = None) -> None:
        await self._handshake.unregister(self.registry.only(peer_id))

    async def rotate(self, peer_id: str | None = None) -> Peer:
        return await self._handshake.rotate(self.registry.only(peer_id))

    def hand_out_token(self) -> str:
        """A token A, for a platform that shall register with us."""
        return self.registry.invite()

    # -- tokens

    def issue_token(self, uid: str, token_type: str = RFID, **fields: Any) -> Json:
        """Add a token, or alter it; nothing is pushed. Raises ValueError."""
        return self._tokens.issue({"uid": uid, "type": token_type, **fields})

    async def push_token(
        self,
        uid: str,
        token_type: str = RFID,
        peer_id: str | None = None,
    ) -> None:
        await self._tokens.push(self.registry.only(peer_id), self._token(uid, token_type))

    async def patch_token(
        self,
        uid: str,
        token_type: str = RFID,
        peer_id: str | None = None,
        **fields: Any,
    ) -> Json:
        """Alter a token we have and push the difference by PATCH."""
        self._token(uid, token_type)
        token = self.issue_token(uid, token_type, **fields)
        patch = {**fields, "last_updated": token["last_updated"]}
        await self._tokens.push(self.registry.only(peer_id), token, patch)
        return token

    def _token(self, uid: str, token_type: str) -> Json:
        token = self.wallet.find(uid, token_type)
        if token is None:
            raise ValueError(f"no token {uid} of type {token_type}")
        return token

    def set_authorization(
        self,
        answer: Authorization,
        uid: str | None = None,
        token_type: str = RFID,
    ) -> None:
        """How real-time authorizations are answered from now on: of one token, or of all."""
        if uid is None:
            self.policy.default = answer
        else:
            self.policy.by_token[token_key(uid, token_type)] = answer

    @property
    def page_limit(self) -> int:
        """How many tokens one page of our list has."""
        return self._tokens.page_limit

    @page_limit.setter
    def page_limit(self, limit: int) -> None:
        self._tokens.page_limit = limit

    # -- commands

    async def command(
        self,
        name: str,
        fields: Json,
        wait: float | None = None,
        peer_id: str | None = None,
    ) -> Command:
        """Send a command and wait for its CommandResult, see `Commands.send`."""
        return await self._commands.send(self.registry.only(peer_id), name, fields, wait)

    async def start_session(
        self,
        location_id: str,
        evse_uid: str,
        token_uid: str,
        *,
        token_type: str = RFID,
        wait: float | None = None,
        **fields: Any,
    ) -> Command:
        token = self._token(token_uid, token_type)
        body = {"token": token, "location_id": location_id, "evse_uid": evse_uid, **fields}
        return await self.command("START_SESSION", body, wait)

    async def stop_session(self, session_id: str, wait: float | None = None) -> Command:
        return await self.command("STOP_SESSION", {"session_id": session_id}, wait)

    @property
    def commands(self) -> list[Command]:
        return list(self._commands.sent.values())

    # -- faults

    def add_fault(self, fault: Fault) -> Fault:
        return self.faults.add(fault)

    def lift_faults(self, fault_id: int | None = None) -> None:
        self.faults.lift(fault_id)

    # -- pull

    async def pull(
        self,
        module: str,
        *,
        date_from: datetime | None = None,
        date_to: datetime | None = None,
        limit: int | None = None,
        peer_id: str | None = None,
    ) -> Json:
        """Pull a whole list, check and keep it; says how many came and what was wrong."""
        peer = self.registry.only(peer_id)
        endpoint = peer.endpoint(module, "SENDER")
        if endpoint is None or module not in self.version.receives:
            raise CallFailed(f"the platform does not send {module}")
        if module == "sessions" and date_from is None:
            date_from = BEGINNING
        pulled = await paging.pull(
            self._client, peer, endpoint, paging.Filters(date_from, date_to, limit)
        )
        where = f"GET {endpoint}"
        self.feed.report(where, pulled.findings)
        accepted = 0
        findings = list(pulled.findings)
        for data in pulled.objects:
            receipt = self._keep_pulled(module, peer, data)
            findings += receipt.findings
            accepted += receipt.accepted
            self.feed.report(where, receipt.findings)
        summary = {
            "pages": pulled.pages,
            "objects": len(pulled.objects),
            "accepted": accepted,
            "total_count": pulled.total,
            "complete": pulled.complete,
        }
        self.feed.emit("pulled", module=module, **summary)
        return {**summary, "findings": [finding.as_json() for finding in findings]}

    def _keep_pulled(self, module: str, peer: Peer, data: Any) -> Receipt:
        if module == "cdrs":
            return self._keep_pulled_cdr(peer, data)
        try:
            owner = Owner(str(data["country_code"]), str(data["party_id"]))
            object_id = str(data["id"])
        except (KeyError, TypeError):
            # the check of the object says what is missing
            owner, object_id = peer.party(), ""
        if not peer.speaks_for(owner):
            what = "an object of a party that is none of the CredentialsRoles"
            clause = "2.2.1 transport_and_format, Client Owned Object Pull"
            return Receipt([advice(clause, what, "party_id", str(owner))], status_code=2001)
        if module == "locations":
            return self.ledger.put_location(owner, object_id, data)
        if module == "tariffs":
            return self.ledger.put_tariff(owner, object_id, data)
        receipt = self.ledger.put_session(owner, object_id, data)
        if receipt.accepted:
            self.feed.emit("session_received", method="GET", **session_fields(receipt.stored))
        return receipt

    def _keep_pulled_cdr(self, peer: Peer, data: Any) -> Receipt:
        receipt = self.ledger.post_cdr(data, peer.speaks_for)
        if receipt.created:
            self.feed.emit("cdr_received", method="GET", **cdr_fields(receipt.stored, True))
            return receipt
        # what was pushed and is pulled again is no repeated message
        return replace(
            receipt,
            findings=[found for found in receipt.findings if found.severity == "violation"],
        )

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
            response = await spoil(fault, request, process, self._gate.envelope)
        self.requests.append(
            {
                "time": format_datetime(started),
                "method": request.method,
                "path": request.path_qs,
                "status": response.status,
                "status_code": response.get(STATUS_CODE),
                "fault": fault.kind if fault is not None else None,
            }
        )
        return response

    async def _process(self, request: web.Request, handler: HttpHandler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            # "use HTTP error response codes, including the response format above"
            if request.path.startswith("/ocpi"):
                self._report_lost(request, error.status)
            return self._gate.envelope(error.status, GENERIC_CLIENT_ERROR, error.reason)
        except Exception as error:
            self.feed.emit("error", method=request.method, path=request.path_qs, error=repr(error))
            return self._gate.envelope(500, GENERIC_SERVER_ERROR, "internal error")

    def _report_lost(self, request: web.Request, status: int) -> None:
        what = {404: "no such endpoint", 405: "the method is not defined here"}.get(status)
        if what is not None:
            found = Finding("2.2.1 transport_and_format, Interface endpoints", what, "URL")
            self.feed.report(f"{request.method} {request.path_qs}", [found])


def _by(objects: list[Json], name: str, wanted: str) -> Json | None:
    for held in objects:
        if held[name].lower() == wanted.lower():
            return dict(held)
    return None
