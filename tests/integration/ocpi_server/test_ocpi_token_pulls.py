"""The tokens of partners, pulled: all of them, what has changed, by one node, in every version."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from gateway.admin.pipeline import API, HOSTS, adapt, edge
from gateway.admin.resources.token_pulls import TokenPullCalls, shown
from gateway.domain.partners import Endpoint
from gateway.domain.party import Party
from gateway.domain.timestamps import to_text
from gateway.domain.token_pulls import PullKind, PullRhythm
from gateway.ocpi.outgoing.client import OcpiClient
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.tokens.token_pull import TokenPull
from gateway.store import Store

EMS, OTHER = Party("DE", "EMS"), Party("DE", "OTH")
SECRET_KEY = bytes(range(32))


class Issuer:
    """A tokens Sender interface: whatever it lists, and the queries that came."""

    def __init__(self, peer, version="2.2.1"):
        self.peer, self.version = peer, version
        self.listed = []
        self.queries = []
        self.failing = False
        peer.accepts.add("for-ems")
        peer.routes[f"/{version}/tokens"] = self.answer

    async def answer(self, request):
        self.queries.append(dict(request.query))
        if self.failing:
            return self.peer.answer(None, 500)
        return self.peer.answer(self.listed)

    @property
    def endpoint(self):
        role = "" if self.version == "2.1.1" else "SENDER"
        return Endpoint("tokens", role, f"{self.peer.url}/{self.version}/tokens")


@pytest.fixture
async def issuer(new_peer):
    return Issuer(await new_peer())


@pytest.fixture
async def partner(connected, issuer):
    return (await connected("ems", ("EMSP", EMS), endpoints=(issuer.endpoint,)))[0]


@pytest.fixture
def pulled(gateway, eventually):
    """Wait until so many pulls have come to their end; returns the last one's report."""

    async def wait(kind=PullKind.FULL, *, since=None):
        async def ended():
            last = (await gateway.store.token_pulls.get("ems")).last
            return last is not None and last.kind is kind and (since is None or last != since)

        await eventually(ended)
        return (await gateway.store.token_pulls.get("ems")).last

    return wait


async def held(gateway, uid, party=EMS):
    known = await gateway.store.tokens.get(party.country_code, party.party_id, uid, "RFID")
    return known and known.document["valid"]


async def wish(gateway):
    await gateway.store.token_pulls.want("ems")


async def test_what_the_whole_list_no_longer_has_is_no_longer_valid(
    gateway, issuer, partner, token, pulled
):
    """mod_tokens 12.2.2.1: what is not in the response "is considered as no longer valid".

    ocpi-rules 18: it is not removed ("deleting is not possible"), and valid again with the list.
    """
    issuer.listed = [token(f"T{number}") for number in range(5)]
    gateway.pull.begin("ems")
    first = await pulled()
    issuer.listed = issuer.listed[1:]
    await wish(gateway)
    second = await pulled(since=first)

    assert (second.missing, second.withdrawn) == (1, 1)
    assert await held(gateway, "T0") is False
    assert await held(gateway, "T1") is True

    issuer.listed.append(token("T0"))
    await wish(gateway)
    third = await pulled(since=second)
    assert (third.missing, third.changed) == (0, 1)
    assert await held(gateway, "T0") is True


@pytest.mark.parametrize("wrong", ["half of it is gone", "an object cannot be read"])
async def test_a_list_that_may_not_be_the_whole_one_takes_nothing_away(
    gateway, issuer, partner, token, pulled, wrong
):
    """Then it is only reported: drivers are not to pay for a partner's broken list."""
    issuer.listed = [token(f"T{number}") for number in range(4)]
    gateway.pull.begin("ems")
    first = await pulled()
    gone = 3 if wrong.startswith("half") else 1
    issuer.listed = [*issuer.listed[gone:], *([{"uid": 1}] if gone == 1 else [])]
    await wish(gateway)
    report = await pulled(since=first)

    assert (report.missing, report.withdrawn) == (gone, 0)
    assert await held(gateway, "T0") is True


async def test_what_was_pushed_during_the_pull_is_not_missing(
    gateway, issuer, partner, token, pulled
):
    """The list was made before the push arrived."""
    now = gateway.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    issuer.listed = [token("T1"), token("T2")]
    gateway.pull.begin("ems")
    first = await pulled()
    await gateway.received.put(partner, token("NEW", last_updated=now))
    await wish(gateway)
    report = await pulled(since=first)

    assert report.missing == 0
    assert await held(gateway, "NEW") is True


async def test_in_between_only_what_has_changed_is_fetched(gateway, issuer, partner, token, pulled):
    """mod_tokens 12.2.2.1: `date_from`, from the start of the last pull and a little before it."""
    issuer.listed = [token("T1")]
    gateway.pull.begin("ems")
    first = await pulled()
    gateway.clock += timedelta(hours=2)
    issuer.listed = [token("T2")]
    await gateway.store.bus.publish("token-pulls", {"partner": "ems"})
    await pulled(PullKind.CHANGES)

    assert issuer.queries[-1] == {"date_from": to_text(first.started - timedelta(minutes=10))}
    assert await held(gateway, "T1") is True
    assert await held(gateway, "T2") is True


