"""Decisions about bills under attack: wrong addressees, odd words and times, a list out of step."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from gateway.domain import flags
from gateway.domain.bills.decisions import Correction, Meant
from gateway.domain.events import TransactionPhase, TransactionReported
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.partners import PartnerRole
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import TokenRef
from gateway.domain.transactions import Transaction, UnknownTransaction
from gateway.services.billing.billing import Billing
from gateway.services.billing.credits import CreditCdrs, NotPossible
from gateway.services.billing.tariffs import TariffBook
from gateway.services.stations.station_state import StationState
from gateway.services.transactions.book import TransactionBook
from gateway.services.transactions.completion import Completion
from gateway.services.transactions.corrections import BillDecisions
from gateway.store import StoreError

PARTY = Party("NL", "GWY")
T0 = from_text("2026-03-01T09:00:00Z")
STARTED, UPDATED, ENDED = TransactionPhase
FINE = ((STARTED, 0, 1000), (UPDATED, 30, 2000), (ENDED, 60, 5000))
BACK = ((STARTED, 0, 1000), (UPDATED, 30, 2000), (ENDED, 60, 1500))


async def say(
    house: Any,
    state: StationState,
    phase: TransactionPhase,
    number: int,
    minute: int,
    wh: int,
    id_: str = "tx",
) -> None:
    at = T0 + timedelta(minutes=minute)
    register = Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(wh))
    told = TransactionReported(
        phase,
        id_,
        number,
        at,
        "Authorized",
        evse_id=1,
        token=TokenRef("DEADBEEF"),
        readings=(Reading(at, (register,)),),
    )
    await house.transactions.reported(state, told)


async def charge(house: Any, story: Sequence[Any] = BACK, after: int = 0) -> StationState:
    """A transaction whose meter goes back, unless another story is told."""
    state: StationState = await house.station("ocpp2.0.1")
    await tell(house, state, story, after)
    return state


async def tell(house: Any, state: StationState, story: Sequence[Any], after: int = 0) -> None:
    for number, (phase, minute, wh) in enumerate(story):
        await say(house, state, phase, number, minute + after, wh)


async def record(house: Any, state: StationState, id_: str = "tx") -> Transaction:
    return msgspec.convert(await house.record(state.identity, id_), Transaction)


async def listed(house: Any) -> list[str]:
    """The ids of the transactions that stand on the list."""
    found, total = await house.store.party(PARTY).transactions.held(offset=0, limit=1000)
    assert total == len(found)
    return sorted(f"{one['identity']}/{one['id']}" for one in found)


async def held(house: Any) -> list[str]:
    """Those that are held, by their records."""
    transactions = house.store.party(PARTY).transactions
    every, _ = await transactions.page(offset=0, limit=1000)
    found = [msgspec.convert(one, Transaction) for one in every]
    return sorted(f"{one.identity}/{one.id}" for one in found if one.is_held)


# --- the list ---------------------------------------------------------------------------------

acts = some.lists(
    some.sampled_from(["wait", "release", "correct", "void", "again", "credit", "reconnect"])
    | some.tuples(some.integers(0, 3), some.integers(0, 90), some.integers(0, 9000)),
    min_size=3,
    max_size=14,
)


@given(acts=acts)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],
)
async def test_the_list_of_held_cdrs_is_what_the_records_say(house: Any, acts: list[Any]) -> None:
    """After every event and every decision, in whatever order they come."""
    house.billing.session_interval = 30  # so that late events wait for their turn
    state: StationState = await house.station("ocpp2.0.1")
    number = 0
    for act in acts:
        state, number = await done(house, state, act, number)
        assert await listed(house) == await held(house)


async def done(house: Any, state: StationState, act: Any, number: int) -> tuple[StationState, int]:
    """Do it, if it can be done: of none that is there, or that is not held, it cannot."""
    if isinstance(act, tuple):
        which, minute, wh = act
        phase = (STARTED, UPDATED, UPDATED, ENDED)[which]
        await say(house, state, phase, number + (which == 2), minute, wh)
        return state, number + 1
    if act == "reconnect":
        await house.charge_points.disconnect(state)
        return await house.connect(state.identity, "ocpp2.0.1"), number
    with contextlib.suppress(NotPossible, UnknownTransaction):
        await asked(house, state, act)
    return state, number


async def asked(house: Any, state: StationState, act: str) -> None:
    stale, identity = house.stale, state.identity
    match act:
        case "wait":
            await house.wait_is_over()
        case "release":
            await stale.release(identity, "tx", None)
        case "correct":
            await stale.correct(identity, "tx", Correction(energy_wh=Decimal(700)), None)
        case "void":
            await stale.void(identity, "tx", "x")
        case "again":  # its id is used once more, a day later
            await say(house, state, STARTED, 0, 1440, 0)
            await say(house, state, ENDED, 1, 1450, 0)
        case "credit":
            for cdr in await house.cdrs():
                await CreditCdrs(house.store, house.clock).credit(PARTY, cdr, "ems", None)


async def test_while_a_held_one_is_told_more_it_is_not_listed(house: Any) -> None:
    """It waits then, and cannot be decided about."""
    house.billing.session_interval = 30
    state: StationState = await house.station("ocpp2.0.1")
    await say(house, state, UPDATED, 1, 30, 2000)
    await say(house, state, ENDED, 3, 60, 5000)
    await house.wait_is_over()
    assert await listed(house) == [f"{state.identity}/tx"]
    await say(house, state, UPDATED, 2, 45, 3000)
    assert not (await record(house, state)).is_held
    assert await listed(house) == []
    await house.wait_is_over()
    assert await listed(house) == [f"{state.identity}/tx"]


async def test_what_an_earlier_release_has_held_is_put_on_the_list(house: Any) -> None:
    states = [await charge(house), await charge(house), await charge(house, FINE)]
    await house.stale.void(states[1].identity, "tx", "a test")
    transactions = house.store.party(PARTY).transactions
    change = house.store.party(PARTY).change()
    for state in states:
        transactions.hold(change, state.identity, "tx", None)
    await house.store.commit(change)
    assert await listed(house) == []

    await Completion(house.store, house.stale, lambda: [PARTY], house.clock).look()

    assert await listed(house) == await held(house) == [f"{states[0].identity}/tx"]


async def test_a_record_that_cannot_be_read_hides_no_other_that_is_held(house: Any) -> None:
    state = await charge(house)
    books = house.store.party(PARTY)
    change = books.change()
    books.transactions.hold(change, state.identity, "tx", None)
    broken = {"identity": "CP-1", "id": "broken", "state": "NEVER"}
    books.transactions.put(change, "CP-1", "broken", broken, is_open=False, started=T0)
    await house.store.commit(change)

    await Completion(house.store, house.stale, lambda: [PARTY], house.clock).look()

    assert await listed(house) == [f"{state.identity}/tx"]


async def test_what_is_held_has_reasons_also_when_they_are_released_by_now(house: Any) -> None:
    """`GATEWAY_CDR_RELEASE` was changed since: nobody has decided about what waits."""
    state = await charge(house)
    transaction = await record(house, state)
    released = frozenset({flags.WENT_BACK, flags.STOP_UNREAD})
    billing = Billing(house.store, "EUR", house.clock, released=released)
    assert billing.held_by(transaction) == ()
    book = TransactionBook(house.store, billing, house.status, house.clock, 300)
    decisions = BillDecisions(house.store, billing, book, house.clock)
    assert set(decisions.reasons(transaction)) == released


# --- who is meant -----------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["release", "correct", "void"])
async def test_a_decision_never_falls_on_another_transaction_that_has_the_id_now(
    house: Any, act: str
) -> None:
    """R19: a station numbers its transactions 1, 2, 3, and anew after a reset."""
    state = await charge(house)
    meant = Meant((await record(house, state)).session_id)
    await tell(house, state, BACK, after=1440)  # a day later
    assert (await record(house, state)).session_id != meant.session_id
    arguments: dict[str, Any] = {
        "release": (None,),
        "correct": (Correction(energy_wh=Decimal(1)), None),
        "void": ("a test",),
    }
    with pytest.raises(UnknownTransaction):
        await getattr(house.stale, act)(state.identity, "tx", *arguments[act], meant=meant)
    assert await house.cdrs() == []
    assert (await record(house, state)).decisions == ()


async def test_a_cdr_is_corrected_whose_transaction_had_to_give_up_its_id(house: Any) -> None:
    """R19: it is found by its Session, and its readings went with it."""
    state = await charge(house, FINE)
    [cdr] = await house.cdrs()
    await tell(house, state, ((STARTED, 0, 9000), (ENDED, 60, 9500)), after=1440)
    found = await house.store.party(PARTY).transactions.of_session(cdr["session_id"])
    assert found is not None
    assert found[1] != "tx"
    later = from_text("2026-03-01T10:30:00Z")
    await house.stale.correct(*found, Correction(end=later), None, cdr["id"])
    first, second, credit, corrected = await house.cdrs()
    assert credit["credit_reference_id"] == first["id"] == cdr["id"]
    # by hand: 4 kWh at 0.30 and an hour and a half at 1.00
    assert corrected["total_cost"]["before_taxes"] == Decimal("2.7")
    assert second["total_energy"] == Decimal("0.5")


async def test_a_corrected_cdr_is_never_priced_by_another_tariff(house: Any) -> None:
    """The payment terminal's provider has left: what was ad hoc then is so still (ADR 0025)."""
    provider = replace(house.partner, roles=(PartnerRole("PTP", Party("DE", "EMS"), "EMS"),))
    await house.partners.save(provider)
    tariff = {
        "id": "T1",
        "currency": "EUR",
        "tax_included": "NO",
        "type": "AD_HOC_PAYMENT",
        "elements": [{"price_components": [{"type": "ENERGY", "price": 1, "step_size": 1}]}],
    }
    await TariffBook(house.store, house.partners, house.clock).put(PARTY, tariff)
    state = await charge(house, FINE)
    [cdr] = await house.cdrs()
    assert cdr["total_cost"]["before_taxes"] == 4
    await house.partners.save(replace(provider, roles=()))
    with pytest.raises(NotPossible, match="another tariff"):
        await house.stale.correct(
            state.identity, "tx", Correction(energy_wh=Decimal(1000)), None, cdr["id"]
        )
    assert await house.cdrs() == [cdr]


