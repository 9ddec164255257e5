"""What operators and partners hand in: normalised, or refused with every fault named."""

from decimal import Decimal

import pytest

from gateway.canonical import (
    InvalidDocument,
    token_type,
    validate_location,
    validate_tariff,
    validate_token,
)


def a_connector(id_="1", **changes):
    return {
        "id": id_,
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 16,
    } | changes


def an_evse(uid="E1", **changes):
    return {"uid": uid, "connectors": [a_connector()]} | changes


def a_location(**changes):
    return {
        "country_code": "nl",
        "party_id": "abc",
        "id": "LOC1",
        "publish": True,
        "address": "Straat 1",
        "city": "Gent",
        "country": "BEL",
        "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
        "time_zone": "Europe/Brussels",
        "evses": [an_evse()],
    } | changes


def a_tariff(**changes):
    component = {"type": "ENERGY", "price": Decimal("0.25"), "step_size": 1}
    return {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "T1",
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [{"price_components": [component]}],
    } | changes


def a_token(**changes):
    return {
        "country_code": "de",
        "party_id": "ems",
        "uid": "aBc",
        "type": "RFID",
        "contract_id": "c",
        "issuer": "i",
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": "2026-01-01T01:00:00+01:00",
    } | changes


def without(document, name):
    return {key: value for key, value in document.items() if key != name}


def errors_of(validate, document):
    with pytest.raises(InvalidDocument) as caught:
        validate(document)
    return caught.value.errors


def test_a_location_is_normalised():
    """ocpi-rules 22 and 23: times to UTC with Z, parties in upper case, ids as sent."""
    document = validate_location(
        a_location(last_updated="2026-01-01T02:00:00.1234+02:00", id="Loc1", name=None)
    )

    assert (document["country_code"], document["party_id"]) == ("NL", "ABC")
    assert document["id"] == "Loc1"
    assert document["last_updated"] == "2026-01-01T00:00:00.123Z"
    assert "name" not in document
    assert document["evses"][0]["status"] == "UNKNOWN"
    assert "last_updated" not in document["evses"][0]


def test_what_the_standard_does_not_know_is_kept():
    """2.3.0 transport, "Non-specified JSON fields"; OpenEnum. ocpi-rules: unknown fields."""
    document = validate_location(
        a_location(mine={"x": 1}, facilities=["SAUNA"], evses=[an_evse(mine=2)])
    )

    assert document["mine"] == {"x": 1}
    assert document["facilities"] == ["SAUNA"]
    assert document["evses"][0]["mine"] == 2


def test_validating_twice_changes_nothing():
    """The canonical form is a fixed point."""
    for validate, document in (
        (validate_location, a_location()),
        (validate_tariff, a_tariff()),
        (validate_token, a_token()),
    ):
        once = validate(document)
        assert validate(once) == once


def test_an_evse_keeps_its_charge_point():
    """Operator API: `"charge_point": {"identity": "CP1", "evse_id": 1}`."""
    bound = {"identity": "CP1", "evse_id": 1}

    document = validate_location(a_location(evses=[an_evse(charge_point=bound)]))

    assert document["evses"][0]["charge_point"] == bound


@pytest.mark.parametrize(
    "name",
    [
        "country_code",
        "party_id",
        "id",
        "publish",
        "address",
        "city",
        "country",
        "coordinates",
        "time_zone",
    ],
)
def test_a_location_without_a_required_member_is_refused(name):
    """mod_locations 8.3.1, cardinality 1."""
    assert errors_of(validate_location, without(a_location(), name)) == [f"{name}: field required"]


