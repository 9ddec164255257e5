"""Canonical 2.3.0 objects in the words of 2.2.1, checked against the text's field tables."""

import copy
from decimal import Decimal

import pytest
from ocpi_documents import SCHEMA

from gateway.canonical import validate_location, validate_tariff
from gateway.ocpi.versions import v221

ENUMS = SCHEMA["2.2.1"]["enums"]
NOW = "2026-03-01T12:00:00.000Z"
LATER = "2026-03-02T12:00:00.000Z"

# What 2.3.0 has and 2.2.1 has not, and a word of an operator's own (OpenEnum).
STANDARDS = [*ENUMS["ConnectorType"]["values"], "MCS", "SAE_J3400", "MY_PLUG"]
RESTRICTIONS = [*ENUMS["ParkingRestriction"]["values"], "EMPLOYEES", "TAXIS", "TENANTS", "WIZARDS"]


@pytest.fixture
def canonical(location):
    document = validate_location(
        location() | {"country_code": "NL", "party_id": "ABC", "last_updated": NOW}
    )
    for evse in document["evses"]:
        evse["last_updated"] = NOW
        for connector in evse["connectors"]:
            connector["last_updated"] = NOW
    return document


@pytest.fixture
def canonical_tariff(tariff):
    return lambda **changes: validate_tariff(
        tariff(**changes) | {"country_code": "NL", "party_id": "ABC", "last_updated": NOW}
    )


def test_a_full_location_becomes_a_full_221_location(canonical, strict):
    """Everything that 2.2.1 knows stays, everything else goes. ocpi-rules: 2.3.0 shapes."""
    full = canonical | {
        "publish": False,
        "publish_allowed_to": [{"uid": "1", "type": "EMAID", "x": 1}],
        "related_locations": [
            {
                "latitude": "51.04759",
                "longitude": "3.72994",
                "name": {"language": "en", "text": "Exit"},
            }
        ],
        "directions": [{"language": "nl", "text": "links"}],
        "operator": {
            "name": "An operator",
            "logo": {"url": "https://x.example/l.png", "category": "SELFIE", "type": "png"},
        },
        "opening_times": {
            "twentyfourseven": False,
            "regular_hours": [{"weekday": 1, "period_begin": "08:00", "period_end": "20:00"}],
            "exceptional_closings": [{"period_begin": NOW, "period_end": LATER}],
        },
        "charging_when_closed": True,
        "energy_mix": {
            "is_green_energy": True,
            "energy_sources": [
                {"source": "WIND", "percentage": Decimal("33.33333")},
                {"source": "SOLAR", "percentage": Decimal("66.66667")},
            ],
            "environ_impact": [
                {"category": "CARBON_DIOXIDE", "amount": 1},
                {"category": "NOISE", "amount": 2},
            ],
        },
        "parking_type": "ON_STREET",
    }

    converted = v221.location(full)

    strict("Location", converted)
    assert set(full) - set(converted) == {"help_phone", "parking_places", "made_up_field"}
    assert converted["publish_allowed_to"] == [{"uid": "1", "type": "OTHER"}]
    assert converted["operator"]["logo"]["category"] == "OTHER"
    assert len(converted["energy_mix"]["environ_impact"]) == 1
    assert "parking_type" not in v221.location(full | {"parking_type": "ON_ROOF"})


def test_nothing_that_is_converted_is_changed(canonical):
    """Pure functions: the same document goes to the next partner."""
    before = copy.deepcopy(canonical)

    v221.location(canonical)

    assert canonical == before


@pytest.mark.parametrize("standard", STANDARDS)
def test_every_connector_standard_is_said_or_left_out(canonical, strict, standard):
    """ocpi-rules 13: an EVSE that cannot be described is not sent half."""
    evse = canonical["evses"][0]
    evse["connectors"] = [evse["connectors"][0] | {"standard": standard}]

    converted = v221.evse(evse)

    if standard in ("MCS", "MY_PLUG"):
        assert converted is None
        assert v221.location(canonical)["evses"] == []
    else:
        strict("EVSE", converted)
        expected = "TESLA_S" if standard == "SAE_J3400" else standard
        assert converted["connectors"][0]["standard"] == expected


