"""An operator's tariffs for some partners: nobody else learns of them, by any way."""

import json
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.canonical import InvalidDocument
from gateway.domain.delivery import ObjectKind, ObjectRef, VerdictKind
from gateway.domain.partners import PartnerState
from gateway.domain.party import Party
from gateway.ocpi.open_data import Publisher
from gateway.ocpi.outgoing.client import OcpiClient
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.pushes.sender import ObjectSender
from gateway.services.roaming.introduction import introduce
from gateway.services.roaming.resending import resend
from gateway.store import PageQuery

ABC = Party("NL", "ABC")
VERSIONS = ("2.1.1", "2.2.1", "2.3.0")


class Side:
    """One partner: its platform, its record here, and the token that it was given."""

    def __init__(self, gateway, peer, partner, version):
        self.gateway, self.peer, self.partner, self.version = gateway, peer, partner, version

    @property
    def id(self):
        return self.partner.id

    async def get(self, path):
        token = self.peer.given[-1][2]["token"]
        answer = await self.peer.ask(self.gateway, self.version, "GET", path, token)
        assert answer.code == 1000
        return answer

    async def tariffs(self):
        return [one["id"] for one in (await self.get("/tariffs")).data]

    async def owed(self):
        due = await self.gateway.store.party(ABC).owed.due(self.id, 100)
        return {str(ref) for ref, _ in due}

    async def settled(self):
        """Nothing is owed any more."""
        owed = self.gateway.store.party(ABC).owed
        for ref, version in await owed.due(self.id, 100):
            await owed.settle(self.id, ref, version)

    def pushed(self, method):
        return [path for sent, path, _, _ in self.peer.sent if sent == method]


@pytest.fixture
def registered(gateway, new_peer):
    async def make(version="2.2.1", **settings):
        peer = await new_peer(versions=(version,), **settings)
        invited, _ = await gateway.directory.invite("p")
        peer.accepts = {"their-a"}
        partner = await gateway.registration.register(
            invited.id, peer.versions_url, "their-a", "p", version
        )
        assert partner.state is PartnerState.REGISTERED
        return Side(gateway, peer, partner, version)

    return make


@pytest.fixture
async def two(registered):
    """The partner that has a tariff of its own, and another one."""
    return await registered(), await registered(party=Party("DE", "OTH"))


@pytest.fixture
async def sender(gateway):
    async with AsyncExitStack() as stack:
        http = SafeHttp(allow_private_hosts=True)
        stack.push_async_callback(http.close)
        yield ObjectSender(OcpiClient(http), gateway.store, gateway.locations)


def naming(location, *tariff_ids):
    document = location("LOC1")
    document["evses"][0]["connectors"][0]["tariff_ids"] = list(tariff_ids)
    return document


TARIFF = ObjectRef(ObjectKind.TARIFF, "OWN")


# --- lists ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_partner_lists_its_own_and_everybodys(gateway, registered, tariff, version):
    own = await registered(version)
    other = await registered(version, party=Party("DE", "OTH"))
    for number, names in enumerate([None, [own.id], [other.id], [own.id, other.id]]):
        document = tariff(f"T{number}") | ({"partners": names} if names else {})
        await gateway.tariffs.put(ABC, document)

    assert await own.tariffs() == ["T0", "T1", "T3"]
    assert await other.tariffs() == ["T0", "T2", "T3"]
    assert "partners" not in str((await own.get("/tariffs")).data)


async def test_pages_count_only_what_a_partner_may_see(gateway, two, tariff):
    """ocpi-rules 6, 7: X-Total-Count and Link are right for each partner."""
    own, other = two
    for number in range(6):
        document = tariff(f"T{number}") | ({"partners": [own.id]} if number % 2 else {})
        await gateway.tariffs.put(ABC, document)

    first = await other.get("/tariffs?limit=2")
    assert [one["id"] for one in first.data] == ["T0", "T2"]
    assert first.headers["X-Total-Count"] == "3"
    link = first.headers["Link"]
    following = await other.get(link[link.index("/tariffs") : link.index(">")])
    assert [one["id"] for one in following.data] == ["T4"]
    assert "Link" not in following.headers
    dated = await other.get("/tariffs?date_from=2026-01-01T00:00:00Z&offset=1")
    assert [one["id"] for one in dated.data] == ["T2", "T4"]


