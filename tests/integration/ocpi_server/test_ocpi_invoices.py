"""Invoice reconciliation of 2.3.0: our records for a partner, and a partner's for us."""

import aiohttp
import pytest
from aiohttp import web

from gateway.admin.pipeline import API, HOSTS, adapt, edge
from gateway.admin.resources.invoices import InvoiceCalls
from gateway.domain.delivery import ObjectKind, ObjectRef, VerdictKind
from gateway.domain.hub_clients import ClientInfo, ConnectionStatus
from gateway.domain.partners import Endpoint
from gateway.domain.party import Party
from gateway.ocpi.conformance.standard import errors
from gateway.ocpi.outgoing.client import OcpiClient
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.pushes.audience import Audience
from gateway.ocpi.pushes.sender import ObjectSender
from gateway.services.billing.invoices import Invoices

ABC = Party("NL", "ABC")
EMS, OTHER = Party("DE", "EMS"), Party("FR", "OTH")
HUB = Party("NL", "HUB")
LIST = "/2.3.0/invoicereconciliation"
OWN = f"{LIST}/DE/EMS/R1"
KIND = "InvoiceReconciliationRecord"
OPERATOR = "operator-token"
RECORD = {
    "country_code": "DE",
    "party_id": "EMS",
    "id": "R1",
    "invoice_id": "2026-0001",
    "cdrs": ["C1"],
    "last_updated": "2026-02-01T00:00:00Z",
}


@pytest.fixture
async def peer(new_peer):
    started = await new_peer()
    started.accepts.add("for-ems")
    return started


@pytest.fixture
async def partner(connected, peer):
    """An eMSP that receives records, and its token."""
    endpoint = Endpoint("invoicereconciliation", "RECEIVER", f"{peer.url}{LIST}")
    return await connected("ems", ("EMSP", EMS), version="2.3.0", endpoints=(endpoint,))


@pytest.fixture
async def client(stack):
    http = SafeHttp(allow_private_hosts=True)
    stack.push_async_callback(http.close)
    return OcpiClient(http)


@pytest.fixture
async def operator(gateway, stack):
    """The operator's calls, on a socket."""

    class Services:
        partners, parties, store = gateway.directory, gateway.parties, gateway.store
        invoices = Invoices(gateway.store, gateway.now)

    app = web.Application(middlewares=[edge(OPERATOR)])
    app[HOSTS] = None
    for route in InvoiceCalls(Services()).routes():
        app.router.add_route(route.method, API + route.pattern, adapt(route))
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    session = await stack.enter_async_context(aiohttp.ClientSession())

    async def ask(method, path="", body=None):
        url = f"http://127.0.0.1:{runner.addresses[0][1]}{API}/invoice-reconciliations{path}"
        headers = {"Authorization": f"Bearer {OPERATOR}"}
        async with session.request(method, url, json=body, headers=headers) as answer:
            return answer.status, None if answer.status == 204 else await answer.json()

    return ask


@pytest.fixture
def deliver(gateway, client):
    """Deliver what is owed of a record, as the delivery loop would."""

    async def send(partner, id_="R1", *, verdict=VerdictKind.DELIVERED):
        owed = gateway.store.party(ABC).owed
        ref = ObjectRef(ObjectKind.INVOICE, id_)
        assert ref in [one for one, _ in await owed.due(partner.id, 10)]
        sender = ObjectSender(client, gateway.store, gateway.locations)
        said = await sender.deliver(partner, ABC, ref)
        assert said.kind is verdict, said

    return send


def made(**changes):
    return {"id": "R1", "partner": "ems", "invoice_id": "2026-0001", "cdrs": ["C1", "C2"]} | changes


@pytest.fixture
async def cdrs(gateway, partner, charged):
    """Two CDRs of the partner's, 1 EUR each."""
    for id_ in ("C1", "C2"):
        await charged(id_, partner[0], EMS)


# --- direct billing: our records ------------------------------------------------------------------


