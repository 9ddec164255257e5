"""Sessions and CDRs as OCPI has them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.bills.cdrs import cdr_object
from gateway.domain.bills.sessions import Site, number
from gateway.domain.events import ChargingState
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.metering.use import MeteredUse
from gateway.domain.party import Party
from gateway.domain.pricing import Bill, Reckoning
from gateway.domain.tariffs import Tariff, parse_tariff
from gateway.domain.tokens import AuthorizationStatus, TokenHolder, TokenType
from gateway.domain.transactions import Transaction, TransactionState

T0 = datetime(2026, 3, 1, tzinfo=UTC)
CONNECTOR = {"id": "1", "standard": "IEC_62196_T2", "format": "SOCKET", "power_type": "AC_3_PHASE"}
LOCATION = {
    "id": "LOC1",
    "address": "Street 1",
    "city": "Utrecht",
    "country": "NLD",
    "coordinates": {"latitude": "52.09000", "longitude": "5.12000"},
    "evses": [{"uid": "EVSE1", "connectors": [CONNECTOR]}],
}


def ended(pieces: list[tuple[Decimal, int]]) -> Transaction:
    """A transaction of periods that alternate between charging and parking."""
    moment = T0 + timedelta(milliseconds=sum(milliseconds for _, milliseconds in pieces))
    total = sum((wh for wh, _ in pieces), Decimal(0))
    return Transaction(
        "CP1",
        "1",
        1,
        T0,
        "S1",
        "C1",
        state=TransactionState.ENDED,
        holder=TokenHolder("U", TokenType.RFID, "DE", "EMS", "C", "ems"),
        authorization=AuthorizationStatus.ACCEPTED,
        stopped_at=moment,
        energy=EnergyMeter(Decimal(0), total, moment),
    )


def bill_of(told: list[tuple[Decimal, int]], tariff: Tariff | None, time_zone: str = "UTC") -> Bill:
    """What was metered at the end of every piece, which charging and parking take in turn."""
    reckoning = Reckoning(tariff, T0, time_zone)
    use = MeteredUse(reckoning, T0, tariff_id=tariff.id if tariff else None)
    moment, total = T0, Decimal(0)
    for place, (wh, milliseconds) in enumerate([(Decimal(0), 0), *told]):
        moment += timedelta(milliseconds=milliseconds)
        total += wh
        use.read(Reading(moment, (Sample(Measurand.ENERGY_IMPORT_REGISTER, total),)))
        use.switch(ChargingState.SUSPENDED_EV if place % 2 else ChargingState.CHARGING, moment)
    bill = use.bill(moment, total)
    assert bill is not None
    return bill


pieces = st.lists(
    st.tuples(st.decimals(0, 10**5, places=3), st.integers(0, 10**7)), min_size=1, max_size=12
)


@given(pieces)
@example(
    [
        (Decimal(0), 0),
        (Decimal(0), 89),
        (Decimal(0), 0),
        (Decimal(0), 148894),
        (Decimal(0), 0),
        (Decimal(0), 2397),
    ]
)
def test_the_periods_of_a_cdr_add_up_to_its_totals(told: list[tuple[Decimal, int]]) -> None:
    """security-and-faults R32: periods add up to the total, also after rounding."""
    transaction = ended(told)
    site = Site(Party("NL", "GWY"), LOCATION, None, "EUR")
    cdr = cdr_object(transaction, site, bill_of(told, None), now=T0)
    sums = {"ENERGY": Decimal(0), "TIME": Decimal(0), "PARKING_TIME": Decimal(0)}
    for period in cdr["charging_periods"]:
        for one in period["dimensions"]:
            assert one["volume"] >= 0
            assert number(one["volume"]) == one["volume"]
            sums[one["type"]] += one["volume"]
    assert sums["ENERGY"] == cdr["total_energy"]
    assert sums["PARKING_TIME"] == cdr["total_parking_time"]
    assert abs(sums["TIME"] + sums["PARKING_TIME"] - cdr["total_time"]) <= Decimal("0.0001")


def test_a_cdr_has_a_new_period_where_another_price_counts() -> None:
    """mod_cdrs ChargingPeriod: "when an energy changes in price after 17:00 ... at 17:00"."""
    document = {
        "id": "T",
        "currency": "EUR",
        "elements": [
            {
                "price_components": [{"type": "ENERGY", "price": Decimal("0.30"), "step_size": 1}],
                "restrictions": {"start_time": "17:00", "end_time": "20:00"},
            },
            {"price_components": [{"type": "ENERGY", "price": Decimal("0.20"), "step_size": 1}]},
        ],
    }
    told = [(Decimal(24_000), 24 * 3_600_000)]
    transaction = ended(told)
    site = Site(Party("NL", "GWY"), LOCATION, document, "EUR")
    cdr = cdr_object(transaction, site, bill_of(told, parse_tariff(document)), now=T0)
    assert [
        (one["start_date_time"][11:16], one["tariff_id"], one["dimensions"])
        for one in cdr["charging_periods"]
    ] == [
        (clock, "T", [{"type": "TIME", "volume": hours}, {"type": "ENERGY", "volume": hours}])
        for clock, hours in (("00:00", 17), ("17:00", 3), ("20:00", 4))
    ]
    assert cdr["total_cost"]["before_taxes"] == Decimal("5.1")
