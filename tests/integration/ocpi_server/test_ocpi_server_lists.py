"""Locations, sessions, CDRs and tariffs as partners read them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gateway.domain.party import Party

ABC = Party("NL", "ABC")
XYZ = Party("DE", "XYZ")
START = datetime(2026, 2, 1, tzinfo=UTC)


def text(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def a_session(id_, updated, party=ABC, **changes):
    return {
        "country_code": party.country_code,
        "party_id": party.party_id,
        "id": id_,
        "start_date_time": text(updated),
        "kwh": Decimal("7.1234"),
        "cdr_token": {
            "country_code": "DE",
            "party_id": "EMS",
            "uid": "u",
            "type": "EMAID",
            "contract_id": "c",
        },
        "auth_method": "WHITELIST",
        "location_id": "LOC1",
        "evse_uid": "3256",
        "connector_id": "1",
        "currency": "EUR",
        "charging_periods": [
            {
                "start_date_time": text(updated),
                "dimensions": [{"type": "ENERGY", "volume": Decimal("7.1234")}],
            }
        ],
        "total_cost": {
            "before_taxes": Decimal("1.78"),
            "taxes": [{"name": "VAT", "amount": Decimal("0.37"), "percentage": 21}],
        },
        "status": "ACTIVE",
        "last_updated": text(updated),
    } | changes


CDRS = ["C1", "C2", "C3"]


def a_cdr(id_, updated, party=ABC):
    session = a_session(id_, updated, party)
    for name in ("kwh", "location_id", "evse_uid", "connector_id", "status"):
        del session[name]
    return session | {
        "end_date_time": text(updated),
        "session_id": id_,
        "cdr_location": {
            "id": "LOC1",
            "address": "A very long street name that a Location may have and a CDR may not",
            "city": "Gent",
            "country": "BEL",
            "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
            "evse_uid": "3256",
            "evse_id": "BE*BEC*E041503001",
            "connector_id": "1",
            "connector_standard": "MCS",
            "connector_format": "CABLE",
            "connector_power_type": "DC",
        },
        "tariffs": [],
        "total_energy": Decimal("7.1234"),
        "total_time": 0,
    }


async def keep(gateway, kind, document, partner_id, party=ABC):
    books = gateway.store.party(party)
    change = books.change()
    updated = datetime.fromisoformat(document["last_updated"])
    getattr(books, kind).put(
        change, document["id"], document, updated=updated, partner_id=partner_id
    )
    await gateway.store.commit(change)


async def keep_sessions(gateway, partner_id, count=5, party=ABC, prefix="S"):
    for number in range(count):
        session = a_session(f"{prefix}{number}", START + timedelta(hours=number), party)
        await keep(gateway, "sessions", session, partner_id, party)


def ids(answer):
    return [one["id"] for one in answer.data]


async def test_a_served_location_is_exactly_a_221_location(
    gateway, partner, strict, location, tariff
):
    """Nothing of 2.3.0 alone, nothing of ours; ocpi-rules 24 (coordinates, country)."""
    _, token = await gateway.registered(partner)
    await gateway.locations.put(ABC, location())

    listed = await gateway.ask("GET", "/2.2.1/locations", token)
    single = await gateway.ask("GET", "/2.2.1/locations/LOC1", token)

    strict("Location", listed.data[0])
    assert single.data == listed.data[0]
    evse = single.data["evses"][0]
    assert evse["parking_restrictions"] == ["CUSTOMERS", "PLUGGED"]
    assert evse["capabilities"] == ["RFID_READER"]
    # the EVSE keeps the plug that 2.2.1 can name: SAE J3400 fits where TESLA_S does
    assert [one["standard"] for one in evse["connectors"]] == ["TESLA_S"]


async def test_no_partner_ever_sees_an_ocpp_identity(gateway, partner, location):
    """S7."""
    _, token = await gateway.registered(partner)
    await gateway.locations.put(ABC, location())

    for path in ("/locations", "/locations/LOC1", "/locations/LOC1/3256"):
        answer = await gateway.ask("GET", f"/2.2.1{path}", token)
        assert answer.code == 1000
        assert "SECRET" not in str(answer.body)


async def test_evse_and_connector_can_be_read_alone(gateway, partner, strict, location):
    """ocpi-rules 23: ids compare case-insensitively, also in URLs; 14: uid, not evse_id."""
    _, token = await gateway.registered(partner)
    await gateway.locations.put(ABC, location("Loc/1"))

    evse = await gateway.ask("GET", "/2.2.1/locations/lOC%2F1/3256", token)
    connector = await gateway.ask("GET", "/2.2.1/locations/LOC%2F1/3256/1", token)

    strict("EVSE", evse.data)
    strict("Connector", connector.data)
    assert evse.data["uid"] == "3256"
    by_evse_id = await gateway.ask("GET", "/2.2.1/locations/LOC%2F1/BE*BEC*E041503001", token)
    assert by_evse_id.status == 404


@pytest.mark.parametrize("path", ["/NONE", "/LOC1/none", "/LOC1/3256/none", "/LOC1/3256/2"])
async def test_what_is_missing_is_404_with_2003(gateway, partner, location, path):
    """ocpi-rules 11: "except GET of missing". ocpi-rules: data cardinality."""
    _, token = await gateway.registered(partner)
    await gateway.locations.put(ABC, location())

    answer = await gateway.ask("GET", f"/2.2.1/locations{path}", token)

    assert (answer.status, answer.code) == (404, 2003)
    assert "data" not in answer.body


async def test_an_evse_that_is_gone_is_removed_and_lifts_the_location(gateway, partner, location):
    """ocpi-rules 8 and 13: never deleted, and last_updated goes up with it."""
    _, token = await gateway.registered(partner)
    await gateway.locations.put(ABC, location())
    gateway.clock += timedelta(hours=1)
    await gateway.locations.remove(ABC, "LOC1")

    answer = await gateway.ask("GET", "/2.2.1/locations/LOC1", token)

    assert answer.data["evses"][0]["status"] == "REMOVED"
    assert answer.data["last_updated"] == "2026-03-01T13:00:00.000Z"


async def test_a_changed_evse_status_moves_its_location_into_the_date_range(
    gateway, partner, location
):
    """ocpi-rules 8: "If an EVSE is updated, also the 'parent' Location's last_updated"."""
    _, token = await gateway.registered(partner)
    await gateway.locations.put(ABC, location())
    later = gateway.clock + timedelta(hours=2)
    books = gateway.store.party(ABC)
    change = books.change()
    books.evses.put(change, "LOC1", "3256", "CHARGING", later)
    books.locations.touch(change, "LOC1", later)
    await gateway.store.commit(change)

    answer = await gateway.ask("GET", f"/2.2.1/locations?date_from={text(later)}", token)

    assert answer.data[0]["evses"][0]["status"] == "CHARGING"
    assert answer.data[0]["last_updated"] == answer.data[0]["evses"][0]["last_updated"]


async def test_lists_hold_the_objects_of_all_parties_or_of_the_one_addressed(
    gateway, partner, location
):
    """ocpi-rules 25."""
    _, token = await gateway.registered(partner)
    await gateway.locations.put(ABC, location("A"))
    await gateway.locations.put(XYZ, location("X"))

    everything = await gateway.ask("GET", "/2.2.1/locations", token)
    one = await gateway.ask(
        "GET", "/2.2.1/locations", token, OCPI_to_country_code="DE", OCPI_to_party_id="XYZ"
    )
    hidden = await gateway.ask(
        "GET", "/2.2.1/locations/A", token, OCPI_to_country_code="DE", OCPI_to_party_id="XYZ"
    )

    assert ids(everything) == ["A", "X"]
    assert ids(one) == ["X"]
    assert hidden.status == 404


async def test_tariffs_are_exactly_221_tariffs(gateway, partner, strict, tariff):
    """Prices of 2.2.1 are without VAT, whatever the operator's document says."""
    _, token = await gateway.registered(partner)
    await gateway.tariffs.put(ABC, tariff())
    included = tariff("T2", tax_included="YES")
    included["elements"][0]["price_components"][0]["price"] = Decimal("0.3025")
    await gateway.tariffs.put(ABC, included)

    answer = await gateway.ask("GET", "/2.2.1/tariffs", token)

    for one in answer.data:
        strict("Tariff", one)
        assert one["elements"][0]["price_components"][0]["price"] == Decimal("0.25")
    assert answer.data[0]["min_price"] == {"excl_vat": 1, "incl_vat": Decimal("1.21")}


