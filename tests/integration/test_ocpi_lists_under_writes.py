"""A client follows Link while objects change, appear and vanish: what must it have met?

Of every object that matched its query from its first request to its last: each, once. Of every
other: at most once, and only if it matched at some moment. ("The client does not have to retry
any requests"; transport_and_format, paginated response.)
"""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway import exact_json
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.domain.timestamps import to_text
from gateway.ocpi.incoming.calls import Call
from gateway.ocpi.incoming.message_routing import MessageRouting
from gateway.ocpi.modules.cdrs import CdrsSender
from gateway.ocpi.modules.locations import LocationsSender
from gateway.ocpi.modules.sessions import SessionsSender
from gateway.ocpi.modules.tariffs import TariffsSender
from gateway.ocpi.platform import Platform
from gateway.ocpi.pushes.rendered import RenderedObjects
from gateway.ocpi.pushes.rendering import Renderer
from gateway.ocpi.versions import BY_NUMBER
from gateway.services.billing.tariffs import TariffBook
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.parties import PartyBook, PartyInfo
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ("locations", "sessions", "cdrs", "tariffs")
PARTNER = Partner("reader", "Reader", PartnerState.REGISTERED, START)
_numbers = count()

QUICK = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],  # with a real store, shrinking takes minutes
    report_multiple_bugs=False,
)
LONG = settings(QUICK, max_examples=3_000)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@dataclass
class Story:
    """What is there at first, what is asked, and what happens before and during each page."""

    kind: str
    first: list[tuple[int, int, int]]  # party, object, minute of last_updated
    limit: int
    date_from: int | None
    date_to: int | None
    writes: list[list[tuple[str, int, int]]]  # per page: what, party, object


@st.composite
def stories(draw: Any) -> Story:
    party, thing, minute = st.integers(0, 1), st.integers(0, 9), st.integers(0, 20)
    first = draw(st.lists(st.tuples(party, thing, minute), max_size=24))
    write = st.tuples(st.sampled_from(["put", "put", "remove"]), party, thing)
    return Story(
        draw(st.sampled_from(KINDS)),
        first,
        draw(st.integers(1, 5)),
        draw(st.one_of(st.none(), st.integers(0, 25))) or 0,
        draw(st.one_of(st.none(), st.integers(5, 45))),
        draw(st.lists(st.lists(write, max_size=6), max_size=14)),
    )


