"""The parts of a station that need no socket: status, outbox, ledger, configuration words."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import get_args

import pytest

from simulators.charge_point.clock import VirtualClock
from simulators.charge_point.connector import (
    Authorization,
    Connector,
    ConnectorBusyError,
    Reservation,
)
from simulators.charge_point.dialect import Version
from simulators.charge_point.fleet import Fleet
from simulators.charge_point.ledger import Ledger, Token, Transaction
from simulators.charge_point.link import Address, BackOff
from simulators.charge_point.meter import EnergyMeter
from simulators.charge_point.outbox import Outbox, TransactionMessage
from simulators.charge_point.outlet import AC_11KW, Outlet
from simulators.charge_point.signed_meter import SignedMeter
from simulators.charge_point.station import DIALECTS, SimulatedChargePoint
from simulators.charge_point.v201 import STATUS_WORDS, STOP_WORDS
from simulators.charge_point.vehicle import Vehicle
from simulators.charge_point.vocabulary import parse_flag, parse_measurands, parse_natural

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOKEN = Token("04A1B2")


def connector() -> Connector:
    outlet = Outlet(AC_11KW, EnergyMeter(), NOW, lambda _at: None)
    return Connector(1, outlet, SignedMeter("S1", 1))


def transaction(number: int = 1) -> Transaction:
    return Transaction(1, TOKEN, 1_000, NOW + timedelta(hours=number))


def message(about: Transaction, *, sample: bool = False) -> TransactionMessage:
    return TransactionMessage("X", about, dict, lambda _: None, lambda: None, sample=sample)


def station() -> SimulatedChargePoint:
    return SimulatedChargePoint("ws://127.0.0.1:1", "CP1", clock=VirtualClock())


def test_a_connectors_status_follows_from_the_facts() -> None:
    plug = connector()
    assert plug.status == "Available"
    plug.reservation = Reservation(1, TOKEN, None, NOW)
    assert plug.status == "Reserved"
    plug.authorization = Authorization(TOKEN, "Authorized")
    assert plug.status == "Preparing"
    plug.transaction = transaction()
    assert plug.status == "Charging"
    plug.transaction, plug.cable, plug.finished = None, True, True
    assert plug.status == "Finishing"
    plug.operative = False
    assert plug.status == "Unavailable"
    plug.fault = "GroundFailure"
    assert plug.status == "Faulted"


def test_a_running_transaction_shows_although_the_connector_goes_out_of_service() -> None:
    plug = connector()
    plug.transaction, plug.operative = transaction(), False
    assert plug.status == "Charging"


def test_a_reserved_connector_is_open_to_its_token_and_group_only() -> None:
    plug = connector()
    plug.reservation = Reservation(1, TOKEN, "FAMILY", NOW)
    assert plug.open_to(Token("04a1b2"))
    assert plug.open_to(Token("OTHER"), "FAMILY")
    assert not plug.open_to(Token("OTHER"))


def test_a_full_outbox_loses_its_oldest_sample_and_never_a_start_or_a_stop() -> None:
    outbox = Outbox(room=4)
    start, stop = message(transaction()), message(transaction())
    samples = [message(transaction(), sample=True) for _ in range(3)]
    for queued in (start, *samples, stop):
        outbox.put(queued)
    kept = []
    while len(outbox):
        kept.append(outbox._messages[0])
        outbox.remove(kept[-1])
    assert kept == [start, *samples[1:], stop]


async def test_the_outbox_gives_the_oldest_message_until_it_is_removed() -> None:
    outbox = Outbox()
    first, second = message(transaction()), message(transaction())
    outbox.put(first)
    outbox.put(second)
    assert await outbox.head() is first
    assert await outbox.head() is first
    outbox.remove(first)
    assert await outbox.head() is second


def test_the_ledger_knows_what_was_not_acknowledged() -> None:
    ledger = Ledger()
    one, two = transaction(1), transaction(2)
    one.start_answered = one.stop_answered = True
    two.start_answered = True
    ledger.add(one)
    ledger.add(two)
    assert ledger.unacknowledged() == [two]


def test_a_ledger_entry_tells_amounts_as_decimal_text() -> None:
    entry = transaction()
    entry.meter_stop_wh, entry.stopped_at = 6_000, NOW
    told = entry.as_fields()
    assert (told["meter_start_wh"], told["meter_stop_wh"], told["energy_wh"]) == (
        "1000", "6000", "5000",
    )  # fmt: skip


def test_every_status_has_a_2_0_1_word() -> None:
    words = {"Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE"}
    words |= {"Finishing", "Reserved", "Unavailable", "Faulted"}
    assert set(STATUS_WORDS) == words


def test_every_1_6_stop_reason_has_a_2_0_1_word() -> None:
    reasons = {"EmergencyStop", "EVDisconnected", "HardReset", "Local", "Other", "PowerLoss"}
    reasons |= {"Reboot", "Remote", "SoftReset", "UnlockCommand", "DeAuthorized"}
    assert set(STOP_WORDS) == reasons


def test_every_version_has_its_dialect() -> None:
    assert set(DIALECTS) == set(get_args(Version))


def test_a_fleet_numbers_the_1_6_stations_first() -> None:
    fleet = Fleet("ws://127.0.0.1:1", v16=2, v201=1, prefix="X")
    assert fleet.identities() == [("X-0001", "1.6"), ("X-0002", "1.6"), ("X-0003", "2.0.1")]


def test_the_same_seed_and_identity_make_the_same_station() -> None:
    one, other = station(), station()
    assert one.rating == other.rating
    registers = [c.outlet.meter.register_wh for c in one.connectors.values()]
    assert registers == [c.outlet.meter.register_wh for c in other.connectors.values()]


def test_the_identity_is_percent_encoded_in_the_address() -> None:
    address = Address("ws://h/ocpp/", "CP 1/ü", "ocpp1.6")
    assert address.uri == "ws://h/ocpp/CP%201%2F%C3%BC"
    assert address.headers == {}


@pytest.mark.parametrize("failures", [0, 1, 5, 1_000])
def test_the_back_off_grows_with_jitter_up_to_its_bound(failures: int) -> None:
    back_off = BackOff(first=1, most=30)
    chance = station().chance
    delays = [back_off.delay(failures, chance) for _ in range(50)]
    bound = min(30, 2 ** min(failures, 10))
    assert all(bound / 2 <= delay <= bound for delay in delays)
    assert len(set(delays)) > 1


async def test_a_connector_takes_one_vehicle_at_a_time() -> None:
    charger = station()
    await charger.plug_in(1)
    with pytest.raises(ConnectorBusyError):
        await charger.plug_in(1)


async def test_a_station_charges_and_keeps_its_ledger_without_ever_being_online() -> None:
    charger = SimulatedChargePoint(
        "ws://127.0.0.1:1", "CP1", "2.0.1", clock=VirtualClock(50_000, timedelta(days=365))
    )
    done = await charger.charge(1, TOKEN, energy_wh=3_000)
    await charger.stop()
    assert done.energy_wh == 3_000
    assert not done.acknowledged
    assert len(charger.outbox) >= 3


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("False", False), (" TRUE", True)])
def test_flags_are_read(text: str, expected: bool) -> None:
    assert parse_flag(text) is expected


@pytest.mark.parametrize(
    ("parse", "text"), list(product([parse_flag, parse_natural], ["", "-1", "yes", "1.5"]))
)
def test_nonsense_configuration_values_are_refused(parse: object, text: str) -> None:
    assert callable(parse)
    with pytest.raises(ValueError):
        parse(text)


def test_only_offered_measurands_are_taken() -> None:
    assert parse_measurands("SoC, Voltage", ["SoC", "Voltage"]) == ("SoC", "Voltage")
    with pytest.raises(ValueError):
        parse_measurands("Frequency", ["SoC"])


def test_a_vehicle_knows_its_state_of_charge() -> None:
    assert Vehicle.of(40_000, 35, ac_w=1, dc_w=1).soc_permille == 350
