"""Parties behind a hub: who they are, what they may ask, and quiet while they are not connected."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.delivery import ObjectKind, ObjectRef, Verdict, VerdictKind
from gateway.domain.hub_clients import ClientInfo, ConnectionStatus
from gateway.domain.partners import Endpoint
from gateway.domain.party import Party
from gateway.domain.tokens import TokenType
from gateway.ocpi.outgoing.client import OcpiClient, Unreachable
from gateway.ocpi.outgoing.command_results import CommandResultSender, ProfileResultSender
from gateway.ocpi.outgoing.hub_client_pull import HubClientPull
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.pushes.audience import Audience
from gateway.ocpi.pushes.sender import ObjectSender
from gateway.ocpi.tokens.token_authorizer import RealTimeAuthorizer
from gateway.services.ports import ReplyTo
from gateway.services.roaming.hub_clients import HubClients
from gateway.services.roaming.introduction import introduce
from gateway.services.roaming.visibility import seeing, show

ABC, XYZ = Party("NL", "ABC"), Party("DE", "XYZ")
HUB, ONE, TWO = Party("DE", "HUB"), Party("DE", "ONE"), Party("FR", "TWO")
EARLY = datetime(2026, 2, 1, tzinfo=UTC)
VERSIONS = ("2.2.1", "2.3.0")


@pytest.fixture
async def hub(connected):
    """A 2.2.1 hub: role HUB, and nothing said of its clients."""
    return (await connected("hub", ("HUB", HUB), hub_party=HUB))[0]


TOKEN = "the-token-of-hub"


def info(party, status="CONNECTED", **members):
    return {
        "country_code": party.country_code,
        "party_id": party.party_id,
        "role": "EMSP",
        "status": status,
        "last_updated": "2026-02-01T00:00:00Z",
    } | members


def client(party, status, updated=EARLY):
    return ClientInfo(party, "EMSP", ConnectionStatus(status), updated, updated)


def path(party, version="2.2.1"):
    return f"/{version}/hubclientinfo/{party.country_code}/{party.party_id}"


# --- ClientInfo ----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_hub_pushes_and_reads_back_who_is_behind_it(gateway, connected, version):
    """ocpi-rules 15 (mod_hub_client_info 14.3.1): PUT, then GET of the same object."""
    await connected("hub", ("HUB", HUB), version=version, hub_party=HUB)
    put = await gateway.ask("PUT", path(ONE, version), TOKEN, info(ONE, "PLANNED"))
    assert (put.status, put.code) == (201, 1000)
    again = await gateway.ask(
        "PUT",
        path(ONE, version),
        TOKEN,
        info(ONE, "OFFLINE", last_updated="2026-02-02T00:00:00Z"),
    )
    assert (again.status, again.code) == (200, 1000)

    got = await gateway.ask("GET", path(ONE, version).lower().replace("/de/", "/De/"), TOKEN)

    assert got.data == info(ONE, "OFFLINE", last_updated="2026-02-02T00:00:00.000Z")


async def test_the_module_is_advertised_where_the_version_has_it(gateway, hub):
    """ocpi-rules: no hubclientinfo in 2.1.1. ocpi-rules: 2.1.1 shapes."""
    found = {}
    for version in ("2.1.1", "2.2.1", "2.3.0"):
        details = await gateway.ask("GET", f"/{version}", TOKEN)
        names = [one["identifier"] for one in details.data["endpoints"]]
        found[version] = "hubclientinfo" in names
    assert found == {"2.1.1": False, "2.2.1": True, "2.3.0": True}
    assert (await gateway.ask("GET", path(ONE, "2.1.1"), TOKEN)).status == 404


async def test_routing_headers_do_not_touch_hub_client_info(gateway, hub, routed):
    """ocpi-rules 25: "routing headers SHALL NOT be used with these modules"; neither answered."""
    unknown = routed(Party("XX", "XXX"), Party("XX", "YYY"))
    answer = await gateway.ask("PUT", path(ONE), TOKEN, info(ONE), **unknown)

    assert answer.code == 1000
    assert not [name for name in answer.headers if name.lower().startswith("ocpi-")]


async def test_an_older_client_info_that_comes_late_changes_nothing(gateway, hub):
    """ocpi-rules 15: messages overtake each other; last_updated says which is true."""
    await gateway.ask(
        "PUT", path(ONE), TOKEN, info(ONE, "OFFLINE", last_updated="2026-02-03T00:00:00Z")
    )
    await gateway.ask("PUT", path(ONE), TOKEN, info(ONE, "CONNECTED"))

    assert gateway.hub_clients.find("hub", ONE).status is ConnectionStatus.OFFLINE


async def test_the_standards_own_example_without_last_updated_is_taken(gateway, hub):
    """ocpi-rules: tolerance (mod_hub_client_info 14.3.1.2, the example)."""
    body = info(ONE, "PLANNED")
    del body["last_updated"]

    assert (await gateway.ask("PUT", path(ONE), TOKEN, body)).code == 1000


NO_CLIENT_INFO = [
    info(TWO),
    info(ONE, "SLEEPING"),
    info(ONE, role=""),
    info(ONE, last_updated="yesterday"),
    info(ONE, party_id="TOO LONG"),
    {"status": "CONNECTED"},
    [],
]


async def test_what_is_no_client_info_of_that_url_is_2001(gateway, hub):
    """S10 (body party, URL party), ocpi-rules 11. ocpi-rules: identity check."""
    for body in NO_CLIENT_INFO:
        answer = await gateway.ask("PUT", path(ONE), TOKEN, body)

        assert (answer.status, answer.code) == (200, 2001), body
    assert gateway.hub_clients.of("hub") == []


async def test_only_a_hub_may_tell_who_is_connected(gateway, partner):
    """S10: an eMSP cannot make another party quiet."""
    registered, token = await gateway.registered(partner)

    answer = await gateway.ask("PUT", path(ONE), token, info(ONE, "OFFLINE"))

    assert (answer.status, answer.code) == (200, 2001)
    assert gateway.hub_clients.of(registered.id) == []


async def test_token_a_does_not_open_hub_client_info(gateway):
    """ocpi-rules 2: token A is for versions and credentials only."""
    _, token = await gateway.directory.invite("p")

    assert (await gateway.ask("PUT", path(ONE), token, info(ONE))).status == 401


async def test_one_hub_does_not_see_the_clients_of_another(gateway, hub, connected):
    """S8."""
    _, other = await connected("other", ("HUB", TWO), hub_party=TWO)
    await gateway.ask("PUT", path(ONE), TOKEN, info(ONE))

    assert (await gateway.ask("GET", path(ONE), other)).status == 404


# --- through the hub ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("module", ["sessions?date_from=2026-01-01T00:00:00Z", "cdrs?limit=50"])
async def test_a_party_behind_a_hub_lists_its_own_and_the_hub_all(
    gateway, connected, charged, routed, module, version
):
    """S8, ocpi-rules 6: X-Total-Count is of the party that asks, too."""
    hub, _ = await connected("hub", ("HUB", HUB), version=version, hub_party=HUB)
    for number, owner in enumerate((ONE, TWO, ONE)):
        await charged(f"{owner.party_id}-{number}", hub, owner)
    seen = {}
    for name, headers in {
        "one": routed(ONE, ABC),
        "two": routed(TWO),
        "nobody": routed(Party("IT", "NON"), ABC),
        "hub": routed(HUB, ABC),
        "open": {},
    }.items():
        answer = await gateway.ask("GET", f"/{version}/{module}", TOKEN, **headers)
        total = answer.headers["X-Total-Count"]
        seen[name] = ([one["id"] for one in answer.data], total)

    assert seen == {
        "one": (["ONE-0", "ONE-2"], "2"),
        "two": (["TWO-1"], "1"),
        "nobody": ([], "0"),
        "hub": (["ONE-0", "TWO-1", "ONE-2"], "3"),
        "open": (["ONE-0", "TWO-1", "ONE-2"], "3"),
    }


async def test_a_token_of_one_party_is_not_there_for_another_behind_the_same_hub(
    gateway, hub, token, routed
):
    """S8, S10: neither read nor written through the hub by anyone but its owner."""
    mine = token(country_code="DE", party_id="ONE")
    url = "/2.2.1/tokens/DE/ONE/012345678"
    assert (await gateway.ask("PUT", url, TOKEN, mine, **routed(ONE, ABC))).code == 1000

    theirs = routed(TWO, ABC)
    assert (await gateway.ask("GET", url, TOKEN, **theirs)).status == 404
    changed = await gateway.ask("PUT", url, TOKEN, mine | {"valid": False}, **theirs)
    patched = await gateway.ask(
        "PATCH", url, TOKEN, {"valid": False, "last_updated": "2026-03-01T00:00:00Z"}, **theirs
    )

    assert (changed.code, patched.code) == (2001, 2001)
    kept = await gateway.ask("GET", url, TOKEN, **routed(ONE, ABC))
    assert kept.data["valid"] is True


async def test_a_token_that_a_hub_broadcasts_is_kept_for_its_owner(gateway, hub, token, routed):
    """ocpi-rules 25 (4.2.4): "using its own party-id and country-code in the OCPI-from headers"."""
    body = token(country_code="FR", party_id="TWO")
    answer = await gateway.ask(
        "PUT", "/2.2.1/tokens/FR/TWO/012345678", TOKEN, body, **routed(HUB, ABC)
    )

    assert answer.code == 1000
    assert answer.headers["OCPI-to-party-id"] == "HUB"
    assert answer.headers["OCPI-from-party-id"] == "ABC"


async def test_a_token_given_through_a_hub_is_its_owners_once_that_is_connected_itself(
    gateway, connected, token, routed
):
    """ocpi-rules: a party both behind a hub and directly connected; the direct word counts."""
    _, hub_token = await connected("hub", ("EMSP", ONE), version="2.3.0", hub_party=HUB)
    _, own_token = await connected("one", ("EMSP", ONE))
    url, body = "/2.2.1/tokens/DE/ONE/012345678", token(country_code="DE", party_id="ONE")
    through = url.replace("2.2.1", "2.3.0")
    assert (await gateway.ask("PUT", through, hub_token, body)).code == 1000

    direct = await gateway.ask("PUT", url, own_token, body | {"valid": False})
    again = await gateway.ask("PUT", through, hub_token, body)

    assert (direct.code, again.code) == (1000, 2001)
    assert (await gateway.ask("GET", url, own_token)).data["valid"] is False


async def test_a_hub_that_names_its_clients_speaks_for_no_other(gateway, connected, token, routed):
    """S10 (2.3.0 credentials 7.3.1: "include the parties that are reachable").

    ocpi-rules: identity check; ocpi-rules: hub roles.
    """
    _, hub_token = await connected("hub", ("EMSP", ONE), version="2.3.0", hub_party=HUB)
    for sender, owner in ((TWO, TWO), (HUB, TWO), (ONE, TWO)):
        answer = await gateway.ask(
            "PUT",
            f"/2.3.0/tokens/{owner.country_code}/{owner.party_id}/012345678",
            hub_token,
            token(country_code=owner.country_code, party_id=owner.party_id),
            **routed(sender, ABC),
        )
        assert (answer.status, answer.code) == (200, 2001)
    assert await gateway.store.tokens.find("012345678") == []


@pytest.mark.parametrize("sender", [None, HUB, XYZ])
async def test_nobody_speaks_for_a_party_of_ours(gateway, connected, token, routed, sender):
    """S10, ocpi-rules: identity check. Nor for one of ours that the hub is not to know of.

    A 2.2.1 hub names none of those that it passes on for, so it could be anybody.
    """
    _, hub_token = await connected(
        "hub", ("HUB", HUB), hub_party=HUB, parties=frozenset({ABC}), told=frozenset({ABC})
    )
    for ours in (ABC, XYZ):
        names = {"country_code": ours.country_code, "party_id": ours.party_id}
        answer = await gateway.ask(
            "PUT",
            f"/2.2.1/tokens/{ours.country_code}/{ours.party_id}/012345678",
            hub_token,
            token(**names),
            **routed(sender, ABC),
        )
        assert (answer.status, answer.code) == (200, 2001)
    assert await gateway.store.tokens.find("012345678") == []


# --- quiet --------------------------------------------------------------------------------------


@dataclass
class Line:
    """The `Transport` to the hub: what would have been sent."""

    sent: list[str] = field(default_factory=list)
    verdict: Verdict = field(default_factory=lambda: Verdict(VerdictKind.DELIVERED))

    async def deliver(self, partner, party, ref):
        self.sent.append(str(ref))
        return self.verdict


async def owed(gateway, partner):
    return sorted(str(ref) for ref, _ in await gateway.store.party(ABC).owed.due(partner.id, 100))


SESSION, CDR = ObjectRef(ObjectKind.SESSION, "S1"), ObjectRef(ObjectKind.CDR, "S1")
TARIFF = ObjectRef(ObjectKind.TARIFF, "T1")


@pytest.mark.parametrize("status", ["OFFLINE", "PLANNED", "SUSPENDED"])
async def test_what_is_for_a_party_that_is_not_connected_waits_and_nothing_else(
    gateway, hub, charged, status
):
    """ocpi-rules 15 (mod_hub_client_info 14.1): "No requests can be sent. Do not queue"."""
    line = Line()
    audience = Audience(line, gateway.store, gateway.hub_clients)
    await charged("S1", hub, ONE)
    await charged("S2", hub, TWO)
    await gateway.hub_clients.put(hub.id, client(ONE, status))

    verdicts = [
        (await audience.deliver(hub, ABC, ref)).kind
        for ref in (SESSION, CDR, TARIFF, ObjectRef(ObjectKind.SESSION, "S2"))
    ]

    assert line.sent == ["tariff/T1", "session/S2"]
    assert verdicts[:2] == [VerdictKind.NOT_WANTED] * 2
    assert await gateway.hub_clients.parked(hub.id) == {ONE: 2}


async def test_what_was_owed_of_a_party_that_was_hidden_since_is_not_sent(gateway, connected):
    """S8: asked at the moment of sending, not of marking; a direct partner, any kind of object."""
    line = Line()
    audience = Audience(line, gateway.store, gateway.hub_clients)
    partner, _ = await connected("p", ("EMSP", ONE), parties=frozenset({Party("DE", "XYZ")}))

    kinds = [(await audience.deliver(partner, ABC, ref)).kind for ref in (SESSION, CDR, TARIFF)]
    await audience.deliver(partner, Party("DE", "XYZ"), TARIFF)

    assert kinds == [VerdictKind.NOT_WANTED] * 3
    assert line.sent == ["tariff/T1"]


async def test_bills_of_a_hidden_party_reach_whoever_was_told_of_it(
    gateway, connected, charged, routed
):
    """A bill is no offer: what the operator hides is not pushed, and what was charged still is."""
    line = Line()
    audience = Audience(line, gateway.store, gateway.hub_clients)
    partner, token = await connected(
        "p", ("EMSP", ONE), parties=frozenset({XYZ}), told=frozenset({ABC, XYZ})
    )
    await charged("S1", partner, ONE)

    for ref in (SESSION, CDR, TARIFF):
        await audience.deliver(partner, ABC, ref)

    assert line.sent == ["session/S1", "cdr/S1"]
    listed = await gateway.ask("GET", "/2.2.1/cdrs", token)
    assert [one["id"] for one in listed.data] == ["S1"]


async def test_bills_of_a_party_that_a_partner_is_not_told_of_wait_until_it_is(
    gateway, connected, charged
):
    """S8: a partner refuses what comes in the name of a party that our roles do not name."""
    line = Line()
    audience = Audience(line, gateway.store, gateway.hub_clients)
    partner, token = await connected(
        "p", ("EMSP", ONE), parties=frozenset({XYZ}), told=frozenset({XYZ})
    )
    await charged("S1", partner, ONE)
    for ref in (SESSION, CDR, TARIFF):
        await audience.deliver(partner, ABC, ref)
    assert line.sent == []
    assert await owed(gateway, partner) == []
    assert (await gateway.ask("GET", "/2.2.1/cdrs", token)).data == []

    shown = await show(gateway.store, gateway.directory, partner.id, None, [ABC, XYZ])
    assert await owed(gateway, partner) == []
    told = seeing(shown, replace(shown, told=frozenset({ABC, XYZ})), [ABC, XYZ])
    await gateway.directory.save(told)
    await introduce(gateway.store, gateway.directory, told)

    assert await owed(gateway, partner) == ["cdr/S1", "session/S1"]
    assert await gateway.hub_clients.parked(partner.id) == {}


async def test_a_bill_put_aside_while_the_partner_is_told_of_the_party_is_owed(
    gateway, connected, charged
):
    """The exchange of credentials may come between our look and our note."""
    before, _ = await connected("p", ("EMSP", ONE), told=frozenset({XYZ}))
    await charged("S1", before, ONE)
    await gateway.directory.save(replace(before, told=frozenset({ABC, XYZ})))

    await gateway.hub_clients.park(before, ABC, SESSION, ONE)

    assert await owed(gateway, before) == ["session/S1"]


async def test_when_the_party_is_connected_again_each_object_is_owed_once(gateway, hub, charged):
    """ocpi-rules 15: not the messages, the current state, however often it had changed."""
    audience = Audience(Line(), gateway.store, gateway.hub_clients)
    await charged("S1", hub, ONE)
    await gateway.hub_clients.put(hub.id, client(ONE, "OFFLINE"))
    for _ in range(5):
        await audience.deliver(hub, ABC, SESSION)
    assert await owed(gateway, hub) == []

    await gateway.ask("PUT", path(ONE), TOKEN, info(ONE, "CONNECTED"))

    assert await owed(gateway, hub) == ["session/S1"]
    assert await gateway.hub_clients.parked(hub.id) == {}


async def test_a_party_connected_while_its_object_was_put_aside_still_gets_it(
    gateway, hub, charged
):
    """ocpi-rules 15: the hub's word may come between our look and our note."""
    await charged("S1", hub, ONE)
    await gateway.hub_clients.put(hub.id, client(ONE, "CONNECTED"))

    await gateway.hub_clients.park(hub, ABC, SESSION, ONE)

    assert await owed(gateway, hub) == ["session/S1"]


