"""What partners are shown of tariffs that are not for everybody."""

from typing import Any

from gateway.domain.tariffs.view import Audience, TariffView
from gateway.ocpi.versions import VERSIONS

AUDIENCES = {
    "t-own": Audience(partners=("ems",)),
    "t-green": Audience(type="PROFILE_GREEN"),
    "t-both": Audience(partners=("ems",), type="PROFILE_GREEN"),
}


def location(*tariff_ids: str) -> dict[str, Any]:
    connector = {"id": "1", "tariff_ids": list(tariff_ids)} if tariff_ids else {"id": "1"}
    return {"id": "L", "evses": [{"uid": "E", "connectors": [connector]}]}


def shown(viewer: str | None, *tariff_ids: str) -> Any:
    seen = TariffView.of(AUDIENCES, viewer).location(location(*tariff_ids))
    return seen["evses"][0]["connectors"][0].get("tariff_ids")


def test_a_connector_names_only_what_its_viewer_may_see() -> None:
    ids = ("T-GREEN", "T-BOTH", "T-ALL", "T-OWN")
    assert shown(None, *ids) == ["T-ALL", "T-GREEN"]
    assert shown("other", *ids) == ["T-ALL", "T-GREEN"]
    assert shown("ems", *ids) == ["T-OWN", "T-BOTH"]


def test_ones_own_takes_the_place_of_everybodys_for_the_same_use_alone() -> None:
    """mod_locations: "only one of each Tariff.type can be active at the same time" """
    assert shown("ems", "T-ALL", "T-OWN", "T-GREEN") == ["T-OWN", "T-GREEN"]
    assert shown("ems", "T-ALL", "T-BOTH", "T-GREEN") == ["T-ALL", "T-BOTH"]


def test_until_it_begins_or_when_it_has_ended_everybodys_counts() -> None:
    """Both are named, as their dates are what tells."""
    dated = Audience.of({"id": "T", "partners": ["ems"], "end_date_time": "2026-04-01T00:00:00Z"})
    view = TariffView.of({"t-own": dated}, "ems")
    [evse] = view.location(location("T-ALL", "T-OWN"))["evses"]
    assert evse["connectors"][0]["tariff_ids"] == ["T-OWN", "T-ALL"]


def test_a_connector_with_nothing_to_see_names_nothing() -> None:
    assert shown("other", "T-OWN") is None
    assert shown("other") is None


def test_what_is_for_everybody_is_not_noted_and_changes_nothing() -> None:
    assert Audience.of({"id": "T"}).is_everybody
    assert Audience.of({"id": "T", "type": "REGULAR"}).is_everybody
    document = location("T-B", "T-A")
    assert TariffView.of({}, "ems").location(document) is document


def test_two_partners_who_see_the_same_share_what_is_rendered() -> None:
    assert TariffView.of(AUDIENCES, "one") == TariffView.of(AUDIENCES, "two")
    assert TariffView.of(AUDIENCES, "one") != TariffView.of(AUDIENCES, "ems")


def test_no_version_shows_whom_a_tariff_is_for() -> None:
    tariff = {
        "country_code": "NL",
        "party_id": "GWY",
        "id": "T",
        "currency": "EUR",
        "tax_included": "NO",
        "partners": ["ems"],
        "elements": [{"price_components": [{"type": "FLAT", "price": 1, "step_size": 1}]}],
        "last_updated": "2026-03-01T10:00:00Z",
    }
    for version in VERSIONS:
        assert "partners" not in version.wire.tariff(tariff)
