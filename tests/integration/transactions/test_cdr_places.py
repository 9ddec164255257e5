"""Real CDRs of real transactions, in every version, whatever becomes of their place."""

import json
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.bills.cdrs import KEPT_LOCATION
from gateway.domain.events import TransactionPhase, TransactionReported
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import TokenRef
from gateway.ocpi.conformance.standard import errors
from gateway.ocpi.pushes.rendering import Renderer
from gateway.ocpi.versions import BY_NUMBER, VERSIONS, Version

PARTY = Party("NL", "GWY")
STARTED, _, ENDED = TransactionPhase
TOLD = ((STARTED, "2026-03-01T09:00:00Z", 1000), (ENDED, "2026-03-01T09:30:00.5Z", 3000))

each_version = pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.number)


async def charge(house: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The identity, Session and CDR of one transaction."""
    state = await house.station("ocpp2.0.1")
    for number, (phase, at, wh) in enumerate(TOLD):
        register = Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(wh))
        await house.transactions.reported(
            state,
            TransactionReported(
                phase,
                "tx",
                number,
                from_text(at),
                "Authorized",
                evse_id=1,
                token=TokenRef("DEADBEEF"),
                readings=(Reading(from_text(at), (register,)),),
            ),
        )
    if await house.cdr(state.identity, "tx") is None:
        await house.wait_is_over()
    cdr = await house.cdr(state.identity, "tx")
    session = await house.session(state.identity, "tx")
    assert cdr is not None
    assert session is not None
    return state.identity, session, cdr


@each_version
async def test_what_billing_makes_is_right_in_every_version(house: Any, version: Version) -> None:
    """ocpi-rules 22, 24; S7: no identity of a charge point is in it."""
    identity, session, cdr = await charge(house)
    renderer = Renderer(house.catalogue)

    shown = {
        "Session": await renderer.session(version, PARTY, session),
        "CDR": version.wire.cdr(cdr),
        "Location": version.wire.location(
            await house.catalogue.operator_view(PARTY, session["location_id"])
        ),
    }

    for kind, body in shown.items():
        assert errors(version.number, kind, body) == []
        assert f'"{identity}"' not in json.dumps(body, default=str)
        assert KEPT_LOCATION not in body


async def test_a_cdr_of_211_stays_the_same_when_its_location_changes(house: Any) -> None:
    """ocpi-rules 19 (2.1.1 mod_cdrs): a CDR does not change, its Location included."""
    _, session, cdr = await charge(house)
    wire = BY_NUMBER["2.1.1"].wire
    before = wire.cdr(cdr)
    location = await house.catalogue.operator_view(PARTY, session["location_id"])

    await house.catalogue.put(PARTY, location | {"address": "Elsewhere 2", "evses": []})
    stored = (await house.cdrs())[0]

    assert wire.cdr(stored) == before
    plug = before["location"]["evses"][0]["connectors"][0]
    assert (plug["voltage"], plug["amperage"], plug["id"]) == (230, 16, session["connector_id"])