@pytest.mark.parametrize(
    "changes",
    [
        {"country": "BE"},
        {"country_code": "BEL"},
        {"party_id": "AB"},
        {"id": ""},
        {"id": "x" * 37},
        {"id": "é"},
        {"publish": "true"},
        {"publish": 1},
        {"name": "line\nbreak"},
        {"coordinates": {"latitude": "51.04", "longitude": "3.729944"}},
        {"coordinates": {"latitude": 51.047599, "longitude": 3.729944}},
        {"coordinates": {"latitude": "151.047599", "longitude": "3.729944"}},
        {"time_zone": "Europe/Atlantis"},
        {"time_zone": "../etc/passwd"},
        {"last_updated": "today"},
        {"publish_allowed_to": [{"group_id": "g"}]},
        {"publish": False, "publish_allowed_to": [{}]},
        {"publish": False, "publish_allowed_to": [{"uid": "1"}]},
        {"opening_times": {"twentyfourseven": False}},
        {
            "opening_times": {
                "twentyfourseven": True,
                "regular_hours": [{"weekday": 1, "period_begin": "09:00", "period_end": "10:00"}],
            }
        },
        {
            "opening_times": {
                "twentyfourseven": True,
                "exceptional_closings": [
                    {"period_begin": "2026-01-02T00:00:00Z", "period_end": "2026-01-01T00:00:00Z"}
                ],
            }
        },
        {"directions": [{"language": "en", "text": "<b>left</b>"}]},
        {"directions": [{"language": "english", "text": "left"}]},
        {"operator": {"name": "x", "website": "https://x.example/über"}},
        {"help_phone": "0" * 26},
        {"parking_places": [{"id": "P1", "restricted_to_type": True}]},
        {
            "energy_mix": {
                "is_green_energy": True,
                "energy_sources": [{"source": "WIND", "percentage": 101}],
            }
        },
        {
            "opening_times": {
                "twentyfourseven": False,
                "regular_hours": [{"weekday": 1, "period_begin": "9:00", "period_end": "10:00"}],
            }
        },
        {"operator": {"name": "x", "website": "javascript:alert(1)"}},
        {"evses": [an_evse(), an_evse("e1")]},
        {"evses": [an_evse(connectors=[])]},
        {"evses": [an_evse(connectors=[a_connector("a"), a_connector("A")])]},
        {"evses": [an_evse(connectors=[a_connector(max_voltage=230.5)])]},
        {"evses": [an_evse(connectors=[a_connector(power_type="AC_9_PHASE")])]},
        {"evses": [an_evse(status="BUSY")]},
        {"evses": [an_evse(parking=[{"parking_id": "P1"}])]},
        {
            "evses": [
                an_evse(
                    status_schedule=[
                        {
                            "period_begin": "2026-01-02T00:00:00Z",
                            "period_end": "2026-01-02T00:00:00Z",
                            "status": "PLANNED",
                        }
                    ]
                )
            ]
        },
        {"evses": [an_evse(charge_point={"identity": "CP1", "evse_id": 0})]},
        {"evses": [an_evse(charge_point={"identity": "", "evse_id": 1})]},
        {
            "evses": [
                an_evse("E1", charge_point={"identity": "CP1", "evse_id": 1}),
                an_evse("E2", charge_point={"identity": "CP1", "evse_id": 1}),
            ]
        },
    ],
)
def test_a_location_that_breaks_the_standard_is_refused(changes):
    """Strict on what partners will be shown; the error says where."""
    errors = errors_of(validate_location, a_location(**changes))

    assert errors
    assert all(errors)


def test_every_fault_is_named():
    """An operator does not want to find them one by one."""
    errors = errors_of(
        validate_location, a_location(city=1, evses=[an_evse(connectors=[a_connector(format="X")])])
    )

    assert [error.split(":")[0] for error in errors] == ["city", "evses.0.connectors.0.format"]


@pytest.mark.parametrize("document", [None, [], "text", 1])
def test_what_is_no_object_is_refused(document):
    """Whatever JSON can hold."""
    for validate in (validate_location, validate_tariff, validate_token):
        assert errors_of(validate, document) == ["not a JSON object"]


def test_numbers_of_a_tariff_stay_exact():
    """Money is Decimal."""
    document = validate_tariff(
        a_tariff(
            elements=[
                {
                    "price_components": [
                        {"type": "TIME", "price": 2, "vat": Decimal("21.0"), "step_size": 60}
                    ]
                }
            ]
        )
    )

    [component] = document["elements"][0]["price_components"]
    assert component["price"] == Decimal(2)
    assert isinstance(component["price"], Decimal)
    assert isinstance(component["step_size"], int)


@pytest.mark.parametrize(
    "changes",
    [
        {"tax_included": None},
        {"tax_included": "MAYBE"},
        {"currency": "eur"},
        {"elements": []},
        {"elements": [{"price_components": []}]},
        {"elements": [{"price_components": [{"type": "ENERGY", "price": "1", "step_size": 1}]}]},
        {"elements": [{"price_components": [{"type": "ENERGY", "price": True, "step_size": 1}]}]},
        {"elements": [{"price_components": [{"type": "ENERGY", "price": -1, "step_size": 1}]}]},
        {
            "elements": [
                {
                    "price_components": [
                        {"type": "ENERGY", "price": Decimal("0.12345"), "step_size": 1}
                    ]
                }
            ]
        },
        {
            "elements": [
                {"price_components": [{"type": "ENERGY", "price": Decimal("NaN"), "step_size": 1}]}
            ]
        },
        {
            "elements": [
                {
                    "price_components": [
                        {"type": "ENERGY", "price": Decimal("1e999999"), "step_size": 1}
                    ]
                }
            ]
        },
        {"elements": [{"price_components": [{"type": "MAGIC", "price": 1, "step_size": 1}]}]},
        {"elements": [{"price_components": [{"type": "TIME", "price": 1, "step_size": -1}]}]},
        {
            "elements": [
                {
                    "price_components": [{"type": "ENERGY", "price": 1, "step_size": 1}],
                    "restrictions": {"reservation": "RESERVATION"},
                }
            ]
        },
        {"min_price": {"excl_vat": 1}},
        {"min_price": {"before_taxes": 2}, "max_price": {"before_taxes": 1}},
        {"start_date_time": "2026-01-02T00:00:00Z", "end_date_time": "2026-01-02T00:00:00Z"},
        {"preauthorize_amount": "50"},
        {"type": "SECRET"},
    ],
)
def test_a_tariff_that_breaks_the_standard_is_refused(changes):
    """mod_tariffs 11.3 and 11.4; `tax_included` is required in 2.3.0."""
    document = {key: value for key, value in a_tariff(**changes).items() if value is not None}

    assert errors_of(validate_tariff, document)


