"""Which locations partners see, as they are now, and single ones that have not changed."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.party import Party
from gateway.services.roaming.locations import PUBLISHED, RESTRICTED

ABC = Party("NL", "ABC")
PUBLISH_TOKEN = {"uid": "0123AB", "type": "RFID"}


def ids(answer):
    return [one["id"] for one in answer.data]


async def speaking(gateway, partner, version):
    """The token of a partner that has registered, and agreed on this version."""
    registered, token = await gateway.registered(partner)
    await gateway.directory.save(replace(registered, version=version))
    return token


@pytest.fixture
async def three(gateway, location):
    """One for everybody, one for the owners of some tokens, one for nobody."""
    for id_, changes in (
        ("PUBLIC", {}),
        ("HOUSE", {"publish": False, "publish_allowed_to": [PUBLISH_TOKEN]}),
        ("HOME", {"publish": False}),
    ):
        await gateway.locations.put(ABC, location(id_) | {"evses": []} | changes)


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_a_location_for_some_drivers_is_shown_with_their_tokens(
    gateway, partner, three, version
):
    """ocpi-rules: publish=false and publish_allowed_to (2.2.1 mod_locations 8.3.1).

    ocpi-rules: publish_allowed_to.
    """
    token = await speaking(gateway, partner, version)

    listed = await gateway.ask("GET", f"/{version}/locations", token)
    single = await gateway.ask("GET", f"/{version}/locations/HOUSE", token)
    private = await gateway.ask("GET", f"/{version}/locations/HOME", token)

    assert ids(listed) == ["PUBLIC", "HOUSE"]
    assert listed.headers["X-Total-Count"] == "2"
    assert single.data["publish"] is False
    assert single.data["publish_allowed_to"][0]["uid"] == "0123AB"
    assert (private.status, private.code) == (404, 2003)


async def test_where_a_version_cannot_say_for_whom_a_location_is_not_shown(gateway, partner, three):
    """ocpi-rules: publish=false; OCPI 2.1.1 has no `publish`, so all it shows is public.

    ocpi-rules: publish_allowed_to.
    """
    token = await speaking(gateway, partner, "2.1.1")

    listed = await gateway.ask("GET", "/2.1.1/locations", token)
    single = await gateway.ask("GET", "/2.1.1/locations/HOUSE", token)

    assert ids(listed) == ["PUBLIC"]
    assert listed.headers["X-Total-Count"] == "1"
    assert (single.status, single.code) == (404, 2003)


async def all_pages(gateway, url, token):
    """The ids on each page, from Link to Link, and the totals."""
    pages, totals = [], []
    while url is not None:
        answer = await gateway.ask("GET", url, token)
        pages.append(ids(answer))
        totals.append(answer.headers["X-Total-Count"])
        link = answer.headers.get("Link")
        url = link and re.fullmatch(r'<([^>]+)>; rel="next"', link)[1].replace(
            "http://127.0.0.1:1", gateway.url
        )
    return pages, totals


@pytest.mark.parametrize("dates", ["", "&date_from=2026-02-01T00:00:00Z"])
async def test_pages_without_the_restricted_ones_are_full_and_counted_right(
    gateway, partner, location, dates
):
    """ocpi-rules 6, ocpi-rules: publish_allowed_to (2.1.1 transport_and_format, pagination)."""
    token = await speaking(gateway, partner, "2.1.1")
    for number, restricted in enumerate((True, False, True, True, False, False, True)):
        changes = {"publish": False, "publish_allowed_to": [PUBLISH_TOKEN]} if restricted else {}
        await gateway.locations.put(ABC, location(f"L{number}") | {"evses": []} | changes)

    pages, totals = await all_pages(gateway, f"/2.1.1/locations?limit=2{dates}", token)
    second = await gateway.ask("GET", f"/2.1.1/locations?offset=1&limit=1{dates}", token)

    assert pages == [["L1", "L4"], ["L5"]]
    assert totals == ["3", "3"]
    assert ids(second) == ["L4"]


async def test_what_an_older_release_left_unlisted_is_listed(gateway, partner, three):
    """R27: a release that knew no restricted locations had them in no list."""
    token = await speaking(gateway, partner, "2.2.1")
    books = gateway.store.party(ABC)
    change = books.change()
    for name in (PUBLISHED, RESTRICTED):
        books.locations.hide(change, "HOUSE", name)
    await gateway.store.commit(change)
    before = await gateway.ask("GET", "/2.2.1/locations", token)

    await gateway.locations.list_anew(ABC)
    after = await gateway.ask("GET", "/2.2.1/locations", token)

    assert ids(before) == ["PUBLIC"]
    assert ids(after) == ["PUBLIC", "HOUSE"]


async def test_a_list_served_again_says_what_has_changed_meanwhile(gateway, partner, location):
    """ocpi-rules 8: what is kept of a page is never older than the store."""
    _, token = await gateway.registered(partner)
    await gateway.locations.put(ABC, location())
    first = await gateway.ask("GET", "/2.2.1/locations", token)
    books = gateway.store.party(ABC)

    gateway.clock += timedelta(minutes=1)
    change = books.change()
    books.evses.put(change, "LOC1", "3256", "CHARGING", gateway.clock)
    books.locations.touch(change, "LOC1", gateway.clock)
    await gateway.store.commit(change)
    second = await gateway.ask("GET", "/2.2.1/locations", token)
    gateway.clock += timedelta(minutes=1)
    await gateway.locations.put(ABC, location() | {"name": "Another name"})
    third = await gateway.ask("GET", "/2.2.1/locations", token)
    single = await gateway.ask("GET", "/2.2.1/locations/LOC1", token)

    assert first.data[0]["evses"][0]["status"] != "CHARGING"
    assert second.data[0]["evses"][0]["status"] == "CHARGING"
    assert second.data[0]["last_updated"] == "2026-03-01T12:01:00.000Z"
    assert third.data[0]["name"] == "Another name"
    assert third.data[0] == single.data


async def test_each_version_has_its_own_words_for_the_same_location(gateway, partner, location):
    """The list and the single object agree, whatever was served before."""
    registered, token = await gateway.registered(partner)
    await gateway.locations.put(ABC, location())

    for version in ("2.1.1", "2.2.1", "2.3.0") * 2:
        await gateway.directory.save(replace(registered, version=version))
        listed = await gateway.ask("GET", f"/{version}/locations", token)
        single = await gateway.ask("GET", f"/{version}/locations/LOC1", token)
        assert listed.data == [single.data], version


@pytest.mark.parametrize("path", ["LOC1", "LOC1/3256", "LOC1/3256/1"])
async def test_a_single_object_that_has_not_changed_is_304(gateway, partner, location, path):
    """ETag and If-None-Match (RFC 9110 13.1.2); the envelope's timestamp does not count."""
    _, token = await gateway.registered(partner)
    await gateway.locations.put(ABC, location())
    url = f"{gateway.url}/ocpi/2.2.1/locations/{path}"
    first = await gateway.ask("GET", url, token)
    tag = first.headers["ETag"]
    gateway.clock += timedelta(minutes=1)
    assert (await gateway.ask("GET", url, token)).headers["ETag"] == tag

    asked = {"Authorization": f"Token {token}", "If-None-Match": f'"x", {tag}'}
    async with gateway.http.get(url, headers=asked) as response:
        assert (response.status, await response.read()) == (304, b"")
        assert response.headers["ETag"] == tag
        assert "X-Request-ID" in response.headers
    evse = location()["evses"][0]
    connector = evse["connectors"][0] | {"max_amperage": 6}
    changed = location() | {"evses": [evse | {"connectors": [connector]}]}
    await gateway.locations.put(ABC, changed)
    again = await gateway.ask("GET", url, token, If_None_Match=tag)
    assert (again.status, again.code) == (200, 1000)