async def test_a_tariff_for_a_partner_that_does_not_exist_is_refused(gateway, tariff):
    """A misspelt id would hide the price from whoever is to pay it."""
    with pytest.raises(InvalidDocument, match="there is no partner nobody"):
        await gateway.tariffs.put(ABC, tariff() | {"partners": ["nobody"]})
    with pytest.raises(InvalidDocument):
        await gateway.tariffs.put(ABC, tariff() | {"partners": []})


# --- connectors -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/locations", "/locations/LOC1", "/locations/LOC1/3256/1"])
async def test_a_connector_names_no_tariff_of_another_partner(gateway, two, tariff, location, path):
    own, other = two
    await gateway.tariffs.put(ABC, tariff("ALL"))
    await gateway.tariffs.put(ABC, tariff("OWN") | {"partners": [own.id]})
    await gateway.locations.put(ABC, naming(location, "ALL", "OWN"))

    for _ in range(2):  # the second time from what is kept as text
        assert "'OWN'" in str((await own.get(path)).data)
        assert "'ALL'" not in str((await own.get(path)).data)  # its own takes that place
        assert "'OWN'" not in str((await other.get(path)).data)
        assert "'ALL'" in str((await other.get(path)).data)


async def test_the_one_tariff_of_211_is_what_the_partners_tokens_pay(
    gateway, registered, tariff, location
):
    """2.1.1 mod_locations tariff_id: there is room for one, and no word for its type."""
    own = await registered("2.1.1")
    other = await registered("2.1.1", party=Party("DE", "OTH"))
    await gateway.tariffs.put(ABC, tariff("GREEN") | {"type": "PROFILE_GREEN"})
    await gateway.tariffs.put(ABC, tariff("ALL"))
    await gateway.tariffs.put(ABC, tariff("OWN") | {"partners": [own.id]})
    document = naming(location, "GREEN", "ALL", "OWN")
    document["evses"][0]["connectors"][0]["standard"] = "CHADEMO"  # that 2.1.1 knows
    await gateway.locations.put(ABC, document)

    def named(answer):
        return answer.data[0]["evses"][0]["connectors"][0]["tariff_id"]

    assert named(await own.get("/locations")) == "OWN"
    assert named(await other.get("/locations")) == "ALL"


async def test_open_data_has_only_what_is_for_everybody(gateway, two, tariff, location, tmp_path):
    own, _ = two
    await gateway.tariffs.put(ABC, tariff("ALL"))
    await gateway.tariffs.put(ABC, tariff("OWN") | {"partners": [own.id]})
    await gateway.locations.put(ABC, naming(location, "ALL", "OWN"))
    publisher = Publisher(
        tmp_path, gateway.platform.parties, gateway.locations, gateway.tariffs, 60
    )
    await publisher.publish()
    await publisher.close()
    for version in VERSIONS:
        tariffs = json.loads((tmp_path / version / "tariffs.json").read_text())
        assert [one["id"] for one in tariffs] == ["ALL"]
        assert '"OWN"' not in (tmp_path / version / "locations.json").read_text()


# --- pushes -----------------------------------------------------------------------------------


async def test_a_tariff_is_pushed_to_those_it_is_for(gateway, two, tariff, sender):
    own, other = two
    await gateway.tariffs.put(ABC, tariff("OWN") | {"partners": [own.id]})
    assert await own.owed() == {"tariff/OWN"}
    assert await other.owed() == set()

    verdict = await sender.deliver(own.partner, ABC, TARIFF)
    assert verdict.kind is VerdictKind.DELIVERED
    _, path, _, body = own.peer.sent[-1]
    assert path == "/2.2.1/tariffs/NL/ABC/OWN"
    assert "partners" not in body


async def test_who_may_see_it_no_more_gets_a_delete(gateway, two, tariff, sender):
    """ocpi-rules 13: Tariff has DELETE"""
    own, other = two
    await gateway.tariffs.put(ABC, tariff("OWN"))
    await other.settled()
    await own.settled()
    await gateway.tariffs.put(ABC, tariff("OWN") | {"partners": [own.id]})
    assert await other.owed() == {"tariff/OWN"}

    await sender.deliver(other.partner, ABC, TARIFF)
    await sender.deliver(own.partner, ABC, TARIFF)
    assert other.pushed("DELETE") == ["/2.2.1/tariffs/NL/ABC/OWN"]
    assert own.pushed("DELETE") == []
    assert await other.tariffs() == []