async def test_a_restart_does_not_pull_again(gateway, issuer, partner, token, pulled, stack):
    """What was pulled is in the store."""
    issuer.listed = [token("T1")]
    gateway.pull.begin("ems")
    await pulled()
    await gateway.pull.close()
    before = len(issuer.queries)
    again = another_node(gateway, gateway.store, stack)
    await again.start()
    await again._begin_due()
    await again.close()

    assert len(issuer.queries) == before


async def test_two_nodes_pull_once(
    gateway, issuer, partner, token, pulled, stack, redis_url, eventually
):
    """A wish is fulfilled by one of them, whichever is first."""
    store = await Store.open(redis_url, secret_key=SECRET_KEY, node_id="node-2")
    stack.push_async_callback(store.close)
    other = another_node(gateway, store, stack, look=0.05)
    stack.push_async_callback(other.close)
    await other.start()
    issuer.listed = [token("T1")]

    await wish(gateway)
    report = await pulled()
    await gateway.store.bus.publish("token-pulls", {"partner": "ems"})
    await other._begin_due()
    await eventually(lambda: not gateway.pull._running and not other._running)

    assert report.received == 1
    assert len(issuer.queries) == 1


async def test_how_a_pull_failed_is_kept_and_it_is_tried_again(
    gateway, issuer, partner, token, pulled, eventually
):
    issuer.failing = True
    gateway.pull.begin("ems")

    async def twice():
        failure = (await gateway.store.token_pulls.get("ems")).failure
        return failure is not None and failure.count >= 2

    await eventually(twice)
    issuer.failing, issuer.listed = False, [token("T1")]
    report = await pulled()

    state = await gateway.store.token_pulls.get("ems")
    assert (report.changed, state.failure) == (1, None)


async def test_the_operator_has_tokens_pulled_and_sees_what_came(
    gateway, issuer, partner, token, connected, pulled, stack
):
    """By whichever node is first; 409 for a partner that has no list."""
    await connected("none", ("EMSP", OTHER))

    class Services:
        partners, store = gateway.directory, gateway.store

    app = web.Application(middlewares=[edge("operator-token")])
    app[HOSTS] = None
    (route,) = TokenPullCalls(Services()).routes()
    app.router.add_route(route.method, API + route.pattern, adapt(route))
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}{API}/partners"
    headers = {"Authorization": "Bearer operator-token"}
    issuer.listed = [token("T1"), {"uid": 1}]

    async with gateway.http.post(f"{url}/ems/tokens/pull", headers=headers) as answer:
        assert answer.status == 202
    async with gateway.http.post(f"{url}/none/tokens/pull", headers=headers) as answer:
        assert answer.status == 409
    await pulled()

    seen = shown(await gateway.store.token_pulls.get("ems"))
    assert (seen["wanted"], seen["failure"]) == (False, None)
    counts = {name: seen["last"][name] for name in ("kind", "received", "changed", "skipped")}
    assert counts == {"kind": "full", "received": 2, "changed": 1, "skipped": 1}


async def test_of_several_parties_each_list_is_asked_for(gateway, new_peer, connected, eventually):
    """ocpi-rules 25 (transport_and_format 4.2.4): a GET is to one party, never to all."""
    issuer = Issuer(await new_peer())
    await connected("ems", ("EMSP", EMS), ("EMSP", OTHER), endpoints=(issuer.endpoint,))
    gateway.pull.begin("ems")

    await eventually(lambda: len(issuer.queries) == 2)
    asked = [headers["OCPI-to-party-id"] for _, _, headers, _ in issuer.peer.sent]
    assert asked == ["EMS", "OTH"]


async def test_tokens_of_211_belong_to_the_partners_party(gateway, new_peer, connected, pulled):
    """ocpi-rules: 2.1.1 shapes (2.1.1 mod_tokens.md 3.2): no party in a Token, and `auth_id`."""
    issuer = Issuer(await new_peer(), "2.1.1")
    await connected("ems", ("EMSP", EMS), version="2.1.1", endpoints=(issuer.endpoint,))
    issuer.listed = [
        {
            "uid": "OLD",
            "type": "RFID",
            "auth_id": "DE8ACC12E46L89",
            "issuer": "An eMSP",
            "valid": True,
            "whitelist": "ALLOWED",
            "last_updated": "2026-02-01T00:00:00Z",
        }
    ]
    gateway.pull.begin("ems")
    await pulled()

    known = await gateway.store.tokens.get("DE", "EMS", "OLD", "RFID")
    assert known.document["contract_id"] == "DE8ACC12E46L89"
    _, path, headers, _ = issuer.peer.sent[0]
    assert "OCPI-to-party-id" not in headers
    assert parse_qs(urlsplit(path).query) == {}


def another_node(gateway, store, stack, look=15.0):
    http = SafeHttp(allow_private_hosts=True)
    stack.push_async_callback(http.close)
    return TokenPull(
        OcpiClient(http),
        gateway.directory,
        gateway.received,
        gateway.platform,
        store,
        gateway.now,
        rhythm=PullRhythm(pauses=(0.05,)),
        look=look,
    )
