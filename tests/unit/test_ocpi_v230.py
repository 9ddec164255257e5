"""Canonical objects in the words of 2.3.0: as the operator wrote them, without what is ours."""

import json
from typing import Any

from gateway.domain.bills.cdrs import KEPT_LOCATION
from gateway.ocpi.versions import v230

CONNECTOR = {"id": "1", "standard": "MY_PLUG", "own": 1}
EVSE = {"uid": "E1", "connectors": [CONNECTOR], "own": {"charge_point": "kept"}}
BOUND = EVSE | {"charge_point": {"identity": "SECRET-CP", "evse_id": 1}}
LOCATION = {"id": "L1", "evses": [EVSE], "own": [None]}


def test_a_location_goes_out_as_it_came_in() -> None:
    """2.3.0 transport_and_format, "Non-specified JSON fields": nothing is dropped.

    ocpi-rules: unknown fields; ocpi-rules: 2.3.0 shapes.
    """
    assert v230.location(LOCATION | {"evses": [BOUND]}) == LOCATION
    assert v230.location({"id": "L1"}) == {"id": "L1"}
    assert v230.connector(CONNECTOR) == CONNECTOR


def test_no_identity_of_a_charge_point_is_shown() -> None:
    """S7, in the EVSE as in the Location."""
    for shown in (v230.location({"evses": [BOUND]}), v230.evse(BOUND)):
        assert "SECRET-CP" not in json.dumps(shown)


def test_a_cdr_does_not_show_what_it_keeps_for_other_versions() -> None:
    """Only 2.1.1 embeds a Location."""
    cdr: dict[str, Any] = {"id": "C1", "cdr_location": {"id": "L1"}, KEPT_LOCATION: LOCATION}

    assert v230.cdr(cdr) == {"id": "C1", "cdr_location": {"id": "L1"}}


def test_a_cdr_location_is_cut_to_its_length() -> None:
    """mod_cdrs, CdrLocation: address string(45), state string(20), shorter than Location's."""
    cdr = {"cdr_location": {"address": "a" * 255, "state": "s" * 45, "city": "c"}}

    assert v230.cdr(cdr) == {"cdr_location": {"address": "a" * 45, "state": "s" * 20, "city": "c"}}