@pytest.mark.parametrize("field", ["start_time", "end_time"])
@pytest.mark.parametrize("text", ["24:00", "7:00", "07:60", "0700"])
def test_times_of_day_are_checked(field, text):
    """mod_tariffs 11.4.6: "Must be in 24h format with leading zeros"."""
    element = a_tariff()["elements"][0] | {"restrictions": {field: text}}

    assert errors_of(validate_tariff, a_tariff(elements=[element]))


@pytest.mark.parametrize(
    "restrictions",
    [
        {"min_kwh": 5, "max_kwh": 5},
        {"min_duration": 60, "max_duration": 30},
        {"min_power": 11, "max_power": 7},
        {"min_current": 16, "max_current": 16},
        {"start_date": "2026-01-02", "end_date": "2026-01-02"},
        {"start_date": "2026-02-30"},
    ],
)
def test_a_restriction_that_never_holds_is_refused(restrictions):
    """ocpi-rules 21 (2.3.0 mod_tariffs, TariffRestrictions): minima inclusive, maxima exclusive."""
    element = a_tariff()["elements"][0] | {"restrictions": restrictions}

    assert errors_of(validate_tariff, a_tariff(elements=[element]))


def test_a_tariff_may_say_what_a_terminal_shall_reserve():
    """2.3.0 payments: Tariff.preauthorize_amount."""
    assert validate_tariff(a_tariff(preauthorize_amount=50))["preauthorize_amount"] == 50


def test_a_language_is_written_in_lower_case():
    """ISO 639-1."""
    text = {"language": "NL", "text": "links"}

    document = validate_location(a_location(directions=[text]))

    assert document["directions"] == [text | {"language": "nl"}]


def test_a_token_is_normalised():
    """ocpi-rules 22 and 23."""
    document = validate_token(a_token(mine=1, visual_number=None))

    assert (document["country_code"], document["party_id"], document["uid"]) == ("DE", "EMS", "aBc")
    assert document["last_updated"] == "2026-01-01T00:00:00.000Z"
    assert document["mine"] == 1
    assert "visual_number" not in document


@pytest.mark.parametrize("word", ["AD_HOC_USER", "APP_USER", "EMAID", "OTHER", "RFID"])
def test_known_token_types_stay(word):
    """ocpi-rules 18."""
    assert validate_token(a_token(type=word))["type"] == word
    assert token_type(word) == word


def test_unknown_words_of_a_token_are_read_with_care():
    """2.3.0 OpenEnum; an unknown whitelist must not open a charger. ocpi-rules: unknown fields."""
    document = validate_token(a_token(type="FINGERPRINT", whitelist="SOMETIMES"))

    assert (document["type"], document["whitelist"]) == ("OTHER", "NEVER")
    assert token_type("FINGERPRINT") == "OTHER"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"type": "rfid", "whitelist": "always"}, {"type": "RFID", "whitelist": "ALWAYS"}),
        ({"valid": "true"}, {"valid": True}),
        ({"valid": "False"}, {"valid": False}),
        ({"language": "de-AT"}, {"language": "de"}),
        ({"last_updated": "2026-01-01T00:00:00"}, {"last_updated": "2026-01-01T00:00:00.000Z"}),
        (
            {"last_updated": "2026-01-01T00:00:00+00:00"},
            {"last_updated": "2026-01-01T00:00:00.000Z"},
        ),
        (
            {"last_updated": "2026-01-01T00:00:00.1234567Z"},
            {"last_updated": "2026-01-01T00:00:00.123Z"},
        ),
        ({"energy_contract": None}, {}),
        ({"country_code": "DE", "party_id": "EMS"}, {}),
    ],
)
def test_a_token_is_read_in_the_forms_that_partners_send(sent, read):
    """ocpi-rules 22, 23; ocpi-rules: unknown fields and values."""
    assert validate_token(a_token(**sent)) == validate_token(a_token()) | read


@pytest.mark.parametrize(
    "sent",
    [
        {"visual_number": "9" * 65},
        {"visual_number": 12345},
        {"language": ""},
        {"language": 5},
        {"group_id": ""},
        {"group_id": "g" * 37},
        {"default_profile_type": 1},
        {"energy_contract": {"contract_id": "no supplier"}},
        {"energy_contract": []},
    ],
)
def test_what_only_informs_does_not_cost_the_token(sent):
    """A driver must not stand there for the number that is printed on the card."""
    assert validate_token(a_token(**sent)) == validate_token(a_token())


@pytest.mark.parametrize(
    "sent",
    [
        {"uid": 12345},
        {"uid": ""},
        {"uid": "u" * 37},
        {"valid": 1},
        {"valid": "yes"},
        {"valid": None},
        {"contract_id": None},
        {"whitelist": None},
        {"last_updated": "yesterday"},
        {"country_code": "D1"},
        {"party_id": "EMSP"},
    ],
)
def test_what_decides_who_may_charge_is_not_mended(sent):
    """A number has lost its leading zeros; a guess may open a charger."""
    assert errors_of(validate_token, a_token(**sent))
