"""Payments of 2.3.0: terminals and financial advice confirmations, and the operator's side."""

import aiohttp
import pytest
from aiohttp import web

from gateway.admin.pipeline import API, HOSTS, adapt, edge
from gateway.admin.resources.books import BookCalls
from gateway.admin.resources.payment_terminals import PaymentTerminalCalls
from gateway.domain.partners import Endpoint
from gateway.domain.party import Party
from gateway.ocpi.conformance.standard import errors
from gateway.ocpi.outgoing.client import OcpiClient
from gateway.ocpi.outgoing.payment_provider import PaymentProviders
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.services.roaming.payment_terminals import PaymentTerminals

ABC = Party("NL", "ABC")
PTP, EMS = Party("AT", "PAY"), Party("DE", "EMS")
TERMINALS = "/2.3.0/payments/terminals"
CONFIRMATIONS = "/2.3.0/payments/financial-advice-confirmations"
ID = "452cf8a1-79aa-4a0e-9aee-dc788586053c"
OPERATOR = "operator-token"

# the examples of mod_payments
MINIMAL = {"terminal_id": ID}
TERMINAL = {
    "terminal_id": ID,
    "address": "Street 1",
    "city": "Vienna",
    "country": "AUT",
    "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
    "customer_reference": "ChargePoint",
    "invoice_base_url": "https://somecompany.com/invoices",
    "invoice_creator": "CPO",
    "location_ids": [],
    "last_updated": "2018-12-10T17:16:15Z",
}
CONFIRMATION = {
    "id": ID,
    "authorization_reference": "pp-100100-1948213567",
    "total_costs": {"excl_vat": 4.00, "incl_vat": 4.40},
    "currency": "EUR",
    "eft_data": ["Mastercard", "AID: 1234", "Amount: EUR 4.40"],
    "capture_status_code": "SUCCESS",
    "capture_status_message": "Capture successfull at PSP",
    "last_updated": "2018-12-10T17:16:15Z",
}


@pytest.fixture
async def peer(new_peer):
    """A provider's platform."""
    started = await new_peer()
    started.accepts.add("for-ptp")
    return started


@pytest.fixture
async def provider(connected, peer):
    """The provider and its token."""
    endpoint = Endpoint("payments", "SENDER", f"{peer.url}/2.3.0/payments")
    return await connected("ptp", ("PTP", PTP), version="2.3.0", endpoints=(endpoint,))


@pytest.fixture
async def operator(gateway, stack):
    """The operator's calls, on a socket."""
    http = SafeHttp(allow_private_hosts=True)
    stack.push_async_callback(http.close)

    class Services:
        partners, parties, store = gateway.directory, gateway.parties, gateway.store
        cdr_copies = None
        now = gateway.now
        payment_terminals = PaymentTerminals(
            gateway.store,
            gateway.directory,
            gateway.parties,
            gateway.locations,
            PaymentProviders(OcpiClient(http), gateway.platform),
            gateway.now,
        )

    app = web.Application(middlewares=[edge(OPERATOR)])
    app[HOSTS] = None
    for calls in (PaymentTerminalCalls(Services()), BookCalls(Services())):
        for route in calls.routes():
            app.router.add_route(route.method, API + route.pattern, adapt(route))
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    session = await stack.enter_async_context(aiohttp.ClientSession())

    async def ask(method, path, body=None):
        url = f"http://127.0.0.1:{runner.addresses[0][1]}{API}{path}"
        headers = {"Authorization": f"Bearer {OPERATOR}"}
        async with session.request(method, url, json=body, headers=headers) as answer:
            return answer.status, await answer.json()

    return ask


# --- the provider with us -------------------------------------------------------------------------


@pytest.mark.parametrize("example", [MINIMAL, TERMINAL], ids=["minimal", "whole"])
async def test_a_provider_creates_a_terminal_and_reads_it_back(gateway, provider, example):
    """ocpi-rules 11 (payments mod_payments 1.2.2): "just the terminal id", or more."""
    _, token = provider
    created = await gateway.ask("POST", TERMINALS, token, example)
    again = await gateway.ask("POST", TERMINALS, token, example)
    read = await gateway.ask("GET", f"{TERMINALS}/{ID.upper()}", token)

    assert [(one.status, one.code) for one in (created, again)] == [(201, 1000), (200, 1000)]
    assert {name for name in example if name not in read.data} == set()
    assert read.data.get("address") == example.get("address")
    assert errors("2.3.0", "Terminal", read.data) == []