@dataclass
class Books:
    """Two parties of this example's own, their objects, and the modules that list them."""

    store: Store
    story: Story
    minute: int = 0
    parties: list[Party] = field(default_factory=list)
    updated: dict[tuple[Party, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        number = next(_numbers)
        self.parties = [Party("NL", _three(2 * number)), Party("BE", _three(2 * number + 1))]
        directory = PartnerDirectory(self.store, self.now)
        self.locations = LocationCatalogue(self.store, directory, self.now)
        self.tariffs = TariffBook(self.store, directory, self.now)
        platform = Platform(
            PartyBook(*(PartyInfo(party, "A party") for party in self.parties)), "https://x.example"
        )
        version = BY_NUMBER["2.2.1"]
        self.list = {
            "locations": LocationsSender(version, platform, self.locations, RenderedObjects()).list,
            "sessions": SessionsSender(
                version, platform, self.store, Renderer(self.locations)
            ).list,
            "cdrs": CdrsSender(version, platform, self.store).list,
            "tariffs": TariffsSender(version, platform, self.tariffs).list,
        }[self.story.kind]

    def now(self) -> datetime:
        return at(self.minute)

    async def put(self, party: Party, id_: str, minute: int) -> None:
        """Create or update; the time never goes back."""
        self.minute = minute
        known = self.updated.get((party, id_), minute)
        self.updated[party, id_] = max(known, minute)
        if self.story.kind == "locations":
            await self.locations.put(party, a_location(id_) | {"name": f"since {minute}"})
        elif self.story.kind == "tariffs":
            text = {"language": "en", "text": f"since {minute}"}
            await self.tariffs.put(party, a_tariff(id_) | {"tariff_alt_text": [text]})
        else:
            await self._put_document(party, id_, minute)

    async def _put_document(self, party: Party, id_: str, minute: int) -> None:
        book = self.store.party(party)
        documents = book.sessions if self.story.kind == "sessions" else book.cdrs
        document = a_cdr(party, id_, at(minute))
        if self.story.kind == "sessions":
            document |= {"status": "ACTIVE", "kwh": 1, "location_id": "L"}
        change = book.change()
        documents.put(change, id_, document, updated=at(minute), partner_id=PARTNER.id)
        await self.store.commit(change)

    async def remove(self, party: Party, id_: str, minute: int) -> None:
        """A tariff is deleted, a location withdrawn; sessions and CDRs stay for ever."""
        if (party, id_) not in self.updated or self.story.kind in ("sessions", "cdrs"):
            return
        del self.updated[party, id_]
        self.minute = minute
        if self.story.kind == "tariffs":
            await self.tariffs.remove(party, id_)
        else:
            await self.locations.put(party, a_location(id_) | {"publish": False})

    def matching(self) -> set[tuple[str, str]]:
        low, high = self.story.date_from, self.story.date_to
        return {
            (str(party), id_)
            for (party, id_), minute in self.updated.items()
            if (low is None or minute >= low) and (high is None or minute < high)
        }

    async def page(self, query: dict[str, str]) -> tuple[list[tuple[str, str]], dict[str, str]]:
        call = Call(PARTNER, "", "https://x.example/list", {}, query, MessageRouting())
        answer = await self.list(call)
        found = exact_json.loads(exact_json.dumps(answer.data))
        ids = [(f"{one['country_code']}*{one['party_id']}", one["id"]) for one in found]
        link = answer.headers.get("Link", "").removeprefix("<").partition(">")[0]
        return ids, dict(parse_qsl(urlsplit(link).query))


async def crawl(store: Store, story: Story) -> None:
    books = Books(store, story)
    for party, thing, minute in sorted(story.first, key=lambda one: one[2]):
        await books.put(books.parties[party], f"O{thing}", minute)
    query = {"limit": str(story.limit), "mine": "x"}
    if story.date_from is not None:
        query["date_from"] = to_text(at(story.date_from))
    if story.date_to is not None:
        query["date_to"] = to_text(at(story.date_to))
    filters = {name: text for name, text in query.items() if name != "limit"}
    always = ever = books.matching()
    met: list[tuple[str, str]] = []
    minute = 21

    async def write(writes: list[tuple[str, int, int]]) -> None:
        nonlocal always, ever, minute
        for what, party, thing in writes:
            minute += 1
            if what == "put":
                await books.put(books.parties[party], f"O{thing}", minute)
            else:
                await books.remove(books.parties[party], f"O{thing}", minute)
            now = books.matching()
            always, ever = always & now, ever | now

    writes = iter(story.writes)
    while query:
        assert filters.items() <= query.items()
        (found, query), _ = await asyncio.gather(books.page(query), write(next(writes, [])))
        met += found
        await write(next(writes, []))
    assert len(met) == len(set(met)), "none twice"
    assert always <= set(met), "none missed"
    assert set(met) <= ever


@given(story=stories())
@QUICK
async def test_who_follows_link_under_writes_misses_nothing_and_meets_nothing_twice(
    store: Store, story: Story
) -> None:
    """ocpi-rules 6, 7."""
    await crawl(store, story)


@pytest.mark.long
@pytest.mark.timeout(900)
@given(story=stories())
@LONG
async def test_who_follows_link_under_writes_misses_nothing_and_meets_nothing_twice_at_length(
    store: Store, story: Story
) -> None:
    """ocpi-rules 6, 7."""
    await crawl(store, story)


async def test_a_location_that_was_hidden_and_shown_again_keeps_its_place(store: Store) -> None:
    """ocpi-rules 6: "oldest objects first [...] order the objects by creation date"."""
    books = Books(store, Story("locations", [], 2, None, None, []))
    for number in range(3):
        await books.put(books.parties[0], f"O{number}", number)
    await books.remove(books.parties[0], "O0", 4)
    await books.put(books.parties[0], "O0", 5)

    found, _ = await books.page({})

    assert [id_ for _, id_ in found] == ["O0", "O1", "O2"]


def _three(number: int) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "".join(digits[number // 36**place % 36] for place in (2, 1, 0))


def a_location(id_: str) -> dict[str, Any]:
    return {
        "id": id_,
        "publish": True,
        "address": "Street 1",
        "city": "Town",
        "country": "NLD",
        "coordinates": {"latitude": "52.10000", "longitude": "5.10000"},
        "time_zone": "Europe/Amsterdam",
    }


def a_tariff(id_: str) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": Decimal("0.30"), "step_size": 1}
    return {
        "id": id_,
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [{"price_components": [component]}],
    }


def a_cdr(party: Party, id_: str, moment: datetime) -> dict[str, Any]:
    token = {"country_code": "DE", "party_id": "MSP", "uid": "U", "type": "RFID"}
    return {
        "country_code": party.country_code,
        "party_id": party.party_id,
        "id": id_,
        "start_date_time": to_text(moment),
        "end_date_time": to_text(moment),
        "cdr_token": token | {"contract_id": "C"},
        "auth_method": "WHITELIST",
        "cdr_location": {
            "id": "L",
            "address": "Street 1",
            "city": "Town",
            "country": "NLD",
            "coordinates": {"latitude": "52.10000", "longitude": "5.10000"},
            "evse_uid": "E",
            "evse_id": "#NA",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR",
        "charging_periods": [],
        "total_cost": {"before_taxes": Decimal(1), "taxes": []},
        "total_energy": Decimal(1),
        "total_time": Decimal(1),
        "last_updated": to_text(moment),
    }