async def test_nobody_else_hears_that_it_is_gone(gateway, two, tariff, location):
    """Nor do its connectors name it then, so that everybody's is back in its place."""
    own, other = two
    await gateway.tariffs.put(ABC, tariff("ALL"))
    await gateway.tariffs.put(ABC, tariff("OWN") | {"partners": [own.id]})
    await gateway.locations.put(ABC, naming(location, "ALL", "OWN"))
    await own.settled()
    await other.settled()
    assert await gateway.tariffs.remove(ABC, "OWN")
    assert await own.owed() == {"tariff/OWN", "location/LOC1"}
    assert await other.owed() == set()
    for side in two:
        shown = str((await side.get("/locations")).data)
        assert "'ALL'" in shown
        assert "'OWN'" not in shown
        assert (await side.get("/tariffs")).headers["X-Total-Count"] == "1"


async def test_a_connector_that_named_it_before_it_was_there_is_shown_anew(
    gateway, two, tariff, location
):
    own, other = two
    await gateway.locations.put(ABC, naming(location, "OWN"))
    await own.settled()
    await other.settled()
    await gateway.tariffs.put(ABC, tariff("OWN") | {"partners": [own.id]})
    assert await other.owed() == {"location/LOC1"}
    assert "'OWN'" not in str((await other.get("/locations")).data)


async def test_connectors_are_shown_anew_to_those_for_whom_they_name_another(
    gateway, two, tariff, location, sender
):
    """ocpi-rules 8: last_updated is lifted from the Connector to the Location."""
    own, other = two
    await gateway.tariffs.put(ABC, tariff("ALL"))
    await gateway.tariffs.put(ABC, tariff("OWN"))
    await gateway.locations.put(ABC, naming(location, "ALL", "OWN"))
    await gateway.locations.put(ABC, location("LOC2"))
    await own.settled()
    await other.settled()
    before = (await other.get("/locations/LOC1")).data
    gateway.clock += timedelta(hours=1)
    await gateway.tariffs.put(ABC, tariff("OWN") | {"partners": [own.id]})

    assert await other.owed() == {"tariff/OWN", "location/LOC1"}
    assert await own.owed() == {"tariff/OWN", "location/LOC1"}  # where it named both
    await sender.deliver(other.partner, ABC, ObjectRef(ObjectKind.LOCATION, "LOC1"))
    shown = other.peer.sent[-1][3]
    connectors = [one["evses"][0]["connectors"][0] for one in (before, shown)]
    assert [one["tariff_ids"] for one in connectors] == [["ALL", "OWN"], ["ALL"]]
    moments = [one["last_updated"] for one in (shown, shown["evses"][0], connectors[1])]
    assert set(moments) == {"2026-03-01T13:00:00.000Z"}
    # and a pull by last_updated finds it
    since = await other.get("/locations?date_from=2026-03-01T12:30:00Z")
    assert [one["id"] for one in since.data] == ["LOC1"]


async def test_a_new_partner_is_owed_only_what_it_may_see(gateway, two, tariff):
    own, other = two
    await gateway.tariffs.put(ABC, tariff("ALL"))
    await gateway.tariffs.put(ABC, tariff("OWN") | {"partners": [own.id]})
    for side in two:
        await side.settled()
        anew = replace(side.partner, to_introduce=frozenset({ABC}))
        await gateway.directory.save(anew)
        await introduce(gateway.store, gateway.directory, anew)
    assert await own.owed() == {"tariff/ALL", "tariff/OWN"}
    assert await other.owed() == {"tariff/ALL"}


async def test_resending_sends_only_what_a_partner_may_see(gateway, two, tariff):
    own, _ = two
    await gateway.tariffs.put(ABC, tariff("OWN") | {"partners": [own.id]})
    counts = [
        await resend(gateway.store, side.partner, [ABC], gateway.clock, cdrs=False) for side in two
    ]
    assert [one["tariff"] for one in counts] == [1, 0]


# --- earlier releases -------------------------------------------------------------------------


async def test_types_that_an_earlier_release_has_stored_are_noted_at_the_start(
    gateway, registered, tariff
):
    side = await registered("2.1.1")
    store = gateway.store.party(ABC)
    change = store.change()
    kept = {**tariff("GREEN", type="PROFILE_GREEN"), "last_updated": "2026-01-01T00:00:00Z"}
    store.tariffs.put(change, "GREEN", kept, updated=gateway.clock)
    await gateway.store.commit(change)
    assert await store.tariff_audiences.all() == {}

    await gateway.tariffs.note_anew(ABC)
    await gateway.tariffs.note_anew(ABC)

    view = await store.tariff_audiences.view(side.id)
    assert view.special == {("green", "PROFILE_GREEN")}
    assert (await store.tariffs.page(PageQuery(hidden=frozenset({"green"})))).total == 0
