"""Canonical objects in the words of 2.1.1: its names and shapes, and nothing said wrongly."""

from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.bills.cdrs import KEPT_LOCATION
from gateway.domain.party import Party
from gateway.ocpi.conformance.standard import errors
from gateway.ocpi.versions import BY_NUMBER, v211_spelling

WIRE = BY_NUMBER["2.1.1"].wire
T = "2026-03-01T12:00:00.987Z"
SECONDS = "2026-03-01T12:00:00Z"


def a_connector(**changes: Any) -> dict[str, Any]:
    return {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 16,
        "tariff_ids": ["T1", "T2"],
        "last_updated": T,
    } | changes


def an_evse(uid: str = "E1", **changes: Any) -> dict[str, Any]:
    return {
        "uid": uid,
        "evse_id": "NL*ABC*E1",
        "status": "AVAILABLE",
        "connectors": [a_connector()],
        "charge_point": {"identity": "CP1", "evse_id": 1},
        "last_updated": T,
    } | changes


def a_location(**changes: Any) -> dict[str, Any]:
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "LOC1",
        "publish": True,
        "address": "Straat 1",
        "city": "Gent",
        "country": "BEL",
        "coordinates": {"latitude": "51.04759", "longitude": "-3.7299449"},
        "time_zone": "Europe/Brussels",
        "evses": [an_evse()],
        "last_updated": T,
    } | changes


def a_tariff(*elements: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "T1",
        "currency": "EUR",
        "tax_included": "NO",
        "elements": list(elements) or [element("ENERGY")],
        "last_updated": T,
    } | changes


def element(*dimensions: str, **restrictions: Any) -> dict[str, Any]:
    components = [
        {"type": dimension, "price": Decimal("0.5"), "vat": Decimal(21), "step_size": 1}
        for dimension in dimensions
    ]
    return {"price_components": components} | (
        {"restrictions": restrictions} if restrictions else {}
    )


def a_session(**changes: Any) -> dict[str, Any]:
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "S1",
        "start_date_time": T,
        "kwh": Decimal("1.5"),
        "cdr_token": {
            "country_code": "DE",
            "party_id": "EMS",
            "uid": "04A1",
            "type": "RFID",
            "contract_id": "DE-EMS-1",
        },
        "auth_method": "COMMAND",
        "authorization_reference": "R",
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
        "currency": "EUR",
        "charging_periods": [
            {
                "start_date_time": T,
                "dimensions": [
                    {"type": "ENERGY", "volume": Decimal("1.5")},
                    {"type": "POWER", "volume": 3},
                ],
                "tariff_id": "T1",
            },
            {"start_date_time": T, "dimensions": [{"type": "STATE_OF_CHARGE", "volume": 50}]},
        ],
        "total_cost": {"before_taxes": Decimal(2), "taxes": [{"name": "VAT", "amount": 1}]},
        "status": "ACTIVE",
        "last_updated": T,
    } | changes


def a_cdr(**changes: Any) -> dict[str, Any]:
    session = a_session()
    for name in ("kwh", "location_id", "evse_uid", "connector_id", "status"):
        del session[name]
    return (
        session
        | {
            "id": "C1",
            "end_date_time": "2026-03-01T13:00:00.000Z",
            "cdr_location": {
                "id": "LOC1",
                "address": "Straat 1",
                "city": "Gent",
                "country": "BEL",
                "coordinates": {"latitude": "51.04759", "longitude": "3.72994"},
                "evse_uid": "E1",
                "evse_id": "#NA",
                "connector_id": "1",
                "connector_standard": "IEC_62196_T2",
                "connector_format": "SOCKET",
                "connector_power_type": "AC_3_PHASE",
            },
            "tariffs": [a_tariff()],
            "total_energy": Decimal("1.5"),
            "total_time": Decimal(1),
            KEPT_LOCATION: a_location(),
        }
        | changes
    )


def right(kind: str, body: Any) -> Any:
    assert errors("2.1.1", kind, body) == []
    return body


# --- locations ---------------------------------------------------------------------------------