async def test_a_confirmation_is_created_and_read_back(gateway, provider):
    """payments mod_payments 1.2.2, whose example has the Price of 2.2.1; ours is that of 2.3.0."""
    _, token = provider
    created = await gateway.ask("POST", CONFIRMATIONS, token, CONFIRMATION)
    read = await gateway.ask("GET", f"{CONFIRMATIONS}/{ID}", token)

    assert (created.status, created.code) == (201, 1000)
    assert errors("2.3.0", "FinancialAdviceConfirmation", read.data) == []
    assert float(read.data["total_costs"]["before_taxes"]) == 4
    assert float(read.data["total_costs"]["taxes"][0]["amount"]) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (TERMINALS, {}),
        (TERMINALS, MINIMAL | {"terminal_id": "x" * 37}),
        (TERMINALS, TERMINAL | {"location_ids": "LOC1"}),
        (CONFIRMATIONS, CONFIRMATION | {"total_costs": 4}),
        (CONFIRMATIONS, CONFIRMATION | {"authorization_reference": None}),
    ],
)
async def test_what_is_no_such_object_is_2001(gateway, provider, path, body):
    """ocpi-rules 11."""
    answer = await gateway.ask("POST", path, provider[1], body)
    assert (answer.status, answer.code) == (200, 2001)


async def test_only_a_provider_may_make_them_and_only_it_sees_them(gateway, provider, connected):
    """S8, S10; ocpi-rules: identity check."""
    _, stranger = await connected("ems", ("EMSP", EMS), version="2.3.0")
    _, rival = await connected("rival", ("PTP", Party("DE", "RIV")), version="2.3.0")
    await gateway.ask("POST", TERMINALS, provider[1], TERMINAL)

    refused = await gateway.ask("POST", TERMINALS, stranger, TERMINAL)
    unseen = await gateway.ask("GET", f"{TERMINALS}/{ID}", rival)
    own = await gateway.ask("POST", TERMINALS, rival, MINIMAL)

    assert refused.code == 2001
    assert unseen.status == 404
    assert own.status == 201
    read = await gateway.ask("GET", f"{TERMINALS}/{ID}", provider[1])
    assert read.data["city"] == "Vienna"


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_the_receiver_has_post_and_get_alone(gateway, provider, method):
    """payments mod_payments 1.2.2.1: PUT and PATCH are the provider's interface."""
    answer = await gateway.ask(method, f"{TERMINALS}/{ID}", provider[1], MINIMAL)
    assert answer.status == 405


async def test_older_versions_have_no_payments(gateway, connected):
    _, token = await connected("old", ("PTP", PTP), version="2.2.1")
    assert (await gateway.ask("POST", "/2.2.1/payments/terminals", token, MINIMAL)).status == 404


# --- we with the provider -------------------------------------------------------------------------


async def test_locations_and_evses_are_assigned_at_the_provider_and_here(
    gateway, provider, peer, operator, location
):
    """payments mod_payments 1.1.1 and 1.2.1: PATCH with nothing but what is assigned."""
    await gateway.locations.put(ABC, location())
    await gateway.ask("POST", TERMINALS, provider[1], TERMINAL)
    assigned = {"location_ids": ["LOC1"], "evse_uids": ["3256"]}

    status, shown = await operator("PATCH", f"/payment-terminals/{ID}", assigned)

    assert status == 200
    method, path, headers, body = peer.sent[-1]
    assert (method, path) == ("PATCH", f"/2.3.0/payments/terminals/{ID}")
    assert body == assigned
    assert headers["OCPI-to-party-id"] == "PAY"
    assert errors("2.3.0", "Terminal", body, partial=True) == []
    assert shown | assigned == shown
    # the provider repeats its terminal: what we assigned stays
    await gateway.ask("POST", TERMINALS, provider[1], TERMINAL)
    read = await gateway.ask("GET", f"{TERMINALS}/{ID}", provider[1])
    assert read.data["evse_uids"] == ["3256"]


@pytest.mark.parametrize("body", [{"location_ids": ["NONE"]}, {"evse_uids": ["NONE"]}, {}])
async def test_what_is_not_ours_is_not_assigned(gateway, provider, peer, operator, body):
    await gateway.ask("POST", TERMINALS, provider[1], TERMINAL)
    assert (await operator("PATCH", f"/payment-terminals/{ID}", body))[0] == 422
    assert peer.sent == []


