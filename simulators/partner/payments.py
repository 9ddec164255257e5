"""The Payments module of 2.3.0, of which a Payment Terminal Provider is the Sender."""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from aiohttp import web

from simulators.partner.client import CallFailed, Client, Report
from simulators.partner.exact_json import Json
from simulators.partner.exchange import GENERIC_CLIENT_ERROR, Answer, Exchange, Refusal
from simulators.partner.finding import refusing
from simulators.partner.gate import Gate
from simulators.partner.pages import page
from simulators.partner.peer import Peer
from simulators.partner.receipt import INVALID_PARAMETERS
from simulators.partner.site import Site
from simulators.partner.version import Version

TERMINALS = "terminals"
CONFIRMATIONS = "financial-advice-confirmations"
KINDS = {TERMINALS: "Terminal", CONFIRMATIONS: "FinancialAdviceConfirmation"}


class Payments:
    def __init__(
        self,
        version: Version,
        site: Site,
        client: Client,
        report: Report,
        module_url: Callable[[str], str],
    ) -> None:
        self._version = version
        self._site = site
        self._client = client
        self._report = report
        self._module_url = module_url
        self.terminals: dict[str, Json] = {}
        self.confirmations: dict[str, Json] = {}
        self.deactivated: set[str] = set()

    def routes(self, gate: Gate, base: str) -> list[web.RouteDef]:
        terminals = f"{base}/payments/{TERMINALS}"
        confirmations = f"{base}/payments/{CONFIRMATIONS}"
        routes = [web.post(f"{terminals}/activate", gate.functional(self.activate))]
        for slash in ("", "/"):
            routes += [
                web.get(f"{terminals}{slash}", gate.functional(self.get_terminals)),
                web.get(f"{confirmations}{slash}", gate.functional(self.get_confirmations)),
            ]
        terminal = f"{terminals}/{{id}}"
        return [
            *routes,
            web.get(terminal, gate.functional(self.get_terminal)),
            web.put(terminal, gate.functional(self.put_terminal)),
            web.patch(terminal, gate.functional(self.patch_terminal)),
            web.post(f"{terminal}/deactivate", gate.functional(self.deactivate)),
            web.get(f"{confirmations}/{{id}}", gate.functional(self.get_confirmation)),
        ]

    # -- what we own

    def put(self, module: str, fields: Json) -> Json:
        """A terminal or a confirmation of ours, new or altered; raises ValueError."""
        kept, name = self._kept(module)
        given = {name: str(fields.get(name) or uuid.uuid4())}
        held = kept.get(given[name], {})
        written = {**held, **fields, **given, "last_updated": self._dated()}
        read, findings = self._version.check(KINDS[module], written)
        if read is None:
            broken = refusing(findings)[0]
            raise ValueError(f"{broken.where}: {broken.what}")
        kept[given[name]] = written
        return written

    def _kept(self, module: str) -> tuple[dict[str, Json], str]:
        if module == TERMINALS:
            return self.terminals, "terminal_id"
        return self.confirmations, "id"

    def _dated(self) -> str:
        return self._version.write_datetime(self._site.now())

    async def push(self, peer: Peer, module: str, object_id: str) -> None:
        """POST it to the CPO; raises `CallFailed`, LookupError."""
        kept, _ = self._kept(module)
        url = f"{self._endpoint(peer)}/{module}"
        await self._client.functional("POST", url, peer, kept[object_id])
        self._site.feed.emit("payment_pushed", module=module, id=object_id)

    async def get_from(self, peer: Peer, module: str, object_id: str) -> Json:
        """As the CPO has it; raises `CallFailed`."""
        url = f"{self._endpoint(peer)}/{module}/{quote(object_id, safe='')}"
        reply = await self._client.functional("GET", url, peer)
        read, findings = self._version.check(KINDS[module], reply.data)
        self._report(f"answer to GET {url}", findings)
        if read is None:
            raise CallFailed(f"no {KINDS[module]}", reply.http_status, reply.status_code)
        held: Json = reply.data
        return held

    def _endpoint(self, peer: Peer) -> str:
        endpoint = peer.endpoint("payments", "RECEIVER")
        if endpoint is None:
            raise CallFailed("the platform does not receive payments")
        return endpoint.rstrip("/")

    # -- Sender interface

    async def get_terminals(self, exchange: Exchange) -> Answer:
        return self._page(exchange, TERMINALS)

    async def get_confirmations(self, exchange: Exchange) -> Answer:
        return self._page(exchange, CONFIRMATIONS)

    def _page(self, exchange: Exchange, module: str) -> Answer:
        kept, _ = self._kept(module)
        url = f"{self._module_url('payments')}/{module}"
        return page(kept.values(), exchange.request.query, url, self._site.page_limit)

    async def get_terminal(self, exchange: Exchange) -> Answer:
        return Answer(self._find(self.terminals, exchange))

    async def get_confirmation(self, exchange: Exchange) -> Answer:
        return Answer(self._find(self.confirmations, exchange))

    def _find(self, kept: dict[str, Json], exchange: Exchange) -> Json:
        held = kept.get(exchange.request.match_info["id"])
        if held is None:
            raise Refusal(404, GENERIC_CLIENT_ERROR, "not found")
        return held

    async def put_terminal(self, exchange: Exchange) -> Answer:
        held = self._find(self.terminals, exchange)
        return await self._alter(exchange, held, "Terminal", whole=True)

    async def patch_terminal(self, exchange: Exchange) -> Answer:
        held = self._find(self.terminals, exchange)
        return await self._alter(exchange, held, "TerminalFields", whole=False)

    async def _alter(self, exchange: Exchange, held: Json, kind: str, *, whole: bool) -> Answer:
        data = await self._read(exchange, kind)
        terminal_id = held["terminal_id"]
        self.terminals[terminal_id] = {**({} if whole else held), **data}
        self._site.feed.emit("terminal_altered", id=terminal_id, fields=sorted(data))
        return Answer()

    async def activate(self, exchange: Exchange) -> Answer:
        data = await self._read(exchange, "TerminalToActivate")
        terminal = self.put(TERMINALS, data)
        self._site.feed.emit("terminal_activated", id=terminal["terminal_id"])
        return Answer(http_status=201)

    async def deactivate(self, exchange: Exchange) -> Answer:
        held = self._find(self.terminals, exchange)
        self.deactivated.add(held["terminal_id"])
        self._site.feed.emit("terminal_deactivated", id=held["terminal_id"])
        return Answer()

    async def _read(self, exchange: Exchange, kind: str) -> Json:
        data: Any = await exchange.json()
        read, findings = self._version.check(kind, data)
        if read is None:
            raise Refusal(200, INVALID_PARAMETERS, findings[0].what, findings)
        exchange.findings += findings
        checked: Json = data
        return checked