async def test_what_another_node_put_aside_is_owed_when_the_hub_tells_this_one(
    gateway, hub, charged, store, eventually
):
    """ocpi-rules 15: the node that delivers need not be the one that the hub calls."""
    there = HubClients(store, gateway.directory, gateway.parties, gateway.now, reread_seconds=60)
    await there.load()
    try:
        await charged("S1", hub, ONE)
        await gateway.hub_clients.put(hub.id, client(ONE, "OFFLINE"))
        await eventually(lambda: not there.connected(hub, ONE))
        await there.park(hub, ABC, SESSION, ONE)

        await gateway.hub_clients.put(hub.id, client(ONE, "CONNECTED"))
    finally:
        await there.close()

    assert await owed(gateway, hub) == ["session/S1"]


async def test_a_party_that_the_hub_does_not_reach_holds_up_nobody_else(
    gateway, hub, charged, pulled
):
    """ocpi-rules 12, 15: 4002 and 4003 are said of the party, not of the hub; tried again later."""
    line = Line(verdict=Verdict(VerdictKind.UNREACHABLE, "OCPI 4003", beyond_hub=True))
    audience = Audience(line, gateway.store, gateway.hub_clients)
    await charged("S1", hub, ONE)

    verdict = await audience.deliver(hub, ABC, SESSION)

    assert verdict.kind is VerdictKind.NOT_WANTED
    assert await gateway.hub_clients.parked(hub.id) == {ONE: 1}
    assert await owed(gateway, hub) == []
    await pulled[2].pull(replace(hub, endpoints=()))
    assert await owed(gateway, hub) == ["session/S1"]


