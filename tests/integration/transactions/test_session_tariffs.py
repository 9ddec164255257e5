"""By which tariff sessions are priced: fixed at their start, chosen by who charges and what for.

Every session here takes 2 kWh, and a tariff is told by its price per kWh.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.bills.cdrs import KEPT_LOCATION
from gateway.domain.bills.cost import StationCost
from gateway.domain.charging_preferences import Preferences, PreferencesAnswer
from gateway.domain.events import (
    ConnectorState,
    ConnectorStatusReported,
    MeterReported,
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.partners import Partner, PartnerRole
from gateway.domain.party import Party
from gateway.domain.tokens import TokenRef, TokenType
from gateway.ocpi.pushes.rendering import Renderer
from gateway.ocpi.versions import VERSIONS, Version
from gateway.services.billing import billing
from gateway.services.billing.charging_preferences import ChargingPreferences, NotRunning
from gateway.services.billing.cost import Costs
from gateway.services.billing.credits import NotPossible
from gateway.services.billing.preferred_tariffs import PreferredTariffs
from gateway.services.billing.station_tariffs import StationTariffs
from gateway.services.billing.tariffs import TariffBook
from gateway.services.charging.targets import Targets
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fenced, Store

PARTY = Party("NL", "GWY")
CARD = TokenRef("DEADBEEF")
STARTED, UPDATED, ENDED = TransactionPhase
CONNECTOR = {
    "id": "1",
    "standard": "IEC_62196_T2",
    "format": "SOCKET",
    "power_type": "AC_3_PHASE",
    "max_voltage": 230,
    "max_amperage": 16,
}


def tariff(id_: str, price: str, type_: str | None = None, **more: Any) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": Decimal(price), "step_size": 1}
    return {
        "id": id_,
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [{"price_components": [component]}],
        **({"type": type_} if type_ else {}),
        **more,
    }


ALL = tariff("ALL", "0.50")
GREEN = tariff("GREEN", "0.20", "PROFILE_GREEN")
FAST = tariff("FAST", "0.90", "PROFILE_FAST")
OWN = tariff("OWN", "0.40", partners=["ems"])
DAY = {"departure_time": datetime.fromisoformat("2026-03-02T08:00:00+00:00")}
WANTS_GREEN = Preferences("GREEN", energy_need=Decimal(2), **DAY)


class Scene:
    """A charge point whose connector has the tariffs that a test is about."""

    def __init__(self, house: Any, state: StationState) -> None:
        self.house = house
        self.state = state
        self.number = state.identity.removeprefix("CP-")
        self.tariffs = TariffBook(house.store, house.partners, house.clock)
        self.preferences = preferences_of(house, house.store, house.router, "node-1")

    @property
    def now(self) -> datetime:
        moment: datetime = self.house.clock.moment
        return moment

    async def offers(self, *tariffs: Mapping[str, Any], also: tuple[str, ...] = ()) -> None:
        for one in tariffs:
            await self.tariffs.put(PARTY, dict(one))
        location = await self.house.catalogue.operator_view(PARTY, f"LOC-{self.number}")
        [evse] = location["evses"]
        evse["connectors"] = [CONNECTOR | {"tariff_ids": [*(one["id"] for one in tariffs), *also]}]
        evse["capabilities"] = ["CHARGING_PREFERENCES_CAPABLE"]
        await self.house.catalogue.put(PARTY, location)
        record = await self.house.charge_points.get(self.state.identity)
        self.state = await self.house.connect(record.identity, self.state.protocol or "ocpp1.6")

    async def starts(self, token: TokenRef = CARD, at: datetime | None = None) -> str:
        event = TransactionStarted(1, token, at or self.now, Decimal(1000))
        answer = await self.house.transactions.started(self.state, event)
        return str(answer.transaction_id)

    async def draws(self, id_: str, wh: int) -> None:
        sample = Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(1000 + wh))
        self.house.clock.pass_by(3600)
        event = MeterReported(1, (Reading(self.now, (sample,)),), id_)
        await self.house.transactions.metered(self.state, event)

    async def stops(self, id_: str) -> None:
        self.house.clock.pass_by(1800)
        event = TransactionStopped(id_, self.now, Decimal(3000))
        await self.house.transactions.stopped(self.state, event)

    async def session(self, id_: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.house.session(self.state.identity, id_)
        return found

    async def cdr(self, id_: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = await self.house.cdr(self.state.identity, id_)
        return found

    async def charged(self, token: TokenRef = CARD, at: datetime | None = None) -> Any:
        """A whole session; its CDR."""
        id_ = await self.starts(token, at)
        await self.draws(id_, 2000)
        await self.stops(id_)
        return await self.cdr(id_)

    async def wants(self, id_: str, wanted: Preferences) -> PreferencesAnswer:
        session = await self.session(id_)
        return await self.preferences.put(self.house.partner, PARTY, session, wanted)


def preferences_of(
    house: Any, store: Store, router: StationRouter, node_id: str
) -> ChargingPreferences:
    """Those of a node; every node has the bus serve it."""
    tariffs = PreferredTariffs(store, house.charge_points, router, house.billing, node_id)
    return ChargingPreferences(store, Targets(store, house.catalogue), tariffs, house.clock)


@pytest.fixture
async def scene(house: Any) -> Scene:
    return Scene(house, await house.station("ocpp1.6"))


def priced(bill: dict[str, Any], tariff_id: str, cost: str) -> bool:
    """Whether a Session or CDR of 2 kWh is by this tariff, down to its last period."""
    named = {one.get("tariff_id") for one in bill["charging_periods"]}
    listed = [one["id"] for one in bill.get("tariffs", [{"id": tariff_id}])]
    return (named, listed, bill["total_cost"]["before_taxes"]) == (
        {tariff_id},
        [tariff_id],
        Decimal(cost),
    )


async def own_token(house: Any, uid: str, type_: TokenType = TokenType.RFID) -> TokenRef:
    document = {
        "country_code": "DE",
        "party_id": "OTH",
        "uid": uid,
        "type": type_.value,
        "contract_id": "DE-OTH-1",
        "issuer": "OTH",
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": "2026-03-01T09:00:00Z",
    }
    other: Partner = replace(
        house.partner,
        id="other",
        inbound_token_hash="01",
        roles=(PartnerRole("EMSP", Party("DE", "OTH"), "OTH"),),
    )
    await house.partners.save(other)
    await house.store.tokens.put("other", document)
    return TokenRef(uid)


# --- fixed at the start -----------------------------------------------------------------------


async def test_the_tariff_at_the_start_counts_whatever_is_put_in_its_place(scene: Scene) -> None:
    """ocpi-rules 19; mod_cdrs: "as they were at the start of the charging session" """
    await scene.offers(ALL)
    id_ = await scene.starts()
    await scene.tariffs.put(PARTY, tariff("ALL", "9.99"))
    await scene.offers(FAST | {"id": "NEW", "type": "REGULAR"})
    await scene.draws(id_, 2000)
    await scene.stops(id_)
    cdr = await scene.cdr(id_)
    assert cdr is not None
    assert priced(cdr, "ALL", "1")  # 2 kWh x 0.50
    assert cdr["tariffs"][0]["elements"] == ALL["elements"]


async def test_valid_is_what_was_valid_when_the_station_says_it_began(scene: Scene) -> None:
    """A start that was queued offline is priced by the tariff of then (start_/end_date_time)."""
    change = scene.now
    await scene.offers(
        tariff("OLD", "0.10", "REGULAR", end_date_time=change.isoformat()),
        tariff("NEW", "0.60", "REGULAR", start_date_time=change.isoformat()),
    )
    scene.house.clock.pass_by(3600)
    late = await scene.starts(at=change - timedelta(minutes=5))
    await scene.stops(late)
    cdr = await scene.cdr(late)
    assert cdr is not None
    assert priced(cdr, "OLD", "0.2")  # 2 kWh x 0.10
    assert priced(await scene.charged(), "NEW", "1.2")  # 2 kWh x 0.60


async def test_a_clock_that_cannot_be_right_chooses_no_tariff(scene: Scene) -> None:
    begins = scene.now - timedelta(days=1)
    await scene.offers(
        tariff("OLD", "0.10", "REGULAR", end_date_time=begins.isoformat()),
        tariff("NEW", "0.60", "REGULAR", start_date_time=begins.isoformat()),
    )
    id_ = await scene.starts(at=datetime.fromisoformat("1970-01-01T00:00:10+00:00"))
    run = scene.state.open[id_]
    assert run.site is not None
    assert run.site.tariff_id == "NEW"


async def test_without_a_tariff_for_it_a_session_is_held_and_not_given_away(scene: Scene) -> None:
    """R21: held, not guessed. The connector has a price, just none that is valid."""
    await scene.offers(tariff("OLD", "0.10", end_date_time="2026-02-01T00:00:00Z"))
    id_ = await scene.starts()
    assert "total_cost" not in await scene.session(id_)  # "0.00 means free of charge"
    await scene.stops(id_)
    assert await scene.cdr(id_) is None
    record = await scene.house.record(scene.state.identity, id_)
    assert record["flags"] == ["no tariff of its connector is for this session"]


async def test_a_connector_that_names_no_tariff_is_billed_without(scene: Scene) -> None:
    """mod_cdrs tariff_id: "If not provided, no Tariff is relevant during this period." """
    await scene.offers()
    cdr = await scene.charged()
    assert cdr["tariffs"] == []
    assert "tariff_id" not in cdr["charging_periods"][0]


# --- by who charges ---------------------------------------------------------------------------


async def test_a_partners_own_tariff_is_for_its_tokens_alone(scene: Scene) -> None:
    await scene.offers(ALL, OWN)
    assert priced(await scene.charged(), "OWN", "0.8")  # 2 kWh x 0.40
    other = await own_token(scene.house, "OTHERS")
    cdr = await scene.charged(other)
    assert priced(cdr, "ALL", "1")
    assert "partners" not in str(cdr)


async def test_a_cdr_tells_nothing_of_tariffs_that_are_not_its_own(scene: Scene) -> None:
    """The Location that 2.1.1 embeds, too."""
    await scene.offers(ALL, OWN, GREEN)
    cdr = await scene.charged(await own_token(scene.house, "OTHERS"))
    assert "'OWN'" not in str(cdr)
    assert "'GREEN'" not in str(cdr)
    assert "'ALL'" in str(cdr[KEPT_LOCATION])


@pytest.mark.parametrize("version", VERSIONS, ids=lambda one: str(one.number))
async def test_a_session_shows_its_location_as_its_partner_sees_it(
    scene: Scene, version: Version
) -> None:
    """2.1.1 embeds it, with the one tariff of its connector."""
    await scene.offers(GREEN, ALL, OWN)
    session = await scene.session(await scene.starts(await own_token(scene.house, "OTHERS")))
    shown = await Renderer(scene.house.catalogue).session(version, PARTY, session, "other")
    assert "'OWN'" not in str(shown)
    embedded = version.wire.embeds_location
    assert ("'tariff_id': 'ALL'" in str(shown.get("location"))) is embedded


async def test_a_driver_who_is_known_only_later_gets_its_partners_tariff(house: Any) -> None:
    """2.x, cable first: the tariffs to choose from are those of the start."""
    scene = Scene(house, await house.station("ocpp2.0.1"))
    await scene.offers(ALL, OWN)
    at = scene.now

    def told(phase: TransactionPhase, seq: int, wh: int, **more: Any) -> TransactionReported:
        moment = at + timedelta(hours=seq)
        sample = Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(wh))
        reading = (Reading(moment, (sample,)),)
        return TransactionReported(
            phase, "tx", seq, moment, "CablePluggedIn", readings=reading, **more
        )

    await house.transactions.reported(scene.state, told(STARTED, 0, 1000, evse_id=1))
    assert scene.state.open["tx"].site.tariff_id == "ALL"  # type: ignore[union-attr]  # it has one
    await scene.tariffs.put(PARTY, OWN | tariff("OWN", "9.99", partners=["ems"]))
    house.clock.pass_by(3600)
    await house.transactions.reported(scene.state, told(UPDATED, 1, 2000, token=CARD))
    session = await scene.session("tx")
    assert priced(session, "OWN", "0.4")  # 1 kWh so far
    house.clock.pass_by(3600)
    await house.transactions.reported(scene.state, told(ENDED, 2, 3000))
    cdr = await scene.cdr("tx")
    assert cdr is not None
    assert priced(cdr, "OWN", "0.8")


async def test_a_payment_at_the_station_has_the_ad_hoc_tariff(scene: Scene) -> None:
    """mod_tariffs AD_HOC_PAYMENT"""
    await scene.offers(tariff("R", "0.50", "REGULAR"), tariff("A", "0.70", "AD_HOC_PAYMENT"))
    await own_token(scene.house, "PAID-1", TokenType.AD_HOC_USER)
    paid = TokenRef("PAID-1", (TokenType.AD_HOC_USER, TokenType.OTHER))  # 2.x: DirectPayment
    assert priced(await scene.charged(paid), "A", "1.4")
    assert priced(await scene.charged(), "R", "1")


async def test_a_payment_providers_sessions_have_the_ad_hoc_tariff(scene: Scene) -> None:
    """2.3.0 payments: a PTP starts them"""
    provider = replace(scene.house.partner, roles=(PartnerRole("PTP", Party("DE", "EMS"), "EMS"),))
    await scene.house.partners.save(provider)
    await scene.offers(ALL, tariff("A", "0.70", "AD_HOC_PAYMENT"))
    assert priced(await scene.charged(), "A", "1.4")


async def test_a_station_is_given_the_tariff_that_is_for_everybody(scene: Scene) -> None:
    """2.1 default tariffs"""
    await scene.offers(OWN, GREEN, ALL)
    found = await StationTariffs(scene.house.store, scene.house.billing).of(scene.state)
    assert found[1].document["id"] == "ALL"


# --- by preference ----------------------------------------------------------------------------


async def test_a_preference_prices_the_whole_session_at_once(scene: Scene) -> None:
    """mod_tariffs PROFILE_GREEN: "valid when Charging Preference: GREEN is set for the session" """
    await scene.offers(ALL, GREEN)
    id_ = await scene.starts()
    await scene.draws(id_, 1000)
    assert priced(await scene.session(id_), "ALL", "0.5")
    assert await scene.wants(id_, WANTS_GREEN) is PreferencesAnswer.ACCEPTED
    assert priced(await scene.session(id_), "GREEN", "0.2")
    await scene.draws(id_, 2000)
    await scene.stops(id_)
    cdr = await scene.cdr(id_)
    assert cdr is not None
    assert priced(cdr, "GREEN", "0.4")


async def test_the_last_accepted_preference_counts(scene: Scene) -> None:
    await scene.offers(ALL, GREEN, FAST)
    id_ = await scene.starts()
    await scene.wants(id_, WANTS_GREEN)
    await scene.wants(id_, Preferences("FAST"))
    assert await scene.wants(id_, Preferences("GREEN")) is PreferencesAnswer.DEPARTURE_REQUIRED
    await scene.draws(id_, 2000)
    assert priced(await scene.session(id_), "FAST", "1.8")
    assert await scene.wants(id_, Preferences("REGULAR")) is PreferencesAnswer.ACCEPTED
    assert priced(await scene.session(id_), "ALL", "1")


async def test_a_profile_that_was_not_offered_at_the_start_cannot_be_had(scene: Scene) -> None:
    """The driver saw no such price when the session began."""
    await scene.offers(ALL)
    id_ = await scene.starts()
    await scene.tariffs.put(PARTY, GREEN)
    await scene.offers(ALL, GREEN)
    supported = await scene.wants(id_, WANTS_GREEN)
    assert supported is PreferencesAnswer.PROFILE_TYPE_NOT_SUPPORTED


async def test_nor_can_one_that_is_for_another_partner(scene: Scene) -> None:
    await own_token(scene.house, "OTHERS")
    await scene.offers(ALL, GREEN | {"partners": ["other"]})
    id_ = await scene.starts()
    supported = await scene.wants(id_, WANTS_GREEN)
    assert supported is PreferencesAnswer.PROFILE_TYPE_NOT_SUPPORTED


async def test_a_preference_outlives_the_connection(scene: Scene) -> None:
    await scene.offers(ALL, GREEN)
    id_ = await scene.starts()
    await scene.wants(id_, WANTS_GREEN)
    scene.state = await scene.house.connect(scene.state.identity, "ocpp1.6")
    await scene.draws(id_, 2000)
    await scene.stops(id_)
    cdr = await scene.cdr(id_)
    assert cdr is not None
    assert priced(cdr, "GREEN", "0.4")


async def test_a_preference_is_heard_while_the_station_is_away(scene: Scene) -> None:
    await scene.offers(ALL, GREEN)
    id_ = await scene.starts()
    await scene.draws(id_, 2000)
    await scene.house.charge_points.disconnect(scene.state)
    assert await scene.wants(id_, WANTS_GREEN) is PreferencesAnswer.ACCEPTED
    assert priced(await scene.session(id_), "GREEN", "0.4")


async def test_the_node_that_has_the_station_prices_its_session(
    scene: Scene, redis_url: str
) -> None:
    """The partner talks to one node, the station to another."""
    await scene.offers(ALL, GREEN)
    id_ = await scene.starts()
    house = scene.house
    store = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-2")
    try:
        far = preferences_of(house, store, StationRouter(store, "node-2"), "node-2")
        answer = await far.put(house.partner, PARTY, await scene.session(id_), WANTS_GREEN)
    finally:
        await store.close()
    assert answer is PreferencesAnswer.ACCEPTED
    await scene.draws(id_, 2000)
    assert priced(await scene.session(id_), "GREEN", "0.4")


async def test_after_the_end_nothing_is_priced_anew(scene: Scene) -> None:
    await scene.offers(ALL, GREEN)
    id_ = await scene.starts()
    await scene.stops(id_)
    with pytest.raises(NotRunning):
        await scene.wants(id_, WANTS_GREEN)


async def test_what_is_not_kept_does_not_price_either(scene: Scene) -> None:
    """Another node has taken the station over while the preference was on its way."""
    await scene.offers(ALL, GREEN)
    id_ = await scene.starts()
    store = scene.house.store.party(PARTY)
    await store.stations.connect(
        scene.state.identity, node_id="node-2", protocol="ocpp1.6", remote="-", at=scene.now
    )
    with pytest.raises(Fenced):
        await scene.wants(id_, WANTS_GREEN)
    run = scene.state.open[id_]
    assert run.site is not None
    assert run.site.tariff_id == "ALL"
    assert await store.preferences.of([run.transaction.session_id]) == [None]


async def test_what_a_connector_says_meanwhile_is_not_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The car is full in the moment in which its driver's preference is priced."""
    parking = {"type": "PARKING_TIME", "price": Decimal(6), "step_size": 1}
    components = [*GREEN["elements"][0]["price_components"], parking]
    await scene.offers(ALL, GREEN | {"elements": [{"price_components": components}]})
    id_ = await scene.starts()
    await scene.draws(id_, 2000)
    full = ConnectorStatusReported(1, 1, ConnectorState.SUSPENDED_EV, scene.now)
    tasks = []
    real = billing.make_anew

    async def make_anew(run: Any, in_turn: Any) -> None:
        if not tasks:
            tasks.append(asyncio.create_task(scene.house.status.reported(scene.state, full)))
            for _ in range(3):
                await asyncio.sleep(0)
        await real(run, in_turn)

    monkeypatch.setattr(billing, "make_anew", make_anew)
    await scene.wants(id_, WANTS_GREEN)
    await asyncio.gather(*tasks)
    await scene.stops(id_)
    cdr = await scene.cdr(id_)
    assert cdr is not None
    # 2 kWh at 0.20, half an hour at 6.00
    assert cdr["total_parking_time"] == Decimal("0.5")
    assert cdr["total_cost"]["before_taxes"] == Decimal("3.40")