async def test_sessions_and_cdrs_are_exactly_221_objects(gateway, partner, strict):
    """ocpi-rules 24: kWh, at most four decimals."""
    registered, token = await gateway.registered(partner)
    await keep(gateway, "sessions", a_session("S1", START), registered.id)
    await keep(gateway, "cdrs", a_cdr("C1", START), registered.id)

    sessions = await gateway.ask("GET", f"/2.2.1/sessions?date_from={text(START)}", token)
    cdrs = await gateway.ask("GET", "/2.2.1/cdrs", token)

    strict("Session", sessions.data[0])
    strict("CDR", cdrs.data[0])
    assert sessions.data[0]["kwh"] == Decimal("7.1234")
    assert cdrs.data[0]["total_cost"] == {"excl_vat": Decimal("1.78"), "incl_vat": Decimal("2.15")}
    assert cdrs.data[0]["cdr_location"]["connector_standard"] == "IEC_62196_T2_COMBO"


async def test_sessions_without_date_from_are_2001(gateway, partner):
    """ocpi-rules 7."""
    _, token = await gateway.registered(partner)

    answer = await gateway.ask("GET", "/2.2.1/sessions", token)

    assert (answer.status, answer.code) == (200, 2001)


async def test_date_from_is_inclusive_and_date_to_exclusive(gateway, partner):
    """ocpi-rules 7: "sequential requests ... will have no overlap"."""
    registered, token = await gateway.registered(partner)
    await keep_sessions(gateway, registered.id, 3)
    first, second, third = (text(START + timedelta(hours=n)) for n in range(3))

    async def listed(date_from, date_to):
        return ids(
            await gateway.ask(
                "GET", f"/2.2.1/sessions?date_from={date_from}&date_to={date_to}", token
            )
        )

    assert await listed(first, second) == ["S0"]
    assert await listed(second, third) == ["S1"]
    assert await listed(third, first) == []