@pytest.mark.parametrize(
    ("code", "http", "beyond"),
    [
        (4002, 200, True),
        (4003, 200, True),
        (4000, 200, False),
        (3000, 200, False),
        (4003, 503, False),
    ],
)
async def test_two_of_the_hubs_codes_are_about_the_party_behind_it(
    gateway, connected, charged, stack, code, http, beyond
):
    """ocpi-rules 12 (status_codes 5.4), from the hub's answer to the verdict."""

    async def answer(request):
        body = {"status_code": code, "status_message": "x", "timestamp": "2026-01-01T00:00:00Z"}
        return web.json_response(body, status=http)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/sessions"
    hub, _ = await connected(
        "hub",
        ("HUB", HUB),
        hub_party=HUB,
        endpoints=(Endpoint("sessions", "RECEIVER", url),),
    )
    await charged("S1", hub, ONE)
    safe = SafeHttp(allow_private_hosts=True)
    stack.push_async_callback(safe.close)

    sender = ObjectSender(OcpiClient(safe), gateway.store, gateway.locations)
    verdict = await sender.deliver(hub, ABC, SESSION)

    assert (verdict.kind, verdict.beyond_hub) == (VerdictKind.UNREACHABLE, beyond)


async def test_a_hub_that_is_down_itself_is_backed_off_from(gateway, hub, charged):
    """ocpi-rules 12: any other trouble is the hub's own."""
    line = Line(verdict=Verdict(VerdictKind.UNREACHABLE, "HTTP 503"))
    await charged("S1", hub, ONE)

    verdict = await Audience(line, gateway.store, gateway.hub_clients).deliver(hub, ABC, SESSION)

    assert verdict.kind is VerdictKind.UNREACHABLE
    assert await gateway.hub_clients.parked(hub.id) == {}


