"""Sessions and CDRs as OCPI has them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.energy import EnergyMeter
from gateway.domain.ocpi_cdrs import cdr_object
from gateway.domain.ocpi_objects import Site, number, usage
from gateway.domain.party import Party
from gateway.domain.periods import Period, Periods
from gateway.domain.pricing import price
from gateway.domain.tariffs import parse_tariff
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
    done, moment = [], T0
    for n, (wh, milliseconds) in enumerate(pieces):
        end = moment + timedelta(milliseconds=milliseconds)
        done.append(Period(moment, n % 2 == 1, wh, end))
        moment = end
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
        periods=Periods(tuple(done)),
    )


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
    used = usage(transaction, site)
    cdr = cdr_object(transaction, site, bill=price(None, used), priced=used, now=T0)
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
    transaction = ended([(Decimal(24_000), 24 * 3_600_000)])
    site = Site(Party("NL", "GWY"), LOCATION, document, "EUR")
    used = usage(transaction, site)
    bill = price(parse_tariff(document), used)
    cdr = cdr_object(transaction, site, bill=bill, priced=used, now=T0)
    assert [
        (one["start_date_time"][11:16], one["tariff_id"], one["dimensions"])
        for one in cdr["charging_periods"]
    ] == [
        (clock, "T", [{"type": "TIME", "volume": hours}, {"type": "ENERGY", "volume": hours}])
        for clock, hours in (("00:00", 17), ("17:00", 3), ("20:00", 4))
    ]
    assert cdr["total_cost"]["before_taxes"] == Decimal("5.1")
