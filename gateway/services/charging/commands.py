"""Commands of partners: answered at once, carried out, and reported to response_url exactly once.

START_SESSION leaves a promise at the charge point: the transaction that follows is attributed to
the partner's token and authorization_reference. The token is not validated: the partner vouches
for it (OCPI mod_commands 13.2.3; ocpi-rules 17).
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.evse_status import EvseStatus
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.remote_control import (
    ID_TOKEN_LENGTH,
    LONGEST_ID_TOKEN,
    RemoteStart,
    RemoteStop,
)
from gateway.domain.tokens import TokenType, fitted
from gateway.services.charging.remote_starts import Promise, RemoteStarts
from gateway.services.ports import CommandResults
from gateway.services.roaming.locations import LocationCatalogue, UnknownLocation
from gateway.services.stations.routing import StationRouter
from gateway.store import Store, StoreError

log = structlog.get_logger(__name__)

TIMEOUT = 30  # seconds in which the CommandResult is promised
_STATION_TIMEOUT = 25.0  # what of that the station has
_PROMISE_SECONDS = 300.0  # how long a started driver has to plug in
_MAX_RUNNING = 1_000


@dataclass(frozen=True, slots=True)
class StartSession:
    """OCPI StartSession; `token` is a canonical Token document."""

    response_url: str
    token: Mapping[str, Any]
    location_id: str
    evse_uid: str | None = None
    connector_id: str | None = None
    authorization_reference: str | None = None


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """OCPI CommandResponse: `result` is a CommandResponseType, `timeout` in seconds."""

    result: str
    timeout: int = TIMEOUT
    message: str | None = None


@dataclass(frozen=True, slots=True)
class _Target:
    identity: str
    evse_id: int
    protocol: str


class CommandService:
    """Carries out partners' commands."""

    def __init__(
        self,
        store: Store,
        catalogue: LocationCatalogue,
        router: StationRouter,
        results: CommandResults,
    ) -> None:
        self._store = store
        self._remote_starts = RemoteStarts(store)
        self._catalogue = catalogue
        self._router = router
        self._results = results
        self._running: set[asyncio.Task[None]] = set()

    async def start_session(
        self, partner: Partner, party: Party, request: StartSession
    ) -> CommandAnswer:
        """START_SESSION. Raises `UnknownLocation`; the CommandResult follows by itself."""
        target = await self._target(party, request)
        if target is None:
            return CommandAnswer("REJECTED", message="No charge point there is connected and free")
        if len(self._running) >= _MAX_RUNNING:
            return CommandAnswer("REJECTED", message="Too many commands at once")
        uid = str(request.token["uid"])
        command = RemoteStart(
            remote_start_id=secrets.randbelow(2**31 - 1) + 1,
            id_token=fitted(uid, ID_TOKEN_LENGTH.get(target.protocol, LONGEST_ID_TOKEN)),
            token_type=TokenType(request.token["type"]),
            evse_id=target.evse_id,
        )
        promise = Promise(
            command.remote_start_id,
            command.id_token,
            command.evse_id,
            request.token,
            partner.id,
            request.authorization_reference,
        )
        await self._remote_starts.promise(party, target.identity, promise, _PROMISE_SECONDS)

        async def told(reply: CommandReply) -> None:
            await self._remote_starts.answered(
                party, target.identity, command.remote_start_id, reply
            )

        self._carry_out(partner, party, request.response_url, target.identity, command, told)
        return CommandAnswer("ACCEPTED")

    async def stop_session(
        self, partner: Partner, party: Party, response_url: str, session_id: str
    ) -> CommandAnswer:
        """STOP_SESSION, of the partner's own sessions only."""
        transaction = await self._running_transaction(partner, party, session_id)
        if transaction is None:
            return CommandAnswer("UNKNOWN_SESSION", message="No such session is running")
        if len(self._running) >= _MAX_RUNNING:
            return CommandAnswer("REJECTED", message="Too many commands at once")
        identity, transaction_id = transaction
        self._carry_out(partner, party, response_url, identity, RemoteStop(transaction_id), None)
        return CommandAnswer("ACCEPTED")

    async def close(self, patience: float = 5.0) -> None:
        """Let running commands end, then cut them off."""
        if self._running:
            await asyncio.wait(self._running, timeout=patience)
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    # --- inside ---------------------------------------------------------------------------

    def _carry_out(
        self,
        partner: Partner,
        party: Party,
        response_url: str,
        identity: str,
        command: Command,
        told: Callable[[CommandReply], Coroutine[Any, Any, None]] | None,
    ) -> None:
        async def run() -> None:
            outcome = CommandOutcome.FAILED
            try:
                reply = await self._executed(identity, command)
                outcome = reply.outcome
                if told is not None:
                    await told(reply)
            except StoreError as error:
                log.error("promise not kept in step", charge_point=identity, error=str(error))
            finally:
                name = type(command).__name__
                log.info("command", charge_point=identity, command=name, outcome=outcome.value)
                await self._results.send(partner, party, response_url, outcome)

        task = asyncio.get_running_loop().create_task(run())
        self._running.add(task)
        task.add_done_callback(self._finished)

    async def _executed(self, identity: str, command: Command) -> CommandReply:
        try:
            return await self._router.execute(identity, command, _STATION_TIMEOUT)
        except StoreError as error:
            log.error("command failed", charge_point=identity, error=str(error))
        except Exception:
            log.exception("command failed", charge_point=identity)
        return CommandReply(CommandOutcome.FAILED)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("command result not sent", exc_info=task.exception())

    async def _target(self, party: Party, request: StartSession) -> _Target | None:
        """The charge point behind the command; without evse_uid, the first one that is free."""
        location = await self._catalogue.operator_view(party, request.location_id)
        if location is None:
            raise UnknownLocation(request.location_id)
        evses = location.get("evses", [])
        if request.evse_uid is not None:
            evses = [one for one in evses if one["uid"].lower() == request.evse_uid.lower()]
            if not evses:
                raise UnknownLocation(f"{request.location_id} {request.evse_uid}")
            _check_connector(evses[0], request)
        else:
            evses = [one for one in evses if one["status"] == EvseStatus.AVAILABLE]
        for evse in evses:
            target = await self._connected(party, evse)
            if target is not None:
                return target
        return None

    async def _connected(self, party: Party, evse: Mapping[str, Any]) -> _Target | None:
        bound = evse.get("charge_point")
        if bound is None:
            return None
        route = await self._store.party(party).stations.route(bound["identity"])
        if route is None:
            return None
        return _Target(bound["identity"], int(bound["evse_id"]), route.protocol)

    async def _running_transaction(
        self, partner: Partner, party: Party, session_id: str
    ) -> tuple[str, str] | None:
        store = self._store.party(party)
        found = await store.transactions.of_session(session_id)
        document = await store.transactions.get(*found) if found else None
        if found is None or document is None or document["state"] != "ACTIVE":
            return None
        holder = document["holder"]
        return found if holder is not None and holder["partner_id"] == partner.id else None


def _check_connector(evse: Mapping[str, Any], request: StartSession) -> None:
    ids = {connector["id"].lower() for connector in evse["connectors"]}
    if request.connector_id is not None and request.connector_id.lower() not in ids:
        raise UnknownLocation(f"{request.location_id} {request.evse_uid} {request.connector_id}")