async def test_an_unregistered_hub_leaves_nothing_waiting(gateway, hub, charged):
    """ocpi-rules 15."""
    await charged("S1", hub, ONE)
    await gateway.hub_clients.put(hub.id, client(ONE, "OFFLINE"))
    await gateway.hub_clients.park(hub, ABC, SESSION, ONE)

    await gateway.store.party(ABC).owed.drop_partner(hub.id)

    assert await gateway.hub_clients.parked(hub.id) == {}


async def test_a_token_owner_that_is_not_connected_is_not_asked(gateway, connected):
    """ocpi-rules 15: as if unreachable; not a packet goes to the hub."""
    hub, _ = await connected(
        "hub",
        ("HUB", HUB),
        hub_party=HUB,
        endpoints=(Endpoint("tokens", "SENDER", "https://hub.invalid/tokens"),),
    )

    class Asked:
        def __init__(self):
            self.routing = []

        async def request_partner(self, partner, method, url, **options):
            self.routing.append(options["routing"].to_party)
            raise Unreachable("nobody there")

    asked = Asked()
    authorizer = RealTimeAuthorizer(asked, connected=gateway.hub_clients.connected)
    await gateway.hub_clients.put(hub.id, client(ONE, "OFFLINE"))

    for owner in (ONE, TWO):
        answer = await authorizer.authorize(hub, ABC, "uid", TokenType.RFID, None, owner)
        assert answer is None

    assert asked.routing == [TWO]  # ocpi-rules 25: the owner, through its hub