# --- what is said of it -----------------------------------------------------------------------


async def test_a_credit_cdr_keeps_the_remark_of_the_original_before_the_operators_words(
    house: Any,
) -> None:
    """ "will contain all the data of the original CDR"; "Only printable UTF-8" (types 1.5)."""
    state = await charge(house)
    await house.stale.release(state.identity, "tx", "seen")
    [cdr] = await house.cdrs()
    credit = await CreditCdrs(house.store, house.clock).credit(PARTY, cdr, "ems", "a\nb\x00" * 70)
    assert credit["remark"].startswith(cdr["remark"] + "; a b ")
    assert credit["remark"].isprintable()
    assert len(credit["remark"]) <= 255


@pytest.mark.parametrize(
    "correction",
    [
        Correction(start=from_text("1990-03-01T09:00:00Z")),
        Correction(start=from_text("2025-03-01T09:00:00Z")),  # a year too early
        Correction(end=from_text("2026-04-02T09:00:00Z")),
    ],
)
async def test_a_slip_in_a_date_is_no_bill_of_years(house: Any, correction: Correction) -> None:
    """What no station's clock is believed (CLOCK_WRONG) is no operator's word either."""
    state = await charge(house)
    house.clock.reach(from_text("2026-04-03T09:00:00Z"))
    with pytest.raises(NotPossible, match="No session lasts from"):
        await house.stale.correct(state.identity, "tx", correction, None)
    assert await house.cdrs() == []