async def test_what_the_provider_refuses_is_not_kept(gateway, provider, peer, operator, location):
    """The provider owns the terminal."""
    await gateway.locations.put(ABC, location())
    await gateway.ask("POST", TERMINALS, provider[1], TERMINAL)

    async def refuse(_request):
        return web.json_response({"status_code": 2000, "timestamp": "2026-01-01T00:00:00Z"})

    peer.routes[f"/2.3.0/payments/terminals/{ID}"] = refuse
    status, _ = await operator("PATCH", f"/payment-terminals/{ID}", {"location_ids": ["LOC1"]})

    assert status == 502
    assert (await operator("GET", f"/payment-terminals/{ID}"))[1]["location_ids"] == []


async def test_the_whole_terminal_is_put_with_what_changes(gateway, provider, peer, operator):
    """payments mod_payments 1.2.1, PUT: customer_reference and invoice_base_url."""
    await gateway.ask("POST", TERMINALS, provider[1], TERMINAL)
    changes = {"customer_reference": "OMV", "invoice_base_url": "https://cpo.example/i"}

    status, shown = await operator("PUT", f"/payment-terminals/{ID}", changes)

    assert status == 200
    method, _, _, body = peer.sent[-1]
    assert method == "PUT"
    assert body | changes == body
    assert errors("2.3.0", "Terminal", body) == []
    assert shown["customer_reference"] == "OMV"


async def test_a_terminal_is_activated_and_deactivated(gateway, provider, peer, operator, location):
    """payments mod_payments 1.1.2: the provider then creates it here."""
    await gateway.locations.put(ABC, location())
    wanted = {"partner": "ptp", "reference": "SN-1", "location_ids": ["LOC1"]}
    activated, _ = await operator("POST", "/payment-terminals/activate", wanted)
    await gateway.ask("POST", TERMINALS, provider[1], TERMINAL)
    deactivated, _ = await operator("POST", f"/payment-terminals/{ID}/deactivate")

    assert (activated, deactivated) == (202, 202)
    first, second = peer.sent
    assert first[:2] == ("POST", "/2.3.0/payments/terminals/activate")
    assert "terminal_id" not in first[3]
    assert (first[3]["reference"], first[3]["location_ids"]) == ("SN-1", ["LOC1"])
    assert second[:2] == ("POST", f"/2.3.0/payments/terminals/{ID}/deactivate")


async def test_all_of_a_provider_is_pulled(provider, peer, operator):
    """payments mod_payments 1.2.1: paginated lists of both; one bad object costs no other.

    ocpi-rules: unknown fields.
    """

    async def terminals(_request):
        return peer.answer([TERMINAL, {"terminal_id": 1}])

    async def confirmations(_request):
        return peer.answer([CONFIRMATION])

    peer.routes["/2.3.0/payments/terminals"] = terminals
    peer.routes["/2.3.0/payments/financial-advice-confirmations"] = confirmations

    status, counts = await operator("POST", "/partners/ptp/payments/pull")

    assert (status, counts) == (200, {"terminals": 1, "confirmations": 1, "skipped": 1})
    assert (await operator("GET", "/payment-terminals"))[1][0]["partner"] == "ptp"
    confirmed = (await operator("GET", "/financial-advice-confirmations?partner=ptp"))[1]
    assert confirmed[0]["id"] == ID


async def test_a_cdr_is_shown_with_what_was_captured_for_it(
    gateway, provider, connected, operator, charged
):
    """payments mod_payments 1.3.2: "correlates [...] by using the authorization_reference"."""
    reference = CONFIRMATION["authorization_reference"]
    await charged("C1", provider[0], PTP)
    cdrs = gateway.store.party(ABC).cdrs
    change = gateway.store.party(ABC).change()
    cdr = await cdrs.get("C1") | {"authorization_reference": reference}
    cdrs.put(change, "C1", cdr, updated=gateway.now(), partner_id="ptp")
    await gateway.store.commit(change)
    # another provider's word about the same reference is none of this CDR
    _, rival = await connected("rival", ("PTP", Party("DE", "RIV")), version="2.3.0")
    await gateway.ask("POST", CONFIRMATIONS, rival, CONFIRMATION | {"id": "R"})
    assert "financial_advice_confirmation" not in (await operator("GET", "/cdrs/C1"))[1]

    await gateway.ask("POST", CONFIRMATIONS, provider[1], CONFIRMATION)

    shown = (await operator("GET", "/cdrs/C1"))[1]
    assert shown["financial_advice_confirmation"]["id"] == ID


async def test_what_a_card_payment_reserves_stands_in_the_tariff(gateway, provider, tariff):
    """payments mod_tariffs 11.3.1: `preauthorize_amount`, which older versions do not have."""
    await gateway.tariffs.put(ABC, tariff(preauthorize_amount=50))

    answer = await gateway.ask("GET", "/2.3.0/tariffs", provider[1])

    assert answer.data[0]["preauthorize_amount"] == 50