async def test_a_result_for_a_party_that_is_not_connected_is_not_sent(gateway, connected):
    """ocpi-rules 15 (mod_hub_client_info 14.1.2): "No requests can be sent"."""
    sessions = (Endpoint("chargingprofiles", "SENDER", "https://hub.invalid/profiles"),)
    hub, _ = await connected("hub", ("HUB", HUB), hub_party=HUB, endpoints=sessions)
    await gateway.hub_clients.put(hub.id, client(ONE, "OFFLINE"))
    sent = []

    class Sent:
        async def request_partner(self, partner, method, url, **options):
            sent.append(options["routing"].to_party)

    commands = CommandResultSender(Sent(), gateway.hub_clients.connected)
    profiles = ProfileResultSender(Sent(), gateway.hub_clients.connected)
    taken = []
    for party in (ONE, TWO, None):
        to = ReplyTo(hub, ABC, "https://hub.invalid/result", party)
        taken.append(await commands.send(to, CommandOutcome.ACCEPTED))
        taken.append(await profiles.set(to, CommandReply(CommandOutcome.ACCEPTED)))

    assert taken == [False, False, True, True, True, True]
    assert sent == [TWO, TWO, HUB, HUB]


# --- the whole list -----------------------------------------------------------------------------


class HubPlatform:
    """The Sender interface of a hub: its clients, two to a page."""

    def __init__(self):
        self.clients = []
        self.headers = []
        self.url = ""

    async def start(self, stack):
        app = web.Application()
        app.router.add_get("/hubclientinfo", self._list)
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hubclientinfo"

    async def _list(self, request):
        self.headers.append(dict(request.headers))
        offset = int(request.query.get("offset", 0))
        following = offset + 2
        headers = {}
        if following < len(self.clients):
            headers["Link"] = f'<{self.url}?offset={following}>; rel="next"'
        body = {"data": self.clients[offset:following], "status_code": 1000, "timestamp": "x"}
        return web.json_response(body, headers=headers)