def test_a_location_has_the_names_and_shapes_of_211() -> None:
    """2.1.1 mod_locations 3.1 to 3.3. ocpi-rules: 2.1.1 shapes."""
    assert right("Location", WIRE.location(a_location())) == {
        "id": "LOC1",
        "type": "UNKNOWN",
        "address": "Straat 1",
        "city": "Gent",
        "postal_code": "",
        "country": "BEL",
        "coordinates": {"latitude": "51.047590", "longitude": "-3.729945"},
        "time_zone": "Europe/Brussels",
        "evses": [
            {
                "uid": "E1",
                "evse_id": "NL*ABC*E1",
                "status": "AVAILABLE",
                "connectors": [
                    {
                        "id": "1",
                        "standard": "IEC_62196_T2",
                        "format": "SOCKET",
                        "power_type": "AC_3_PHASE",
                        "voltage": 230,
                        "amperage": 16,
                        "tariff_id": "T1",
                        "last_updated": SECONDS,
                    }
                ],
                "last_updated": SECONDS,
            }
        ],
        "last_updated": SECONDS,
    }


def test_what_is_not_published_is_shown_as_removed() -> None:
    """2.1.1 has no `publish`: such a location "SHALL not be shown in an app or on a website"."""
    evses = [an_evse("E1"), an_evse("E2", status="CHARGING")]

    body = right("Location", WIRE.location(a_location(publish=False, evses=evses)))

    assert [evse["status"] for evse in body["evses"]] == ["REMOVED", "REMOVED"]


@pytest.mark.parametrize(
    ("connector", "voltage", "amperage"),
    [
        # 2.2.1's own example of max_electric_power: 920 V, 400 A, 150 kW
        (
            {
                "power_type": "DC",
                "max_voltage": 920,
                "max_amperage": 400,
                "max_electric_power": 150_000,
            },
            375,
            400,
        ),
        ({"power_type": "DC", "max_voltage": 400, "max_amperage": 100}, 400, 100),
        ({"max_amperage": 32, "max_electric_power": 11_040}, 230, 16),
        # "11 kW" and "22 kW" are what operators call 16 and 32 A
        ({"max_amperage": 16, "max_electric_power": 11_000}, 230, 16),
        ({"max_amperage": 32, "max_electric_power": 22_000}, 230, 32),
        ({"power_type": "AC_1_PHASE", "max_amperage": 32, "max_electric_power": 3_680}, 230, 16),
        ({"max_amperage": 16, "max_electric_power": 50_000}, 230, 16),
        ({"max_voltage": 0, "max_amperage": 0, "max_electric_power": 0}, 0, 0),
    ],
)
def test_no_connector_promises_more_power_than_it_has(
    connector: dict[str, Any], voltage: int, amperage: int
) -> None:
    """2.1.1 has no `max_electric_power`; a receiver multiplies."""
    body = right("Connector", WIRE.connector(a_connector(**connector)))

    assert (body["voltage"], body["amperage"]) == (voltage, amperage)


def test_an_evse_that_needs_a_connector_named_cannot_be_started_remotely() -> None:
    """START_SESSION of 2.1.1 has no connector_id."""
    can = ["REMOTE_START_STOP_CAPABLE", "START_SESSION_CONNECTOR_REQUIRED", "RFID_READER"]
    both = [a_connector(), a_connector(id="2")]

    one = right("EVSE", WIRE.evse(an_evse(capabilities=can)))
    two = right("EVSE", WIRE.evse(an_evse(capabilities=can, connectors=both)))

    assert one["capabilities"] == ["REMOTE_START_STOP_CAPABLE", "RFID_READER"]
    assert two["capabilities"] == ["RFID_READER"]


def test_an_evse_of_plugs_without_a_word_is_not_shown() -> None:
    """ConnectorType is closed and mandatory."""
    evse = an_evse(connectors=[a_connector(standard="GBT_DC"), a_connector(standard="MCS")])

    assert WIRE.connector(evse["connectors"][0]) is None
    assert WIRE.evse(evse) is None
    assert right("Location", WIRE.location(a_location(evses=[evse])))["evses"] == []


