"""The open data feed: for everybody, complete, and nothing in it that is not published."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.domain.party import Party
from gateway.ocpi.incoming.server import OcpiServer, create_app
from gateway.ocpi.open_data import Publisher

ABC, XYZ = Party("NL", "ABC"), Party("DE", "XYZ")


@pytest.fixture
async def publisher(gateway: Any, tmp_path: Path) -> AsyncIterator[Publisher]:
    made = Publisher(
        tmp_path / "open-data", gateway.platform.parties, gateway.locations, gateway.tariffs, 60
    )
    yield made
    await made.close()


@pytest.fixture
async def url(gateway: Any, publisher: Publisher) -> AsyncIterator[str]:
    server = OcpiServer(create_app(replace(gateway.services, open_data=publisher)))
    port = await server.start("127.0.0.1", 0)
    gateway.platform.public_url = f"http://127.0.0.1:{port}"
    yield f"http://127.0.0.1:{port}/open-data"
    await server.close()


async def _get(gateway: Any, url: str, **headers: str) -> tuple[int, Any, bytes]:
    async with gateway.http.get(url, headers=headers) as response:
        return response.status, response.headers, await response.read()


def _tariff(id_: str) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": 0.25, "step_size": 1}
    return {
        "id": id_,
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [{"price_components": [component]}],
    }


async def test_the_feed_is_off_unless_it_is_wanted(gateway: Any) -> None:
    status, _, _ = await _get(gateway, f"{gateway.url}/open-data/2.2.1/locations")
    assert status == 401  # as every URL that does not exist, for somebody without a token


async def test_before_the_first_edition_it_says_so(gateway: Any, url: str) -> None:
    for name in ("locations", "locations.json"):
        status, _, _ = await _get(gateway, f"{url}/2.3.0/{name}")
        assert status == 503


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1", "2.3.0"])
async def test_published_locations_of_every_party_and_no_others(
    gateway: Any, url: str, publisher: Publisher, location: Any, version: str
) -> None:
    """ocpi-rules: publish_allowed_to"""
    await gateway.locations.put(ABC, location("L1"))
    await gateway.locations.put(ABC, location("SECRET", publish=False))
    await gateway.locations.put(XYZ, location("L2", evses=[]))
    await publisher.publish()

    status, headers, body = await _get(gateway, f"{url}/{version}/locations.json")

    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert [one["id"] for one in json.loads(body)] == ["L1", "L2"]
    assert b"charge_point" not in body


async def test_only_tariffs_that_a_published_connector_names(
    gateway: Any, url: str, publisher: Publisher, location: Any
) -> None:
    for id_ in ("T-SHOWN", "T-PARTNERS"):
        await gateway.tariffs.put(ABC, _tariff(id_))
    document = location("L1")
    document["evses"][0]["connectors"][0]["tariff_ids"] = ["t-shown"]
    await gateway.locations.put(ABC, document)
    await publisher.publish()

    _, _, body = await _get(gateway, f"{url}/2.3.0/tariffs.json")
    assert [one["id"] for one in json.loads(body)] == ["T-SHOWN"]


async def test_pages_follow_link_to_the_end_with_the_filters_kept(
    gateway: Any, url: str, publisher: Publisher, location: Any
) -> None:
    """ocpi-rules 6, 7"""
    for number in range(5):
        await gateway.locations.put(ABC, location(f"L{number}", evses=[]))
    await publisher.publish()

    seen: list[str] = []
    page: str | None = f"{url}/2.2.1/locations?limit=2&date_from=2026-03-01T12:00:00Z"
    while page is not None:
        status, headers, body = await _get(gateway, page)
        envelope = json.loads(body)
        assert (status, envelope["status_code"]) == (200, 1000)
        assert headers["X-Total-Count"] == "5"
        seen += [one["id"] for one in envelope["data"]]
        link = headers.get("Link")
        page = link and link[1 : link.index(">")]
        assert page is None or "date_from=2026-03-01" in page
    assert seen == [f"L{number}" for number in range(5)]

    _, headers, body = await _get(gateway, f"{url}/2.2.1/locations?date_to=2026-03-01T12:00:00Z")
    assert (headers["X-Total-Count"], json.loads(body)["data"]) == ("0", [])


async def test_a_parameter_that_makes_no_sense_is_refused(
    gateway: Any, url: str, publisher: Publisher
) -> None:
    await publisher.publish()
    _, _, body = await _get(gateway, f"{url}/2.2.1/locations?limit=none")
    assert json.loads(body)["status_code"] == 2001


async def test_an_unchanged_edition_keeps_its_etag_and_a_reader_is_told_so(
    gateway: Any, url: str, publisher: Publisher, location: Any
) -> None:
    await gateway.locations.put(ABC, location("L1"))
    await publisher.publish()
    _, first, _ = await _get(gateway, f"{url}/2.3.0/locations.json")
    await asyncio.sleep(0.01)  # another modification time, if the file were written again
    await publisher.publish()

    known = {"If-None-Match": first["ETag"]}
    status, _, _ = await _get(gateway, f"{url}/2.3.0/locations.json", **known)
    assert status == 304

    await gateway.locations.put(ABC, location("L2", evses=[]))
    await publisher.publish()
    status, second, _ = await _get(gateway, f"{url}/2.3.0/locations.json", **known)
    assert (status, second["ETag"] != first["ETag"]) == (200, True)


async def test_the_file_is_sent_gzipped_to_whoever_takes_it(
    gateway: Any, url: str, publisher: Publisher, location: Any
) -> None:
    await gateway.locations.put(ABC, location("L1"))
    await publisher.publish()
    async with (
        aiohttp.ClientSession(auto_decompress=False) as http,
        http.get(f"{url}/2.3.0/locations.json", headers={"Accept-Encoding": "gzip"}) as response,
    ):
        body = await response.read()
    assert response.headers["Content-Encoding"] == "gzip"
    assert [one["id"] for one in json.loads(gzip.decompress(body))] == ["L1"]