@pytest.mark.parametrize(
    "form",
    [
        "2026-02-01T00:00:00",
        "2026-02-01T01:00:00%2B01:00",
        "2026-02-01T00:00:00+00:00",
        "2026-02-01T00:00:00.000Z",
    ],
)
async def test_dates_are_read_in_the_forms_that_peers_send(gateway, partner, form):
    """ocpi-rules 22: without a zone it is UTC; +00:00 is wrong and common."""
    registered, token = await gateway.registered(partner)
    await keep_sessions(gateway, registered.id, 1)

    assert ids(await gateway.ask("GET", f"/2.2.1/sessions?date_from={form}", token)) == ["S0"]


@pytest.mark.parametrize(
    "query",
    [
        "offset=-1",
        "offset=one",
        "limit=0",
        "limit=-5",
        "limit=1.5",
        "offset=99999999999999999999",
        "date_from=yesterday",
        "date_to=2026-13-01T00:00:00Z",
        "date_from=0001-01-01T00:00:00%2B14:00",
    ],
)
async def test_senseless_parameters_are_2001_without_http_error(gateway, partner, query):
    """ocpi-rules 11."""
    _, token = await gateway.registered(partner)

    for module in ("locations", "cdrs", "tariffs"):
        answer = await gateway.ask("GET", f"/2.2.1/{module}?{query}", token)
        assert (answer.status, answer.code) == (200, 2001), module


async def test_pages_lead_from_one_to_the_next_and_keep_every_filter(gateway, partner):
    """ocpi-rules 6, over the lists of two parties."""
    registered, token = await gateway.registered(partner)
    await keep_sessions(gateway, registered.id, 5)
    await keep_sessions(gateway, registered.id, 4, XYZ, "X")
    before = text(START + timedelta(hours=4))
    url = f"{gateway.url}/ocpi/2.2.1/sessions?date_from={text(START)}&date_to={before}&limit=3&q=1"
    found = []
    pages = 0
    while url is not None:
        answer = await gateway.ask("GET", url, token)
        pages += 1
        found += ids(answer)
        assert answer.headers["X-Total-Count"] == "8"
        assert answer.headers["X-Limit"] == "100"
        link = answer.headers.get("Link")
        url = None
        if link is not None:
            url = re.fullmatch(r'<([^>]+)>; rel="next"', link)[1]
            assert f"date_from={text(START)}" in url
            assert f"date_to={before}" in url
            assert "limit=3" in url
            assert "q=1" in url

    assert found == ["S0", "S1", "S2", "S3", "X0", "X1", "X2", "X3"]
    assert pages == 3