@pytest.mark.parametrize("restriction", RESTRICTIONS)
def test_no_known_parking_restriction_vanishes(canonical, strict, restriction):
    """Whoever may not park there must still see that not everybody may.

    ocpi-rules: 2.3.0 shapes.
    """
    evse = canonical["evses"][0] | {"parking_restrictions": [restriction]}

    converted = v221.evse(evse)

    strict("EVSE", converted)
    expected = {"EMPLOYEES": ["CUSTOMERS"], "TAXIS": ["CUSTOMERS"], "TENANTS": ["CUSTOMERS"]}
    expected["WIZARDS"] = []
    assert converted["parking_restrictions"] == expected.get(restriction, [restriction])


E = Decimal("10.5")


@pytest.mark.parametrize(
    ("taxes", "expected"),
    [
        ([], {"excl_vat": E}),
        (
            [{"name": "VAT", "amount": 0}],
            {"excl_vat": E, "incl_vat": E},
        ),
        (
            [
                {"name": "GST", "amount": Decimal("0.525")},
                {"name": "QST", "amount": 1},
            ],
            {"excl_vat": E, "incl_vat": Decimal("12.025")},
        ),
    ],
)
def test_a_price_is_before_taxes_and_the_sum(taxes, expected):
    """2.3.0 Price -> 2.2.1 Price. ocpi-rules: 2.3.0 shapes."""
    assert v221.price({"before_taxes": E, "taxes": taxes}) == expected


@pytest.mark.parametrize(
    ("tax_included", "vat", "expected"),
    [
        ("NO", 21, (Decimal("0.30"), 21)),
        ("NO", None, (Decimal("0.30"), None)),
        # 0.30 / 1.21 = 0.24793...
        ("YES", 21, (Decimal("0.2479"), 21)),
        ("YES", 0, (Decimal("0.30"), 0)),
        ("YES", None, (Decimal("0.30"), None)),
        ("N/A", None, (Decimal("0.30"), None)),
        ("N/A", 0, (Decimal("0.30"), None)),
    ],
)
def test_tariff_prices_are_without_vat(canonical_tariff, strict, tax_included, vat, expected):
    """2.2.1 PriceComponent: "Price per unit (excl. VAT)"; no vat member: none applies.

    ocpi-rules: 2.3.0 shapes.
    """
    component = {"type": "ENERGY", "price": Decimal("0.30"), "step_size": 1}
    if vat is not None:
        component["vat"] = vat
    document = canonical_tariff(
        tax_included=tax_included, elements=[{"price_components": [component]}]
    )

    converted = v221.tariff(document)

    strict("Tariff", converted)
    [component] = converted["elements"][0]["price_components"]
    assert (component["price"], component.get("vat")) == expected
    assert "tax_included" not in converted


def test_limits_of_a_tariff_become_prices(canonical_tariff, strict):
    """PriceLimit {before_taxes, after_taxes}. ocpi-rules: 2.3.0 shapes."""
    document = canonical_tariff(max_price={"before_taxes": 20})

    converted = v221.tariff(document)

    strict("Tariff", converted)
    assert converted["min_price"] == {"excl_vat": 1, "incl_vat": Decimal("1.21")}
    assert converted["max_price"] == {"excl_vat": 20}


def test_numbers_have_four_decimals_at_most():
    """ocpi-rules 24; types: "numbers use 4 decimals"."""
    assert v221.session({"kwh": Decimal("1.23456")}) == {"kwh": Decimal("1.2346")}
    assert v221.session({"kwh": Decimal("1.2000")})["kwh"] == Decimal("1.2")


@pytest.mark.parametrize(
    ("power_type", "expected"), [("DC", "IEC_62196_T2_COMBO"), ("AC_3_PHASE", "IEC_62196_T2")]
)
def test_a_bill_is_sent_whatever_the_plug(power_type, expected):
    """A CDR must arrive; its plug is told as the nearest that 2.2.1 has."""
    place = {"connector_standard": "MY_PLUG", "connector_power_type": power_type}

    converted = v221.cdr({"cdr_location": place})

    assert converted["cdr_location"]["connector_standard"] == expected


def test_a_token_comes_in_as_it_is_and_goes_out_in_221_words():
    """EMAID is new in 2.3.0. ocpi-rules: 2.3.0 shapes."""
    document = {"uid": "1", "type": "EMAID", "own": 1}

    assert v221.token_in(document) == document
    assert v221.token(document) == {"uid": "1", "type": "OTHER", "own": 1}
