"""Ends sessions that are paid by card when what was reserved on the card is used up.

"For stopping the session there are 3 ways: [...] can also be stopped by the CPO backend if the
preauth limit is reached" (OCPI 2.3.0 payments, mod_payments 1.1.3). Reserved is the tariff's
`preauthorize_amount`, as the tariff was when the session began; what is compared with it is what
the driver pays, taxes included. Only sessions that a Payment Terminal Provider has started have
such a limit: no other authorization of OCPI knows any.
"""

import asyncio
from decimal import Decimal

import structlog

from gateway.domain.remote_control import RemoteStop
from gateway.domain.tokens import AuthMethod
from gateway.domain.transactions import Transaction
from gateway.services.billing.billing import Billing
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import RunningTransaction, StationState

_log = structlog.get_logger(__name__)

_EVERY = 10.0
_AGAIN = 60.0
_TIMEOUT = 30.0
_AT_ONCE = 50

_Key = tuple[str, str]


class PreauthorizedAmounts:
    """Of all stations of this node."""

    def __init__(
        self,
        router: StationRouter,
        billing: Billing,
        partners: PartnerDirectory,
        *,
        every: float = _EVERY,
    ) -> None:
        self._router = router
        self._billing = billing
        self._partners = partners
        self._every = every
        self._asked: dict[_Key, float] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look, in the background."""
        self._task = asyncio.create_task(self._run(), name="preauthorized amounts")

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> int:
        """Ask the stations to end what has used up its amount; how many were asked."""
        now = asyncio.get_running_loop().time()
        used_up = [
            (state, run)
            for state in self._router.states()
            if state.record.provision
            for run in list(state.open.values())
            if self._is_used_up(run)
        ]
        keys = {_key(state, run) for state, run in used_up}
        self._asked = {key: at for key, at in self._asked.items() if key in keys}
        due = [
            (state, run)
            for state, run in used_up
            if now >= self._asked.get(_key(state, run), -_AGAIN) + _AGAIN
        ][:_AT_ONCE]
        self._asked |= {_key(state, run): now for state, run in due}
        await asyncio.gather(*(self._end(state, run) for state, run in due))
        return len(due)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.look()
            except Exception:
                _log.exception("preauthorized amounts were not looked at")

    def _is_used_up(self, run: RunningTransaction) -> bool:
        tariff = run.site.tariff if run.site else None
        amount = tariff.get("preauthorize_amount") if tariff else None
        if amount is None or not self._paid_by_card(run.transaction):
            return False
        cost = self._billing.sure_cost(run, self._billing.bill(run))
        return cost is not None and cost >= Decimal(amount)

    def _paid_by_card(self, transaction: Transaction) -> bool:
        holder = transaction.holder
        if holder is None or transaction.auth_method is not AuthMethod.COMMAND:
            return False
        partner = self._partners.get(holder.partner_id or "")
        return partner is not None and any(role.role == "PTP" for role in partner.roles)

    async def _end(self, state: StationState, run: RunningTransaction) -> None:
        here = self._router.local(state.identity)
        if here is None or here[0] is not state:
            return
        reply = await here[1].execute(RemoteStop(run.transaction.id), _TIMEOUT)
        _log.info(
            "preauthorized amount used up",
            charge_point=state.identity,
            transaction=run.transaction.id,
            outcome=reply.outcome.value,
        )


def _key(state: StationState, run: RunningTransaction) -> _Key:
    return state.identity, run.transaction.id