@pytest.fixture
async def pulled(gateway, connected, stack):
    """A hub with a list, and what fetches it."""
    platform = HubPlatform()
    await platform.start(stack)
    hub, _ = await connected(
        "hub",
        ("HUB", HUB),
        hub_party=HUB,
        endpoints=(Endpoint("hubclientinfo", "SENDER", platform.url),),
    )
    safe = SafeHttp(allow_private_hosts=True)
    stack.push_async_callback(safe.close)
    pull = HubClientPull(
        OcpiClient(safe),
        gateway.directory,
        gateway.hub_clients,
        gateway.store,
        gateway.now,
        look=0.02,
    )
    stack.push_async_callback(pull.close)
    return platform, hub, pull


async def test_the_hubs_list_replaces_what_we_knew(gateway, pulled):
    """ocpi-rules 15 (14.3.2.1): what is not in it "is considered as no longer valid"."""
    platform, hub, pull = pulled
    gone = Party("IT", "OLD")
    await gateway.hub_clients.put(hub.id, client(gone, "CONNECTED"))
    gateway.clock += timedelta(hours=1)
    platform.clients = [info(ONE, "OFFLINE"), {"party_id": "bad"}, info(TWO), info(ONE, role="CPO")]

    assert await pull.pull(hub) == 3

    shown = [(one.party, one.role, one.status.value) for one in gateway.hub_clients.of(hub.id)]
    assert shown == [
        (ONE, "CPO", "CONNECTED"),
        (ONE, "EMSP", "OFFLINE"),
        (TWO, "EMSP", "CONNECTED"),
    ]
    assert not gateway.hub_clients.connected(hub, ONE)  # as the issuer of its tokens
    sent = {name.lower() for headers in platform.headers for name in headers}
    assert not [name for name in sent if name.startswith("ocpi-")]  # ocpi-rules 25


