"""Tells stations what running and ended transactions cost, if they show it.

Whether they do is asked once a connection, and only where an EVSE has a tariff; the operator may
say otherwise per charge point. While a transaction runs its cost is told at most once an interval
and only when the shown amount has changed. Nothing is told that is not sure, and nothing at all
to a charge point whose operator has set `provision` to false.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace
from decimal import Decimal
from typing import Any
from weakref import WeakValueDictionary

import msgspec
import structlog

from gateway.domain.bills.cost import (
    ShowFinalCost,
    ShowPrice,
    ShowRunningCost,
    StationCost,
    moment_of,
    prices_at,
    shown,
)
from gateway.domain.commands import Command, CommandOutcome
from gateway.domain.display_text import DisplayText
from gateway.domain.events import ChargingState
from gateway.domain.transactions import Transaction
from gateway.services.billing.billing import Billing
from gateway.services.billing.reckonings import Reckonings
from gateway.services.billing.station_display import read_display
from gateway.services.billing.station_tariffs import StationTariffs
from gateway.services.billing.tariffs import TARIFFS_TOPIC
from gateway.services.ports import Station
from gateway.services.stations.initiative import Occasion
from gateway.services.stations.registered import registered
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.store import Fenced, Store, StoreError

log = structlog.get_logger(__name__)

_WANTED = "cost_wanted"  # a piece of a station's state: the operator's word
_TIMEOUT = 30.0
_HUNDREDTH = Decimal("0.01")
_LOOK_ANYWAY = 300.0  # seconds; tariffs begin and end, and the bus may lose a message
_AT_ONCE = 50  # stations of a node
_PENDING = 1_000  # messages under way that no station has answered yet


class Costs:
    """All stations of this node. `start` it, and let `routine` run for every ready station."""

    def __init__(
        self,
        store: Store,
        router: StationRouter,
        billing: Billing,
        tariffs: StationTariffs,
        *,
        interval: float,
    ) -> None:
        self._store = store
        self._router = router
        self._billing = billing
        self._tariffs = tariffs
        self._reckonings = Reckonings(store)
        self._interval = interval
        self._tasks: set[asyncio.Task[None]] = set()
        self._telling: set[str] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._changed = asyncio.Event()
        self._reconsidered: set[str] = set()  # of these the operator's word has changed
        self._stop: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Follow what changes until `close`."""
        self._stop = [self._store.bus.subscribe(TARIFFS_TOPIC, self._heard)]
        self._store.bus.on_resumed(self._changed.set)
        self._begin(self._follow())
        self._begin(self._look_around())

    async def close(self) -> None:
        """Stop; what is being sent is cut off."""
        for stop in self._stop:
            stop()
        pending = set(self._tasks)
        while pending:
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1.0)

    async def routine(self, state: StationState, station: Station, occasion: Occasion) -> None:
        """A station is ready to listen: what does it show, and does it have its tariffs?"""
        lock = self._locks.setdefault(state.identity, asyncio.Lock())
        async with lock:  # a tariff may change while it is asked
            await self._settle(state, station, asked=occasion is Occasion.ASKED)

    async def _settle(self, state: StationState, station: Station, *, asked: bool) -> None:
        tariffs = await self._tariffs.of(state)
        fields = await self._store.party(state.party).stations.load(state.identity)
        if not tariffs and not self._tariffs.has_some(fields):
            return
        display = state.display if asked else None
        display = display or await read_display(station, state.protocol, fields.get(_WANTED))
        texts = {evse_id: one.texts for evse_id, one in tariffs.items()}
        state.display = replace(display, texts=texts)
        if display.tariff:
            await self._tariffs.bring(state, station, tariffs, verify=not asked)

    # --- what drivers are told ------------------------------------------------------------

    def text(
        self, state: StationState, evse_id: int | None, language: str | None
    ) -> DisplayText | None:
        """The tariff in the driver's language, for a station that shows tariffs (I01)."""
        return None if state.display is None else state.display.text(evse_id, language)

    def identified(self, state: StationState, id_token: str, language: str | None) -> None:
        """1.6: a driver was accepted; the price follows by itself."""
        text = self.text(state, None, language)
        if text is not None and state.record.provision:
            self._begin(self._send(state, ShowPrice(id_token, text.text)))

    def ended(self, state: StationState, transaction_id: str) -> None:
        """1.6: a transaction was stopped; its final cost follows by itself."""
        if _shows_cost(state):
            self._begin(self._tell_final(state, transaction_id))

    async def reckoned(self, state: StationState, cost: StationCost, ours: Decimal | None) -> None:
        """2.1: the station's own final cost is kept, and a difference flagged. Ours is billed.

        It differs for a good reason where the session has another tariff than everybody's, which
        is the one that the station was told.
        """
        comparable = ours is not None and await self._is_everybodys(state, cost.transaction_id)
        await self._reckonings.keep(state, cost, ours, comparable=comparable)

    # --- the operator ---------------------------------------------------------------------

    async def want(self, identity: str, wanted: bool | None) -> None:
        """Whether it is told costs; None: as its own settings say. Raises `UnknownChargePoint`."""
        record = await registered(self._store, identity)
        party = self._store.party(record.party)
        change = party.change()
        party.stations.put(change, identity, _WANTED, wanted)
        await self._store.commit(change)
        await self._store.bus.publish(TARIFFS_TOPIC, {"identity": identity})

    async def state_of(self, identity: str) -> dict[str, Any]:
        """What was settled with a charge point. Raises `UnknownChargePoint`."""
        record = await registered(self._store, identity)
        fields = await self._store.party(record.party).stations.load(identity)
        return {
            "wanted": fields.get(_WANTED),
            "default_tariffs": self._tariffs.shown(fields),
            "station_costs": await self._reckonings.of(record),
        }

    # --- inside ---------------------------------------------------------------------------

    async def _is_everybodys(self, state: StationState, transaction_id: str) -> bool:
        transactions = self._store.party(state.party).transactions
        document = await transactions.get(state.identity, transaction_id)
        if document is None:
            return False
        run = await self._billing.sites.restore(state, msgspec.convert(document, Transaction))
        return run.site is None or run.site.is_everybodys

    def _heard(self, message: dict[str, Any]) -> None:
        if "identity" in message:
            self._reconsidered.add(message["identity"])
        self._changed.set()

    async def _look_around(self) -> None:
        """A tariff or an operator's word has changed, or a tariff's time has come or gone."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_ANYWAY):
                    await self._changed.wait()
            self._changed.clear()
            states = [one for one in self._router.states() if _may_be_asked(one)]
            for first in range(0, len(states), _AT_ONCE):
                part = states[first : first + _AT_ONCE]
                await asyncio.gather(*(_guarded(self._look_again(state)) for state in part))

    async def _look_again(self, state: StationState) -> None:
        here = self._router.local(state.identity)
        if here is None or here[0] is not state:
            return
        if state.identity in self._reconsidered:
            self._reconsidered.discard(state.identity)
            state.display = None
        await self.routine(state, here[1], Occasion.ASKED)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            for state in self._router.states():
                if _shows_cost(state) and state.open and state.identity not in self._telling:
                    self._begin(self._tell(state))

    async def _tell(self, state: StationState) -> None:
        self._telling.add(state.identity)
        try:
            for run in list(state.open.values()):
                command = self._running(state, run)
                if command is None or command.cost == run.told_cost:
                    continue
                if await self._send(state, command):
                    run.told_cost = command.cost
        finally:
            self._telling.discard(state.identity)

    def _running(self, state: StationState, run: RunningTransaction) -> ShowRunningCost | None:
        transaction, site, bill = run.transaction, run.site, self._billing.bill(run)
        cost = self._billing.sure_cost(run, bill)
        if cost is None or site is None or run.tariff is None:
            return None
        prices = prices_at(run.tariff, moment_of(transaction, site.time_zone))
        return ShowRunningCost(
            transaction_id=transaction.id,
            cost=shown(cost, site.currency, _decimals(state)),
            at=transaction.latest_at,
            meter_wh=transaction.energy.last_wh or transaction.energy.delivered_wh,
            charging=transaction.charging_state in (None, ChargingState.CHARGING),
            prices=prices,
        )

    async def _tell_final(self, state: StationState, transaction_id: str) -> None:
        document = await self._store.party(state.party).transactions.get(
            state.identity, transaction_id
        )
        if document is None:
            return
        run = await self._billing.sites.restore(state, msgspec.convert(document, Transaction))
        await self._billing.caught_up(state, run)
        cost = self._billing.sure_cost(run, self._billing.bill(run))
        if cost is None or run.site is None:
            return
        amount = shown(cost, run.site.currency, _decimals(state))
        kwh = (run.transaction.energy.delivered_wh / 1000).quantize(_HUNDREDTH)
        text = f"{amount} {run.site.currency}, {kwh} kWh"
        await self._send(state, ShowFinalCost(transaction_id, amount, text))

    async def _send(self, state: StationState, command: Command) -> bool:
        """Whether the station took it; what it does not know it is sent once a connection."""
        here, kind = self._router.local(state.identity), type(command).__name__
        if here is None or here[0] is not state or state.display is None:
            return False
        if kind in state.display.unknown:
            return False
        reply = await here[1].execute(command, _TIMEOUT)
        if reply.outcome is CommandOutcome.NOT_SUPPORTED and state.display is not None:
            state.display = replace(state.display, unknown=state.display.unknown | {kind})
            log.info("cost not told", charge_point=state.identity, reason=f"{kind} is not known")
        return reply.accepted

    def _begin(self, work: Coroutine[Any, Any, bool | None]) -> None:
        if len(self._tasks) >= _PENDING:
            work.close()
            log.warning("cost not told", reason="too many are under way")
            return
        task = asyncio.create_task(_guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _guarded(work: Coroutine[Any, Any, bool | None]) -> None:
    try:
        await work
    except Fenced:
        return  # a newer connection has taken over, and is told itself
    except StoreError as error:
        log.warning("cost not told", reason=repr(error))
    except Exception:  # one station's trouble is not the others'
        log.exception("cost not told")


def _may_be_asked(state: StationState) -> bool:
    return state.boot_accepted and state.connected and state.record.provision


def _shows_cost(state: StationState) -> bool:
    return state.display is not None and state.display.cost and state.record.provision


def _decimals(state: StationState) -> int | None:
    return None if state.display is None else state.display.decimals
