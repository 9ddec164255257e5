"""One version of OCPI as our platform speaks it: its endpoints, and its own record of what came."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from aiohttp import web

from simulators.partner import pull as paging
from simulators.partner.client import CallFailed, Client
from simulators.partner.commands import Commands
from simulators.partner.exact_json import Json
from simulators.partner.finding import Finding, advice, cite
from simulators.partner.gate import Gate
from simulators.partner.handshake import Handshake
from simulators.partner.hub import HubClients
from simulators.partner.invoices import Invoices
from simulators.partner.ledger import Ledger, cdr_owner
from simulators.partner.owner import Owner
from simulators.partner.payments import Payments
from simulators.partner.peer import Peer
from simulators.partner.profiles import Profiles
from simulators.partner.pull import Filters
from simulators.partner.receipt import Receipt
from simulators.partner.receiver import Receiver, cdr_fields, session_fields
from simulators.partner.site import Site
from simulators.partner.tokens import Tokens
from simulators.partner.version import Version

# sessions cannot be asked for without date_from
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


class Edition:
    def __init__(
        self, version: Version, site: Site, *, pull_only: bool = False, payments: bool = False
    ) -> None:
        self.version = version
        self._site = site
        self._pull_only = pull_only
        self._with_payments = payments and "Terminal" in version.kinds
        self.base = f"/ocpi/emsp/{version.number}"
        self.details_path = f"/ocpi/{version.number}"
        self.ledger = Ledger(version, site.wallet)
        self.client = Client(version, lambda: site.habits, lambda: site.parties.first, self.report)
        self.gate = Gate(
            version,
            self.base,
            site.parties,
            site.registry,
            lambda: site.habits,
            site.feed,
            self.report,
            site.now,
        )
        self.handshake = Handshake(
            version,
            self.client,
            site.registry,
            site.feed,
            self.report,
            self.own_credentials,
            self.details,
        )
        self.receiver = Receiver(version, self.ledger, site.feed, self.module_url)
        self.tokens = Tokens(version, site, self.client, self.module_url)
        self.commands = Commands(version, site, self.client, self.report, self.module_url)
        self.profiles = Profiles(version, site, self.client, self.report, self.module_url)
        self.hub_clients = HubClients(version, site, self.client, self.module_url)
        self.payments = Payments(version, site, self.client, self.report, self.module_url)
        self.invoices = Invoices(version, site, self.client, self.module_url)

    def report(self, where: str, findings: list[Finding]) -> None:
        self._site.feed.report(where, cite(self.version.number, findings))

    def routes(self) -> list[web.RouteDef]:
        gate, base = self.gate, self.base
        routes = self.handshake.routes(gate)
        modules = {module for module, _ in self._modules()}
        if "hubclientinfo" in modules:
            routes += self.hub_clients.routes(gate, base)
        if "payments" in modules:
            routes += self.payments.routes(gate, base)
        if self._pull_only:
            return routes
        routes += self.receiver.routes(gate, base)
        routes += self.tokens.routes(gate, base)
        routes += self.commands.routes(gate, base)
        if "chargingprofiles" in modules:
            routes += self.profiles.routes(gate, base)
        if "invoicereconciliation" in modules:
            routes += self.invoices.routes(gate, base)
        return routes

    def _modules(self) -> Iterator[tuple[str, str]]:
        """Every module that we offer, and our role in it."""
        if not self._pull_only:
            yield from ((name, "RECEIVER") for name in self.version.receives)
            yield from ((name, "SENDER") for name in self.version.sends)
        if self._site.parties.hub is not None and self.version.has_hubs:
            yield "hubclientinfo", "SENDER"
        if self._with_payments:
            yield "payments", "SENDER"

    def details(self) -> Json:
        """Our version details."""
        habits = self._site.habits
        slash = "/" if habits.trailing_slashes else ""
        own = ("credentials", habits.credentials_role, f"{self.url}/credentials")
        modules = [(name, role, self.module_url(name)) for name, role in self._modules()]
        endpoints: list[Json] = []
        for name, role, url in (own, *modules):
            endpoint = {"identifier": name, "role": role, "url": f"{url}{slash}"}
            if not self.version.has_roles:
                del endpoint["role"]
            endpoints.append(endpoint)
        return {"version": self.version.number, "endpoints": endpoints}

    def own_credentials(self, token: str) -> Json:
        versions = f"{self._site.address()}/ocpi/versions"
        return self._site.parties.credentials(self.version, token, versions)

    @property
    def url(self) -> str:
        return f"{self._site.address()}{self.details_path}"

    def module_url(self, module: str) -> str:
        return f"{self._site.address()}{self.base}/{quote(module)}"

    # -- pull

    async def pull(
        self, peer: Peer, module: str, filters: Filters, sender: Owner | None = None
    ) -> Json:
        """Pull a whole list, check and keep it; says how many came and what was wrong."""
        endpoint = peer.endpoint(module, "SENDER")
        if endpoint is None or module not in self.version.receives:
            raise CallFailed(f"the platform does not send {module}")
        if module == "sessions" and filters.date_from is None:
            filters = replace(filters, date_from=BEGINNING)
        pulled = await paging.pull(self.client, peer, endpoint, filters, sender)
        where = f"GET {endpoint}"
        self.report(where, pulled.findings)
        accepted = 0
        findings = list(pulled.findings)
        for data in pulled.objects:
            receipt = self._keep_pulled(module, peer, data)
            findings += receipt.findings
            accepted += receipt.accepted
            self.report(where, receipt.findings)
        summary = {
            "pages": pulled.pages,
            "objects": len(pulled.objects),
            "accepted": accepted,
            "total_count": pulled.total,
            "complete": pulled.complete,
        }
        self._site.feed.emit("pulled", module=module, **summary)
        found = [finding.as_json() for finding in cite(self.version.number, findings)]
        return {**summary, "findings": found}

    def _keep_pulled(self, module: str, peer: Peer, data: Any) -> Receipt:
        if module == "cdrs":
            return self._keep_pulled_cdr(peer, data)
        owner = cdr_owner(data, peer.party())
        # the check of the object says what is missing
        object_id = str(data.get("id", "")) if isinstance(data, dict) else ""
        if not peer.speaks_for(owner):
            what = "an object of a party that is none of the CredentialsRoles"
            clause = "2.2.1 transport_and_format, Client Owned Object Pull"
            return Receipt([advice(clause, what, "party_id", str(owner))], status_code=2001)
        if module == "locations":
            return self.ledger.put_location(owner, object_id, data)
        if module == "tariffs":
            return self.ledger.put_tariff(owner, object_id, data)
        if module == "invoicereconciliation":
            return self.ledger.put_record(owner, object_id, data)
        receipt = self.ledger.put_session(owner, object_id, data)
        if receipt.accepted:
            facts = self.version.session_facts(receipt.stored or {})
            self._site.feed.emit("session_received", method="GET", **session_fields(facts))
        return receipt

    def _keep_pulled_cdr(self, peer: Peer, data: Any) -> Receipt:
        receipt = self.ledger.post_cdr(data, peer.speaks_for, peer.party())
        if receipt.created:
            facts = self.version.cdr_facts(receipt.stored or {})
            self._site.feed.emit("cdr_received", method="GET", **cdr_fields(facts, True))
            return receipt
        # what was pushed and is pulled again is no repeated message
        return replace(
            receipt,
            findings=[found for found in receipt.findings if found.severity == "violation"],
        )