async def test_a_record_is_posted_put_and_deleted_at_the_partner(
    gateway, partner, peer, cdrs, operator, deliver
):
    """2.3.0 mod_invoice_reconciliation 1.1.1: POST when new, PUT when changed, DELETE if wrong."""
    ems, _ = partner
    status, shown = await operator("POST", body=made())
    assert status == 201
    assert shown["totals"] == [{"currency": "EUR", "before_taxes": 2, "after_taxes": 2}]
    await deliver(ems)
    await operator("PUT", "/R1", {"invoice_id": "2026-0002", "cdrs": ["C1"]})
    await deliver(ems)
    assert (await operator("DELETE", "/R1"))[0] == 204
    await deliver(ems)

    calls = [(method, path) for method, path, _, _ in peer.sent]
    one = f"{LIST}/NL/ABC/R1"
    assert calls == [("POST", LIST), ("PUT", one), ("DELETE", one)]
    bodies = [body for *_, body in peer.sent]
    assert [errors("2.3.0", KIND, body) for body in bodies[:2]] == [[], []]
    assert (bodies[0]["cdrs"], bodies[1]["invoice_id"]) == (["C1", "C2"], "2026-0002")
    assert all(headers["OCPI-to-party-id"] == "EMS" for _, _, headers, _ in peer.sent)
    assert (await operator("GET", "/R1"))[0] == 404


async def test_a_partner_that_has_the_record_gets_it_by_put(partner, peer, cdrs, operator, deliver):
    """The answer to the first POST may have been lost."""
    await operator("POST", body=made())

    async def refuse(request):
        code = 2000 if request.method == "POST" else 1000
        body = {"status_code": code, "timestamp": "2026-01-01T00:00:00Z"}
        return web.json_response(body | {"status_message": "it exists already"})

    peer.routes[LIST] = refuse
    await deliver(partner[0])

    assert [method for method, *_ in peer.sent] == ["POST", "PUT"]


async def test_the_list_has_only_the_partners_own_records(
    gateway, partner, connected, cdrs, charged, operator
):
    """ocpi-rules 6, 7; S8 (2.3.0 mod_invoice_reconciliation 1.2.1)."""
    other, stranger = await connected("oth", ("EMSP", OTHER), version="2.3.0")
    await charged("D1", other, OTHER)
    await operator("POST", body=made())
    await operator("POST", body=made(id="R2", partner="oth", cdrs=["D1"]))

    mine = await gateway.ask("GET", LIST, partner[1])
    theirs = await gateway.ask("GET", LIST, stranger)
    later = await gateway.ask("GET", f"{LIST}?date_from=2027-01-01T00:00:00Z", partner[1])

    assert [one["id"] for one in mine.data] == ["R1"]
    assert [one["id"] for one in theirs.data] == ["R2"]
    assert errors("2.3.0", f"{KIND}[]", mine.data) == []
    assert mine.headers["X-Total-Count"] == "1"
    assert later.data == []
    await operator("DELETE", "/R1")
    assert (await gateway.ask("GET", LIST, partner[1])).data == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cdrs": ["C1", "NONE"]}, "there is no CDR NONE"),
        ({"cdrs": ["C1", "D1"]}, "D1 is not a CDR of this partner"),
        ({"cdrs": ["C1", "c1"]}, "c1 is there twice"),
        (
            {"totals": [{"currency": "EUR", "before_taxes": 3, "after_taxes": 3.63}]},
            "is not what the CDRs come to",
        ),
    ],
)
async def test_a_record_that_is_not_true_is_not_made(
    gateway, connected, cdrs, charged, operator, changes, said
):
    """A record lists CDRs of ours that its partner has, and no other sum than theirs."""
    other, _ = await connected("oth", ("EMSP", OTHER), version="2.3.0")
    await charged("D1", other, OTHER)

    status, answer = await operator("POST", body=made(**changes))

    assert status == 422
    assert said in str(answer)
    assert (await gateway.store.party(ABC).invoices.get("R1")) is None


async def test_a_total_that_is_true_is_taken(cdrs, operator):
    totals = [{"currency": "EUR", "before_taxes": 2.00, "after_taxes": 2}]
    assert (await operator("POST", body=made(totals=totals)))[0] == 201