@pytest.mark.parametrize(
    ("text", "ascii"),
    [
        ("Straße 1", "Strasse 1"),
        ("Zürich – Ålesund", "Zurich - Alesund"),
        ("ŁÓDŹ", "LODZ"),
        ("Αθήνα", "Athina"),
        ("Щербакова", "Shcherbakova"),
        ("5 €", "5 EUR"),
        ("½ …", "1/2 ..."),
        ("東京", "??"),
        ("plain", "plain"),
    ],
)
def test_texts_are_spelled_in_ascii(text: str, ascii: str) -> None:
    """2.1.1 types 1.5: "Only printable ASCII allowed"."""
    assert v211_spelling.spell(text) == ascii
    assert right("Location", WIRE.location(a_location(city=text)))["city"] == ascii


# --- tariffs -----------------------------------------------------------------------------------


def test_a_tariff_has_prices_without_vat() -> None:
    """2.1.1 mod_tariffs 3.1 and 4.2: no vat, no party, no tax_included.

    ocpi-rules: 2.1.1 shapes.
    """
    assert right("Tariff", WIRE.tariff(a_tariff(tax_included="YES"))) == {
        "id": "T1",
        "currency": "EUR",
        "elements": [
            {
                "price_components": [
                    {"type": "ENERGY", "price": Decimal("0.4132"), "step_size": 1},
                ]
            }
        ],
        "last_updated": SECONDS,
    }


def said(tariff: dict[str, Any]) -> list[list[str]]:
    return [[one["type"] for one in part["price_components"]] for part in tariff["elements"]]


def test_prices_of_reservations_are_not_said_of_charging() -> None:
    """2.1.1 has no `reservation` restriction: without it the price would be one of charging."""
    tariff = a_tariff(element("FLAT", "TIME", reservation="RESERVATION"), element("ENERGY"))

    body = right("Tariff", WIRE.tariff(tariff))

    assert said(body) == [["ENERGY"]]
    assert body["tariff_alt_text"][0]["text"] == "Reservations have a price of their own."


def test_nothing_is_said_of_a_dimension_whose_price_depends_on_the_current() -> None:
    """2.1.1 has no min_current and max_current; the first element that matches counts."""
    tariff = a_tariff(
        element("FLAT"),
        element("ENERGY", max_kwh=Decimal(5)),
        element("ENERGY", "TIME", min_current=Decimal(32)),
        element("ENERGY", "PARKING_TIME"),
    )

    body = right("Tariff", WIRE.tariff(tariff))

    assert said(body) == [["FLAT"], ["ENERGY"], ["PARKING_TIME"]]
    assert "depend on the current" in body["tariff_alt_text"][0]["text"]


def test_a_tariff_of_which_nothing_can_be_said_is_not_free() -> None:
    """FLAT 0 without restriction is "Free of Charge" (2.1.1 mod_tariffs 3.1)."""
    body = right("Tariff", WIRE.tariff(a_tariff(element("ENERGY", min_current=Decimal(1)))))

    assert body["elements"][0]["restrictions"] == {"max_kwh": 0}


def test_a_tariff_for_reservations_alone_is_free() -> None:
    """Charging costs nothing then."""
    body = right("Tariff", WIRE.tariff(a_tariff(element("FLAT", reservation="RESERVATION"))))

    assert "restrictions" not in body["elements"][0]


def test_limits_and_dates_are_told_in_words() -> None:
    """2.1.1 has no min_price, max_price, start_date_time, end_date_time and type.

    ocpi-rules: 2.1.1 shapes.
    """
    tariff = a_tariff(
        type="AD_HOC_PAYMENT",
        min_price={"before_taxes": Decimal("0.50")},
        max_price={"before_taxes": 20},
        start_date_time=T,
        end_date_time="2026-04-01T00:00:00.000Z",
    )

    [text] = right("Tariff", WIRE.tariff(tariff))["tariff_alt_text"]

    assert text == {
        "language": "en",
        "text": "For ad hoc payment only. A session costs at least 0.50 EUR before VAT. "
        "A session costs at most 20 EUR before VAT. Valid from 2026-03-01T12:00:00Z. "
        "Valid until 2026-04-01T00:00:00Z.",
    }


def test_a_tax_that_cannot_be_taken_out_is_told_in_words() -> None:
    """2.3.0 mod_tariffs, North America: "the `vat` field [...] is not filled"."""
    tariff = a_tariff(tax_included="YES")
    del tariff["elements"][0]["price_components"][0]["vat"]

    body = right("Tariff", WIRE.tariff(tariff))

    assert body["elements"][0]["price_components"][0]["price"] == Decimal("0.5")
    assert body["tariff_alt_text"] == [{"language": "en", "text": "Prices include taxes."}]


