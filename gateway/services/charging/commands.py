"""Commands of partners: answered at once, carried out, and reported to response_url exactly once.

START_SESSION leaves a promise at the charge point: the transaction that follows is attributed to
the partner's token and authorization_reference. The token is not validated: the partner vouches
for it (OCPI mod_commands 13.2.3; ocpi-rules 17).

The capabilities REMOTE_START_STOP_CAPABLE and UNLOCK_CAPABLE are not asked for: whether a station
can, it says itself, and better than a list does. RESERVABLE is the operator's offer
(partner_reservations.py).
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.availability import UnlockConnector
from gateway.domain.commands import Command, CommandReply
from gateway.domain.evse_status import EvseStatus
from gateway.domain.remote_control import (
    ID_TOKEN_LENGTH,
    LONGEST_ID_TOKEN,
    RemoteStart,
    RemoteStop,
)
from gateway.domain.reservations import ReservedStart
from gateway.domain.tokens import TokenType, fitted
from gateway.services.charging.in_flight import (
    BUSY,
    STATION_TIMEOUT,
    CommandAnswer,
    InFlight,
    Report,
    Work,
)
from gateway.services.charging.remote_starts import Promise, RemoteStarts
from gateway.services.charging.targets import (
    CONNECTOR_REQUIRED,
    NOBODY_THERE,
    ConnectorRequired,
    Place,
    Target,
    Targets,
    connector_number,
)
from gateway.services.ports import CommandResults, ReplyTo
from gateway.services.reservations.partner_reservations import PartnerReservations, ReserveOrder
from gateway.services.reservations.service import Reservations
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.stations.routing import StationRouter
from gateway.store import Store

_PROMISE_SECONDS = 300.0  # how long a started driver has to plug in


@dataclass(frozen=True, slots=True)
class StartSession:
    """OCPI StartSession; `token` is a canonical Token document."""

    token: Mapping[str, Any]
    location_id: str
    evse_uid: str | None = None
    connector_id: str | None = None
    authorization_reference: str | None = None

    @property
    def place(self) -> Place:
        """Where."""
        return Place(self.location_id, self.evse_uid, self.connector_id)


class CommandService:
    """Carries out partners' commands. `in_flight` may be shared."""

    def __init__(
        self,
        store: Store,
        targets: Targets,
        router: StationRouter,
        results: CommandResults,
        *,
        partners: PartnerDirectory,
        reservations: Reservations,
        currency: str,
        in_flight: InFlight,
        now: Callable[[], datetime],
    ) -> None:
        self._remote_starts = RemoteStarts(store)
        self._targets = targets
        self._router = router
        self._results = results
        self._in_flight = in_flight
        self._reservations = reservations
        self._now = now
        self._orders = PartnerReservations(
            store,
            self._targets,
            reservations,
            results,
            partners=partners,
            currency=currency,
            in_flight=in_flight,
            now=now,
        )

    async def start_session(self, to: ReplyTo, request: StartSession) -> CommandAnswer:
        """START_SESSION. The CommandResult follows by itself.

        Raises `UnknownLocation`, `ConnectorRequired`.
        """
        party = to.party
        target = await self._reserved(to, request)
        target = target or await self._targets.find(party, request.place)
        if target is None:
            return NOBODY_THERE
        if request.connector_id is None and _demands_connector(target):
            raise ConnectorRequired
        if self._in_flight.full:
            return BUSY
        command = _remote_start(request, target)
        promise = await self._promise(to, request, target, command)
        await self._remote_starts.promise(party, target.identity, promise, _PROMISE_SECONDS)

        async def settle(reply: CommandReply) -> None:
            await self._remote_starts.answered(
                party, target.identity, command.remote_start_id, reply
            )

        work = self._execution(target.identity, command)
        self._begin("START_SESSION", to, target.identity, work, settle)
        return CommandAnswer("ACCEPTED")

    async def stop_session(self, to: ReplyTo, session_id: str) -> CommandAnswer:
        """STOP_SESSION, of the partner's own sessions only."""
        running = await self._targets.running(to.partner, to.party, session_id)
        if running is None:
            return CommandAnswer("UNKNOWN_SESSION", message="No such session is running")
        if self._in_flight.full:
            return BUSY
        work = self._execution(running.identity, RemoteStop(running.transaction_id))
        self._begin("STOP_SESSION", to, running.identity, work)
        return CommandAnswer("ACCEPTED")

    async def reserve_now(self, to: ReplyTo, order: ReserveOrder) -> CommandAnswer:
        """RESERVE_NOW. Raises `UnknownLocation`."""
        return await self._orders.reserve_now(to, order)

    async def cancel_reservation(self, to: ReplyTo, reservation_id: str) -> CommandAnswer | None:
        """CANCEL_RESERVATION; None if this party knows no such reservation."""
        return await self._orders.cancel_reservation(to, reservation_id)

    async def unlock_connector(self, to: ReplyTo, place: Place) -> CommandAnswer:
        """UNLOCK_CONNECTOR. Raises `UnknownLocation`.

        Not while another's session runs there: a 1.6 station would end that (5.18: it "SHALL finish
        the transaction first"). The command is for "the rare situation that the connector is not
        unlocked successfully after a transaction is stopped" (13.4.4).
        """
        target = await self._targets.find(to.party, place)
        if target is None or place.connector_id is None:
            return NOBODY_THERE
        if await self._targets.in_use_by_others(to, target):
            return CommandAnswer("REJECTED", message="Another session is running there")
        if self._in_flight.full:
            return BUSY
        number = connector_number(target.evse, place.connector_id)
        work = self._execution(target.identity, UnlockConnector(target.evse_id, number))
        self._begin("UNLOCK_CONNECTOR", to, target.identity, work)
        return CommandAnswer("ACCEPTED")

    async def close(self, patience: float = 5.0) -> None:
        """Let running commands end, then cut them off."""
        await self._in_flight.close(patience)

    # --- inside ---------------------------------------------------------------------------

    def _execution(self, identity: str, command: Command) -> Work:
        async def work() -> CommandReply:
            return await self._router.execute(identity, command, STATION_TIMEOUT)

        return work

    def _begin(
        self, what: str, to: ReplyTo, identity: str, work: Work, settle: Report | None = None
    ) -> None:
        async def report(reply: CommandReply) -> None:
            await self._results.send(to, reply.outcome)

        self._in_flight.begin(what, identity, work, report, settle=settle)

    async def _reserved(self, to: ReplyTo, request: StartSession) -> Target | None:
        """Without evse_uid: the EVSE that the partner has reserved for this token, if any."""
        if request.evse_uid is not None:
            return None
        for one in await self._targets.with_status(to.party, request.place, EvseStatus.RESERVED):
            start = ReservedStart(one.evse_id, _id_token(request, one), self._now())
            if await self._reservations.waiting_for(to, one.identity, start, request.token):
                return one
        return None

    async def _promise(
        self, to: ReplyTo, request: StartSession, target: Target, command: RemoteStart
    ) -> Promise:
        """For the token; a reservation that the start will use gives its Session and reference.

        "When different authorization_reference values have been given by the eMSP that are relevant
        to this Session, the last given value SHALL be used here" (mod_sessions 9.3.1).
        """
        start = ReservedStart(target.evse_id, command.id_token, self._now())
        reserved = await self._reservations.waiting_for(to, target.identity, start, request.token)
        ordered = reserved.ordered if reserved is not None else None
        reference = request.authorization_reference
        if ordered is not None and reference is None:
            reference = ordered.authorization_reference
        return Promise(
            command.remote_start_id,
            command.id_token,
            command.evse_id,
            request.token,
            to.partner.id,
            reference,
            ordered.session_id if ordered is not None else None,
        )


def _id_token(request: StartSession, target: Target) -> str:
    longest = ID_TOKEN_LENGTH.get(target.protocol, LONGEST_ID_TOKEN)
    return fitted(str(request.token["uid"]), longest)


def _remote_start(request: StartSession, target: Target) -> RemoteStart:
    return RemoteStart(
        remote_start_id=secrets.randbelow(2**31 - 1) + 1,
        id_token=_id_token(request, target),
        token_type=TokenType(request.token["type"]),
        evse_id=target.evse_id,
    )


def _demands_connector(target: Target) -> bool:
    return CONNECTOR_REQUIRED in (target.evse.get("capabilities") or ())