# --- what follows -----------------------------------------------------------------------------


async def test_a_session_that_lacked_a_tariff_is_released_with_one_that_was_put_right(
    scene: Scene,
) -> None:
    """Held, not guessed: the operator had let the only tariff run out."""
    await scene.offers(tariff("T", "0.50", end_date_time="2026-02-01T00:00:00Z"))
    id_ = await scene.starts()
    await scene.stops(id_)
    identity = scene.state.identity
    with pytest.raises(NotPossible, match="no-tariff"):
        await scene.house.stale.release(identity, id_, None)
    assert await scene.house.stale.draft(identity, id_) is None  # nor is one shown, over nothing
    await scene.tariffs.put(PARTY, tariff("T", "0.50"))
    assert priced(await scene.house.stale.draft(identity, id_), "T", "1")
    await scene.house.stale.release(identity, id_, "the end date was wrong")
    cdr = await scene.cdr(id_)
    assert cdr is not None
    assert priced(cdr, "T", "1")
    assert "no tariff" not in str((await scene.house.record(identity, id_))["flags"])


@pytest.mark.parametrize(("own", "differs"), [((), True), ((OWN,), False)])
async def test_a_station_reckons_by_everybodys_tariff_and_may_differ_from_a_partners(
    scene: Scene, own: tuple[dict[str, Any], ...], differs: bool
) -> None:
    """2.1: what it was told is the default tariff."""
    await scene.offers(ALL, *own)
    id_ = await scene.starts()
    await scene.stops(id_)
    house = scene.house
    tariffs = StationTariffs(house.store, house.billing)
    costs = Costs(house.store, house.router, house.billing, tariffs, interval=60)
    cost = StationCost(id_, "EUR", Decimal(5))
    await costs.reckoned(scene.state, cost, Decimal("0.80"))
    record = await house.record(scene.state.identity, id_)
    assert ("station's own cost differs" in record["flags"]) is differs