async def test_the_last_page_has_no_link(gateway, partner):
    """ocpi-rules 6: "should be provided when this is NOT the last page"."""
    registered, token = await gateway.registered(partner)
    await keep_sessions(gateway, registered.id, 4)

    full = await gateway.ask("GET", f"/2.2.1/sessions?date_from={text(START)}&limit=4", token)
    beyond = await gateway.ask("GET", f"/2.2.1/sessions?date_from={text(START)}&offset=9", token)

    assert "Link" not in full.headers
    assert "Link" not in beyond.headers
    assert beyond.data == []
    assert beyond.headers["X-Total-Count"] == "4"


async def test_a_limit_above_ours_is_cut_to_ours(gateway, partner):
    """ocpi-rules 6: X-Limit is the server's maximum."""
    registered, token = await gateway.registered(partner)
    await keep_sessions(gateway, registered.id, 101)

    answer = await gateway.ask("GET", f"/2.2.1/sessions?date_from={text(START)}&limit=2000", token)

    assert len(answer.data) == 100
    assert "offset=100&limit=100" in answer.headers["Link"]


async def test_the_oldest_come_first_by_creation_not_by_update(gateway, partner):
    """ocpi-rules 6."""
    registered, token = await gateway.registered(partner)
    await keep_sessions(gateway, registered.id, 3)
    await keep(gateway, "sessions", a_session("S0", START + timedelta(days=9)), registered.id)

    answer = await gateway.ask("GET", f"/2.2.1/sessions?date_from={text(START)}", token)

    assert ids(answer) == ["S0", "S1", "S2"]


@pytest.mark.parametrize(("version", "shown"), [("2.1.1", ["C1", "C3"]), ("2.2.1", CDRS)])
async def test_credit_cdrs_are_listed_and_counted_where_the_version_knows_them(
    gateway, partner, version, shown
):
    """ocpi-rules 19, 6: X-Total-Count is "the total number of objects available"."""
    registered, token = await gateway.registered(partner)
    await gateway.directory.save(replace(registered, version=version))
    for id_ in CDRS:
        credit = {"credit": True, "credit_reference_id": "C1"} if id_ == "C2" else {}
        await keep(gateway, "cdrs", a_cdr(id_, START) | credit, registered.id)

    found = await gateway.ask("GET", f"/{version}/cdrs?limit=2", token)
    rest = await gateway.ask("GET", f"/{version}/cdrs?limit=2&offset=1", token)

    assert (ids(found), ids(rest)) == (shown[:2], shown[1:])
    assert found.headers["X-Total-Count"] == str(len(shown))
    assert ("Link" in found.headers) == (len(shown) > 2)


async def test_no_partner_reads_another_ones_sessions_or_cdrs(gateway, partner, new_partner):
    """S8, ocpi-rules 6: the total counts what is "available to this client"."""
    one, token_one = await gateway.registered(partner)
    other, token_other = await gateway.registered(await new_partner(party=Party("FR", "OTH")))
    await keep_sessions(gateway, one.id, 3)
    await keep(gateway, "cdrs", a_cdr("C1", START), one.id)
    await keep(gateway, "sessions", a_session("OWN", START), other.id)
    await keep(gateway, "sessions", a_session("OURS", START), None)

    sessions = await gateway.ask("GET", f"/2.2.1/sessions?date_from={text(START)}", token_other)
    cdrs = await gateway.ask("GET", "/2.2.1/cdrs", token_other)
    mine = await gateway.ask("GET", "/2.2.1/cdrs", token_one)

    assert ids(sessions) == ["OWN"]
    assert sessions.headers["X-Total-Count"] == "1"
    assert ids(cdrs) == []
    assert cdrs.headers["X-Total-Count"] == "0"
    assert ids(mine) == ["C1"]


async def test_a_large_page_is_gzipped_for_whoever_takes_it(gateway, partner):
    """A full pull of a large operator is 200 MB of JSON."""
    registered, token = await gateway.registered(partner)
    await keep_sessions(gateway, registered.id, 60)

    answer = await gateway.ask("GET", f"/2.2.1/sessions?date_from={text(START)}", token)
    plain = await gateway.ask(
        "GET", f"/2.2.1/sessions?date_from={text(START)}", token, Accept_Encoding="identity"
    )

    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert len(answer.data) == 60
    assert answer.data == plain.data