def test_the_operators_own_words_stand() -> None:
    """`tariff_alt_text` is the operator's."""
    mine = [{"language": "nl", "text": "20 euro"}]
    tariff = a_tariff(max_price={"before_taxes": 20}, tariff_alt_text=mine)

    assert right("Tariff", WIRE.tariff(tariff))["tariff_alt_text"] == mine


# --- sessions and CDRs -------------------------------------------------------------------------


def test_a_session_has_the_names_and_shapes_of_211() -> None:
    """2.1.1 mod_sessions 3.1: start_datetime, auth_id, location, total_cost a number.

    ocpi-rules: 2.1.1 shapes.
    """
    body = right("Session", WIRE.session(a_session(), a_location()))

    location = body.pop("location")
    assert (location["id"], location["evses"][0]["uid"]) == ("LOC1", "E1")
    assert body == {
        "id": "S1",
        "start_datetime": SECONDS,
        "kwh": Decimal("1.5"),
        "auth_id": "DE-EMS-1",
        "auth_method": "AUTH_REQUEST",
        "currency": "EUR",
        "charging_periods": [
            {
                "start_date_time": SECONDS,
                "dimensions": [{"type": "ENERGY", "volume": Decimal("1.5")}],
            }
        ],
        "total_cost": Decimal(2),
        "status": "ACTIVE",
        "last_updated": SECONDS,
    }


def test_a_session_holds_only_its_evse_and_connector() -> None:
    """2.1.1 mod_sessions 3.1: "including only the relevant EVSE and connector".

    ocpi-rules: 2.1.1 shapes.
    """
    both = [a_connector(), a_connector(id="B")]
    location = a_location(evses=[an_evse("E0"), an_evse("e1", connectors=both), an_evse("E2")])

    body = WIRE.session(a_session(connector_id="b"), location)

    [evse] = right("Session", body)["location"]["evses"]
    assert (evse["uid"], [plug["id"] for plug in evse["connectors"]]) == ("e1", ["B"])


@pytest.mark.parametrize(
    "change",
    [
        {"evses": []},
        {"evses": [an_evse(connectors=[a_connector(id="9")])]},
        {"evses": [an_evse(connectors=[a_connector(standard="MCS", power_type="DC")])]},
        {"publish": False},
    ],
)
def test_a_session_arrives_whatever_has_become_of_its_place(change: dict[str, Any]) -> None:
    """A plug without a word, an EVSE or connector that the operator took out of the document."""
    body = right("Session", WIRE.session(a_session(), a_location(**change)))

    [evse] = body["location"]["evses"]
    assert (evse["uid"], evse["connectors"][0]["id"]) == ("E1", "1")
    assert evse["status"] != "REMOVED"


def test_a_reservation_shows_a_connector_that_it_may_be() -> None:
    """ "#NA" is the connector of an EVSE that is reserved as a whole."""
    location = a_location(evses=[an_evse(connectors=[a_connector(), a_connector(id="2")])])

    body = WIRE.session(a_session(connector_id="#NA", status="RESERVATION"), location)

    [plug] = right("Session", body)["location"]["evses"][0]["connectors"]
    assert (plug["id"], plug["voltage"], plug["amperage"]) == ("1", 230, 16)


@pytest.mark.parametrize(
    ("session", "evse"),
    [
        ("ACTIVE", "CHARGING"),
        ("RESERVATION", "RESERVED"),
        ("PENDING", "UNKNOWN"),
        ("COMPLETED", "UNKNOWN"),
        ("INVALID", "UNKNOWN"),
    ],
)
def test_the_evse_of_a_session_has_the_sessions_status_not_that_of_now(
    session: str, evse: str
) -> None:
    """Else a GET would differ from what was sent, without a new last_updated. ocpi-rules 24."""
    told = a_session(status=session, end_date_time=T)
    now = a_location(evses=[an_evse(status="OUTOFORDER")], last_updated="2027-01-01T00:00:00Z")

    place = right("Session", WIRE.session(told, now))["location"]

    assert place["evses"][0]["status"] == evse
    assert place == WIRE.session(told, a_location())["location"]
    started = told["start_date_time"][:19] + "Z"
    [evse_told] = place["evses"]
    times = [one["last_updated"] for one in (place, evse_told, *evse_told["connectors"])]
    assert times == [started] * 3