async def test_what_the_hub_pushed_while_its_list_was_read_stays(gateway, pulled):
    """ocpi-rules 15: a page that was made before must not undo it."""
    _, hub, _ = pulled
    asked = gateway.now()
    pushed = replace(client(ONE, "OFFLINE"), received=asked + timedelta(seconds=1))
    await gateway.hub_clients.put(hub.id, pushed)

    await gateway.hub_clients.replace(hub.id, [client(ONE, "CONNECTED")], asked)

    assert gateway.hub_clients.find(hub.id, ONE).status is ConnectionStatus.OFFLINE


async def test_the_list_is_fetched_on_registration_and_by_the_hour(gateway, pulled, eventually):
    """ocpi-rules 15 (pull model): at start-up, and when we are not sure."""
    platform, hub, pull = pulled
    platform.clients = [info(ONE)]
    await pull.start()
    await eventually(lambda: len(platform.headers) == 1)  # due: never fetched before

    pull.begin(hub.id)

    await eventually(lambda: len(platform.headers) == 2)
    assert gateway.hub_clients.find(hub.id, ONE) is not None


async def test_a_hub_without_a_list_is_not_asked(gateway, hub, pulled):
    """Its clients come by push alone."""
    _, _, pull = pulled
    bare = replace(hub, endpoints=())

    assert await pull.pull(bare) is None
