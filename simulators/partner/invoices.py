"""Invoice Reconciliation of 2.3.0, of which we are the Sender with reverse billing."""

import uuid
from collections.abc import Callable
from urllib.parse import quote

from aiohttp import web

from simulators.partner.client import CallFailed, Client
from simulators.partner.exact_json import Json
from simulators.partner.exchange import Answer, Exchange
from simulators.partner.finding import refusing
from simulators.partner.gate import Gate
from simulators.partner.pages import page
from simulators.partner.peer import Peer
from simulators.partner.site import Site
from simulators.partner.version import Version


class Invoices:
    def __init__(
        self, version: Version, site: Site, client: Client, module_url: Callable[[str], str]
    ) -> None:
        self._version = version
        self._site = site
        self._client = client
        self._module_url = module_url
        self.issued: dict[str, Json] = {}

    def routes(self, gate: Gate, base: str) -> list[web.RouteDef]:
        # POST and the single records are the Receiver's, at the same URL
        return [
            web.get(f"{base}/invoicereconciliation{slash}", gate.functional(self.get_list))
            for slash in ("", "/")
        ]

    async def get_list(self, exchange: Exchange) -> Answer:
        url, limit = self._module_url("invoicereconciliation"), self._site.page_limit
        return page(self.issued.values(), exchange.request.query, url, limit)

    def issue(self, invoice_id: str, cdrs: list[str], record_id: str | None = None) -> Json:
        """A record of ours, new or altered, not yet pushed; raises ValueError."""
        owner = self._site.parties.first
        record: Json = {
            "country_code": owner.country_code,
            "party_id": owner.party_id,
            "id": record_id or str(uuid.uuid4()),
            "invoice_id": invoice_id,
            "cdrs": cdrs,
            "last_updated": self._version.write_datetime(self._site.now()),
        }
        read, findings = self._version.check("InvoiceReconciliationRecord", record)
        if read is None:
            broken = refusing(findings)[0]
            raise ValueError(f"{broken.where}: {broken.what}")
        self.issued[record["id"]] = record
        return record

    async def push(self, peer: Peer, record: Json, method: str = "POST") -> None:
        """POST a new one, PUT an altered one, DELETE a wrong one; raises `CallFailed`."""
        endpoint = peer.endpoint("invoicereconciliation", "RECEIVER")
        if endpoint is None:
            raise CallFailed("the platform does not receive invoice reconciliation records")
        url = endpoint.rstrip("/")
        if method != "POST":
            parts = (record["country_code"], record["party_id"], record["id"])
            url = "/".join([url, *(quote(self._site.habits.id(part), safe="") for part in parts)])
        body = None if method == "DELETE" else record
        await self._client.functional(method, url, peer, body)
        if method == "DELETE":
            self.issued.pop(record["id"], None)
        self._site.feed.emit("record_pushed", method=method, id=record["id"])
