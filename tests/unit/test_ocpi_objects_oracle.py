"""Every object of every version against an independent reading of the standard's own tables."""

import copy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from ocpi_documents import objects

from gateway import exact_json
from gateway.canonical import validate_location, validate_tariff, validate_token
from gateway.domain.bills.cdrs import KEPT_LOCATION, cdr_object
from gateway.domain.bills.sessions import Site, session_object
from gateway.domain.events import ChargingState
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.metering.use import MeteredUse
from gateway.domain.party import Party
from gateway.domain.pricing import Bill, Reckoning
from gateway.domain.tariffs import Tariff, parse_tariff
from gateway.domain.tokens import AuthMethod, AuthorizationStatus, TokenHolder, TokenType
from gateway.domain.transactions import Transaction, TransactionState
from gateway.ocpi.conformance.standard import errors
from gateway.ocpi.versions import VERSIONS, Version

Object = dict[str, Any]

T0 = datetime(2026, 3, 1, 10, 0, 0, 123_000, tzinfo=UTC)
PARTY = Party("NL", "ABC")
BY_NUMBER = [pytest.param(version, id=version.number) for version in VERSIONS]
# the documents are large: shrinking one takes minutes and says little
FEW = settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)

each_version = pytest.mark.parametrize("version", BY_NUMBER)


def wrong(version: Version, kind: str, body: Any) -> list[str]:
    """What the oracle finds; in 2.3.0 the operator's own members are part of the document."""
    return errors(version.number, kind, body)


def stored(document: Object) -> Any:
    """As it comes back from the store, where 1.0 is 1."""
    return exact_json.loads(exact_json.dumps(document))


@given(objects("Location"))
@FEW
def test_every_location_of_the_standard_is_taken_and_kept(document: Object) -> None:
    """2.3.0 mod_locations, every class and field: nothing is refused, lost or changed.

    ocpi-rules: 2.3.0 shapes.
    """
    assert errors("2.3.0", "Location", document) == []
    assert validate_location(copy.deepcopy(document)) == document


@given(objects("Tariff"))
@FEW
def test_every_tariff_of_the_standard_is_taken_and_kept(document: Object) -> None:
    """2.3.0 mod_tariffs, every class and field, and the payments release's.

    ocpi-rules: 2.3.0 shapes.
    """
    assert errors("2.3.0", "Tariff", document) == []
    assert validate_tariff(copy.deepcopy(document)) == document


@each_version
@given(document=objects("Location"))
@FEW
def test_locations_are_right_in_every_version(version: Version, document: Object) -> None:
    """ocpi-rules 22, 24: Location, EVSE and Connector, alone and together.

    ocpi-rules: 2.3.0 shapes; ocpi-rules: 2.1.1 shapes.
    """
    before = copy.deepcopy(document)
    wire = version.wire

    assert wrong(version, "Location", wire.location(document)) == []
    for evse in document.get("evses", []):
        said = wire.evse(evse)
        assert said is None or wrong(version, "EVSE", said) == []
        for connector in evse["connectors"]:
            plug = wire.connector(connector)
            assert plug is None or wrong(version, "Connector", plug) == []
    assert document == before


@each_version
@given(document=objects("Tariff"))
@FEW
def test_tariffs_are_right_in_every_version(version: Version, document: Object) -> None:
    """ocpi-rules 24: prices, restrictions and limits.

    ocpi-rules: 2.3.0 shapes; ocpi-rules: 2.1.1 shapes.
    """
    before = copy.deepcopy(document)

    for one in (document, stored(document)):
        assert wrong(version, "Tariff", version.wire.tariff(one)) == []
    assert document == before


pieces = st.lists(
    st.tuples(st.decimals(0, 10**5, places=3), st.integers(0, 10**7)), min_size=1, max_size=6
)
sites = st.builds(
    lambda location, evse, tariff: Site(
        PARTY,
        location
        | {
            "evses": [evse | {"connectors": evse["connectors"][:1]}],
            "last_updated": max(location["last_updated"], evse["last_updated"]),
        },
        tariff,
        tariff["currency"] if tariff else "EUR",
    ),
    objects("Location"),
    objects("EVSE"),
    st.none() | objects("Tariff"),
)