async def test_times_are_corrected_over_the_end_of_daylight_saving_time(house: Any) -> None:
    """2026-10-25, 03:00 to 02:00 in Amsterdam: the dear night from 2 to 3 o'clock lasts 2 hours."""
    night = {
        "price_components": [{"type": "TIME", "price": Decimal(6), "step_size": 1}],
        "restrictions": {"start_time": "02:00", "end_time": "03:00"},
    }
    day = {"price_components": [{"type": "TIME", "price": Decimal(1), "step_size": 1}]}
    tariff = {"id": "T1", "currency": "EUR", "tax_included": "NO", "elements": [night, day]}
    await TariffBook(house.store, house.partners, house.clock).put(PARTY, tariff)
    state = await charge(house)
    house.clock.reach(from_text("2026-10-26T09:00:00Z"))
    start, end = from_text("2026-10-24T23:00:00Z"), from_text("2026-10-25T03:00:00Z")
    await house.stale.correct(state.identity, "tx", Correction(start=start, end=end), None)
    [cdr] = await house.cdrs()
    # 01:00 to 02:00 and, after two hours at 6, 03:00 to 04:00, at 1
    assert cdr["total_cost"]["before_taxes"] == 14
    assert cdr["total_time"] == 4


# --- several at once --------------------------------------------------------------------------


async def test_ten_operators_who_decide_at_once_make_one_bill_or_none(house: Any) -> None:
    state = await charge(house)
    stale, identity = house.stale, state.identity
    more = Correction(energy_wh=Decimal(4000))
    answers = await asyncio.gather(
        *[stale.release(identity, "tx", str(n)) for n in range(3)],
        *[stale.correct(identity, "tx", more, str(n)) for n in range(3)],
        *[stale.void(identity, "tx", str(n)) for n in range(4)],
        return_exceptions=True,
    )
    refused = [one for one in answers if isinstance(one, NotPossible | StoreError)]
    assert len(refused) == 9
    after = await record(house, state)
    assert len(after.decisions) == 1
    assert len(await house.cdrs()) == (0 if after.voided else 1)
    assert await listed(house) == []