async def test_a_record_for_a_party_behind_a_hub_is_addressed_to_it(
    gateway, connected, peer, charged, operator, deliver, routed
):
    """ocpi-rules 25 (transport_and_format 4.2.4): what is specific to one party goes to it."""
    peer.accepts.add("for-hub")
    endpoint = Endpoint("invoicereconciliation", "RECEIVER", f"{peer.url}{LIST}")
    hub, token = await connected(
        "hub", ("HUB", HUB), version="2.3.0", hub_party=HUB, endpoints=(endpoint,)
    )
    await charged("C1", hub, EMS)
    await charged("D1", hub, OTHER)
    mixed, _ = await operator("POST", body=made(partner="hub", cdrs=["C1", "D1"]))
    await operator("POST", body=made(partner="hub", cdrs=["C1"]))
    await deliver(hub)

    assert mixed == 422
    assert peer.sent[-1][2]["OCPI-to-party-id"] == "EMS"
    ems = await gateway.ask("GET", LIST, token, **routed(EMS))
    oth = await gateway.ask("GET", LIST, token, **routed(OTHER))
    assert ([one["id"] for one in ems.data], oth.data) == (["R1"], [])


async def test_a_record_waits_for_a_party_that_is_not_connected(
    gateway, connected, peer, charged, operator, client
):
    """ocpi-rules 15 (mod_hub_client_info 14.1.2): "Do not queue Push messages"."""
    endpoint = Endpoint("invoicereconciliation", "RECEIVER", f"{peer.url}{LIST}")
    hub, _ = await connected(
        "hub", ("HUB", HUB), version="2.3.0", hub_party=HUB, endpoints=(endpoint,)
    )
    await charged("C1", hub, EMS)
    await operator("POST", body=made(partner="hub", cdrs=["C1"]))
    moment = gateway.now()
    await gateway.hub_clients.put(
        "hub", ClientInfo(EMS, "EMSP", ConnectionStatus.OFFLINE, moment, moment)
    )
    sender = ObjectSender(client, gateway.store, gateway.locations)
    audience = Audience(sender, gateway.store, gateway.hub_clients)

    verdict = await audience.deliver(hub, ABC, ObjectRef(ObjectKind.INVOICE, "R1"))

    assert verdict.kind is VerdictKind.NOT_WANTED
    assert peer.sent == []
    assert await gateway.hub_clients.parked("hub") == {EMS: 1}


# --- reverse billing: a partner's records -------------------------------------------------------


async def test_a_partner_makes_changes_and_deletes_its_record(gateway, partner, cdrs, operator):
    """2.3.0 mod_invoice_reconciliation 1.2.2; ocpi-rules 11: 201 created, 200 updated."""
    _, token = partner
    created = await gateway.ask("POST", LIST, token, RECORD)
    changed = await gateway.ask("PUT", OWN, token, RECORD | {"cdrs": ["C1", "GONE"]})
    read = await gateway.ask("GET", OWN, token)
    _, shown = await operator("GET", "?direction=received")
    deleted = await gateway.ask("DELETE", OWN, token)

    assert [one.status for one in (created, changed, deleted)] == [201, 200, 200]
    assert read.data["cdrs"] == ["C1", "GONE"]
    assert errors("2.3.0", KIND, read.data) == []
    assert (shown[0]["partner"], shown[0]["unknown_cdrs"]) == ("ems", ["GONE"])
    assert shown[0]["totals"] == [{"currency": "EUR", "before_taxes": 1, "after_taxes": 1}]
    assert (await gateway.ask("GET", OWN, token)).status == 404
    assert (await gateway.ask("DELETE", OWN, token)).code == 2001


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", LIST, RECORD | {"party_id": "OTH"}),
        ("POST", LIST, RECORD | {"country_code": "NL", "party_id": "ABC"}),
        ("POST", LIST, RECORD | {"cdrs": []}),
        ("PUT", f"{LIST}/DE/EMS/R2", RECORD),
        ("PUT", f"{LIST}/FR/OTH/R1", RECORD | {"country_code": "FR", "party_id": "OTH"}),
        ("DELETE", f"{LIST}/FR/OTH/R1", None),
    ],
)
async def test_nobody_writes_into_anothers_space(gateway, partner, connected, method, path, body):
    """ocpi-rules: identity check; S10."""
    _, other = await connected("oth", ("EMSP", OTHER), version="2.3.0")
    theirs = RECORD | {"country_code": "FR", "party_id": "OTH"}
    await gateway.ask("POST", LIST, other, theirs)

    answer = await gateway.ask(method, path, partner[1], body)

    assert (answer.status, answer.code) == (200, 2001)
    found, total = await gateway.store.received_invoices.newest(None, 0, 10)
    assert total == 1
    assert found[0].document["party_id"] == "OTH"
    assert (await gateway.ask("GET", f"{LIST}/FR/OTH/R1", partner[1])).status == 404