def test_a_reservation_is_a_session_that_has_not_begun() -> None:
    """2.1.1 SessionStatus has no RESERVATION. ocpi-rules: session words."""
    body = WIRE.session(a_session(status="RESERVATION"), a_location())

    assert right("Session", body)["status"] == "PENDING"


def test_a_cdr_holds_its_location_as_it_was() -> None:
    """2.1.1 mod_cdrs 3.1; ocpi-rules 19: a CDR is immutable, so nothing is looked up later.

    ocpi-rules: 2.1.1 shapes.
    """
    body = right("CDR", WIRE.cdr(a_cdr()))

    [evse] = body["location"]["evses"]
    assert (evse["evse_id"], evse["connectors"][0]["voltage"]) == ("NL*ABC*E1", 230)
    assert (body["stop_date_time"], body["auth_id"]) == ("2026-03-01T13:00:00Z", "DE-EMS-1")
    assert (body["total_cost"], KEPT_LOCATION in body) == (Decimal(2), False)


def test_a_cdr_that_kept_no_location_tells_what_it_knows() -> None:
    """CDRs of before: no evse_id ("#NA"), and a rating that no connector has. ocpi-rules: #NA."""
    cdr = a_cdr()
    del cdr[KEPT_LOCATION]

    location = right("CDR", WIRE.cdr(cdr))["location"]

    assert (location["id"], location["address"]) == ("LOC1", "Straat 1")
    [evse] = location["evses"]
    assert "evse_id" not in evse
    assert (evse["connectors"][0]["voltage"], evse["connectors"][0]["amperage"]) == (0, 0)


def test_a_cdr_of_a_reservation_alone_has_a_period() -> None:
    """RESERVATION_TIME is new in 2.2, and charging_periods has at least one."""
    periods = [{"start_date_time": T, "dimensions": [{"type": "RESERVATION_TIME", "volume": 1}]}]

    body = right("CDR", WIRE.cdr(a_cdr(charging_periods=periods, total_energy=0)))

    assert body["charging_periods"][0]["dimensions"] == [{"type": "TIME", "volume": 0}]


def test_a_credit_cdr_is_not_sent() -> None:
    """ocpi-rules 19: 2.1.1 has none; as a CDR it would be a second bill for the same energy."""
    assert WIRE.cdr(a_cdr(credit=True, credit_reference_id="C0")) is None


# --- tokens ------------------------------------------------------------------------------------

TOKEN = {
    "uid": "04A1",
    "type": "RFID",
    "auth_id": "DE-EMS-1",
    "issuer": "EMS",
    "valid": True,
    "whitelist": "ALLOWED",
    "last_updated": SECONDS,
    "own": 1,
}


def test_a_token_belongs_to_the_party_of_its_url() -> None:
    """2.1.1 mod_tokens 3.2: no country_code and party_id; auth_id became contract_id.

    ocpi-rules: 2.1.1 shapes.
    """
    read = WIRE.token_in(TOKEN, Party("DE", "EMS"))

    assert (read["country_code"], read["party_id"]) == ("DE", "EMS")
    assert read["contract_id"] == "DE-EMS-1"
    assert "auth_id" not in read
    assert WIRE.token(read) == TOKEN


def test_a_patched_token_is_read_with_the_new_contract() -> None:
    """What is stored is canonical, what a PATCH brings is 2.1.1."""
    stored = WIRE.token_in(TOKEN, Party("DE", "EMS"))

    read = WIRE.token_in(stored | {"auth_id": "DE-EMS-2"}, Party("DE", "EMS"))

    assert read == stored | {"contract_id": "DE-EMS-2"}


@pytest.mark.parametrize("word", ["AD_HOC_USER", "APP_USER", "EMAID", "OTHER"])
def test_newer_types_of_token_are_other(word: str) -> None:
    """2.1.1 TokenType: OTHER and RFID."""
    token = WIRE.token_in(TOKEN | {"type": word}, Party("DE", "EMS"))

    assert WIRE.token(token)["type"] == "OTHER"