def bill_of(told: list[tuple[Decimal, int]], tariff: Tariff | None, time_zone: str = "UTC") -> Bill:
    """What was metered at the end of every piece, which charging and parking take in turn."""
    reckoning = Reckoning(tariff, T0, time_zone)
    use = MeteredUse(reckoning, T0, tariff_id=tariff.id if tariff else None)
    moment, total = T0, Decimal(0)
    for number, (wh, milliseconds) in enumerate([(Decimal(0), 0), *told]):
        moment += timedelta(milliseconds=milliseconds)
        total += wh
        use.read(Reading(moment, (Sample(Measurand.ENERGY_IMPORT_REGISTER, total),)))
        use.switch(ChargingState.SUSPENDED_EV if number % 2 else ChargingState.CHARGING, moment)
    bill = use.bill(moment, total)
    assert bill is not None
    return bill


def a_transaction(told: list[tuple[Decimal, int]], site: Site, running: bool) -> Transaction:
    """Periods that alternate between charging and parking, milliseconds long or hours."""
    moment = T0 + timedelta(milliseconds=sum(milliseconds for _, milliseconds in told))
    total = sum((wh for wh, _ in told), Decimal(0))
    return Transaction(
        "CP1",
        "1",
        1,
        T0,
        "S1",
        "C1",
        state=TransactionState.ACTIVE if running else TransactionState.ENDED,
        holder=TokenHolder("U", TokenType.EMAID, "DE", "EMS", "DE-EMS-C1", "ems"),
        authorization=AuthorizationStatus.ACCEPTED,
        auth_method=AuthMethod.COMMAND,
        authorization_reference="REF",
        stopped_at=None if running else moment,
        energy=EnergyMeter(Decimal(0), total, moment),
    )


@each_version
@given(told=pieces, site=sites, running=st.booleans())
@FEW
def test_sessions_are_right_in_every_version(
    version: Version, told: list[tuple[Decimal, int]], site: Site, running: bool
) -> None:
    """ocpi-rules 22, 24: as billing makes them, running and ended.

    ocpi-rules: 2.3.0 shapes; ocpi-rules: 2.1.1 shapes.
    """
    transaction = a_transaction(told, site, running)
    bill = bill_of(told, parse_tariff(site.tariff) if site.tariff else None, site.time_zone)
    document = session_object(transaction, site, bill, now=T0)

    for location in (dict(site.location), None):
        body = version.wire.session(document, location)
        if location or not version.wire.embeds_location:
            assert wrong(version, "Session", body) == []


@each_version
@given(told=pieces, site=sites)
@FEW
def test_cdrs_are_right_in_every_version(
    version: Version, told: list[tuple[Decimal, int]], site: Site
) -> None:
    """ocpi-rules 22, 24: as billing makes them; also those made before a Location was kept.

    ocpi-rules: 2.3.0 shapes; ocpi-rules: 2.1.1 shapes.
    """
    transaction = a_transaction(told, site, running=False)
    bill = bill_of(told, parse_tariff(site.tariff) if site.tariff else None, site.time_zone)
    document = cdr_object(transaction, site, bill, now=T0)
    before = copy.deepcopy(document)
    old = {name: value for name, value in document.items() if name != KEPT_LOCATION}

    for one in (document, old, stored(document)):
        assert wrong(version, "CDR", version.wire.cdr(one)) == []
    assert document == before


@each_version
@given(data=st.data())
@FEW
def test_tokens_are_right_in_every_version(version: Version, data: st.DataObject) -> None:
    """ocpi-rules 18: a partner's token, kept, and back to it as it came."""
    document = data.draw(objects("Token", version.number))
    token = validate_token(version.wire.token_in(document, PARTY))

    body = version.wire.token(token)

    assert wrong(version, "Token", body) == []
    assert body == document | {"last_updated": body["last_updated"], "type": body["type"]}
