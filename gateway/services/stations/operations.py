"""Starts operations at stations and follows them by what the stations report.

An operation lives in the store, so a restart loses nothing: whichever node hears of it next goes
on with it. The last `KEPT` of a charge point are kept. "No news" is not written by anybody: it is
what an operation shows once its kind's time without news has passed.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import structlog

from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.commands import Command, CommandReply
from gateway.domain.device_operations import DEVICE_KINDS
from gateway.domain.happenings import Happening
from gateway.domain.operations import (
    FIRMWARE_UPDATE,
    KINDS,
    News,
    Operation,
    OperationKind,
    addressed,
    answered,
    as_of,
    noted,
    noticed,
    received,
    superseded,
    told,
)
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Conflict, Fence, PartyStore, Store, StoreError

log = structlog.get_logger(__name__)

KEPT = 50
_ANSWER_SECONDS = 30.0
_ATTEMPTS = 10
_MAX_RUNNING = 1_000
_BEGUN_TOPIC = "operations"

Step = Callable[[Operation], Operation]


class TooManyOperations(Exception):
    """So many requests wait for an answer that another one must wait."""


def new_id() -> str:
    """An operation's id. Those who need it in a URL take it before the operation exists."""
    return secrets.token_hex(8)


def new_request_id() -> int:
    """What a station echoes; fits 31 bits."""
    return secrets.randbelow(2**31 - 1) + 1


async def _nothing(_reply: CommandReply) -> None:
    """Nobody else is concerned by the answer."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be asked: `command` makes it, given the request id that the station echoes.

    `parameters` are shown to the operator, so nothing in them may be secret. `answered` is told
    the station's answer, too. For the rest see `Operation`.
    """

    kind: OperationKind
    command: Callable[[int], Command]
    parameters: dict[str, Any]
    id: str = field(default_factory=new_id)
    not_before: datetime | None = None
    ends_when_accepted: bool = False
    ends_with: tuple[str, ...] = ()
    looks_for: dict[str, Any] = field(default_factory=dict)
    request_id: int = field(default_factory=new_request_id)
    answered: Callable[[CommandReply], Awaitable[None]] = _nothing


class Operations:
    """The operations of all charge points."""

    def __init__(self, store: Store, router: StationRouter, now: Callable[[], datetime]) -> None:
        self._store = store
        self._router = router
        self._now = now
        self._kinds = {kind.name: kind for kind in (*KINDS, *DEVICE_KINDS)}
        self._running: set[asyncio.Task[None]] = set()
        store.bus.subscribe(_BEGUN_TOPIC, self._begun_elsewhere)
        store.bus.on_resumed(self._look_anew)

    def add(self, kind: OperationKind) -> None:
        """Follow operations of another kind, too."""
        self._kinds[kind.name] = kind

    async def close(self) -> None:
        """Stop waiting for answers; what was sent stays requested."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    # --- the operator ---------------------------------------------------------------------

    async def start(self, record: ChargePointRecord, order: Order) -> Operation:
        """Ask the station in the background; returns the operation as requested.

        Every order is in the log, with what was asked. Raises `TooManyOperations`.
        """
        if len(self._running) >= _MAX_RUNNING:
            raise TooManyOperations
        now = self._now()
        boot = await self._boot(record)
        operation = Operation(
            id=order.id,
            kind=order.kind.name,
            identity=record.identity,
            request_id=order.request_id,
            created_at=now,
            updated_at=now,
            parameters=order.parameters | {"firmware_before": boot.get("firmware_version")},
            not_before=order.not_before,
            ends_when_accepted=order.ends_when_accepted,
            ends_with=order.ends_with,
            looks_for=order.looks_for,
        )
        await self._keep(record, operation)
        if order.kind.awaits is not None:
            await self._begun(record.identity)
        log.info(
            "operation requested",
            charge_point=record.identity,
            kind=operation.kind,
            operation=operation.id,
            request_id=operation.request_id,
            parameters=operation.parameters,
        )
        self._in_background(self._ask(record, operation, order))
        return operation

    async def of(self, record: ChargePointRecord) -> list[Operation]:
        """A charge point's operations as they are now, newest first."""
        stored = await self._books(record).operations.all(record.identity)
        found = [self._now_of(_read(document)) for _, document in stored.values()]
        return sorted(found, key=lambda one: (one.created_at, one.id), reverse=True)

    async def get(self, record: ChargePointRecord, id: str) -> Operation | None:
        """One operation as it is now."""
        stored = await self._books(record).operations.get(record.identity, id)
        if stored is None:
            return None
        operation = self._now_of(_read(stored[1]))
        return (
            operation if operation.ended else self._with_boot(operation, await self._boot(record))
        )

    # --- what is heard of them ------------------------------------------------------------

    async def heard(
        self, state: StationState, kinds: Collection[OperationKind], news: News
    ) -> Operation | None:
        """A notification, of an operation of one of these kinds; None if it is of none of ours."""
        names = {kind.name for kind in kinds}
        candidates = [one for one in await self.of(state.record) if one.kind in names]
        found = addressed(candidates, news.request_id)
        if found is None:
            return None
        boot = await self._boot(state.record) if found.kind == FIRMWARE_UPDATE.name else {}

        def step(operation: Operation) -> Operation:
            current = self._with_boot(self._now_of(operation), boot)
            return told(current, self._kinds[operation.kind], news, self._now())

        after = await self._step(state.record, found.id, step, state.fence)
        if after is not None and after.ended and not found.ended:
            _log_end(after)
        return after

    async def happened(self, state: StationState, happening: Happening) -> None:
        """A message that an operation of this station may wait for.

        Called for the messages in `state.watching`, which is found anew here.
        """
        state.watching = watching = set[str]()
        try:
            for operation in await self.of(state.record):
                kind = self._kinds.get(operation.kind)
                if kind is None or kind.awaits is None or operation.ended:
                    continue
                after = await self._noticed(state, operation, kind, happening)
                if not after.ended:
                    watching |= kind.awaits(after)
        except BaseException:
            state.watching = None
            raise

    async def file_came(
        self, record: ChargePointRecord, id: str, file: dict[str, Any]
    ) -> Operation | None:
        """The file that a station was asked for has come, whatever the station says of it."""

        def step(operation: Operation) -> Operation:
            return received(operation, self._kinds[operation.kind], file, self._now())

        after = await self._step(record, id, step)
        if after is not None and after.ended:
            _log_end(after)
        return after

    # --- inside ---------------------------------------------------------------------------

    async def _noticed(
        self,
        state: StationState,
        operation: Operation,
        kind: OperationKind,
        happening: Happening,
    ) -> Operation:
        news = kind.notices(operation, happening, state.evses) if kind.notices else None
        if news is None:
            return operation
        after = await self._step(
            state.record,
            operation.id,
            lambda one: noticed(one, kind, news, self._now()),
            state.fence,
        )
        if after is not None and after.ended:
            _log_end(after)
        return after or operation

    async def _begun(self, identity: str) -> None:
        """Have the node that holds the socket watch for what this operation waits for."""
        here = self._router.local(identity)
        if here is not None:
            here[0].watching = None
        else:
            await self._store.bus.publish(_BEGUN_TOPIC, {"identity": identity})

    def _begun_elsewhere(self, message: dict[str, Any]) -> None:
        here = self._router.local(message["identity"])
        if here is not None:
            here[0].watching = None

    def _look_anew(self) -> None:
        """What began elsewhere while the bus was down was not heard of."""
        for state in self._router.states():
            state.watching = None

    async def _ask(self, record: ChargePointRecord, operation: Operation, order: Order) -> None:
        command = order.command(operation.request_id)
        reply = await self._router.execute(record.identity, command, _ANSWER_SECONDS)
        await order.answered(reply)
        after = await self._step(
            record, operation.id, lambda one: answered(one, reply, self._now(), order.kind)
        )
        if after is not None and after.ended:
            _log_end(after)
        if reply.status == "AcceptedCanceled":
            await self._supersede(record, operation)

    async def _supersede(self, record: ChargePointRecord, newest: Operation) -> None:
        """AcceptedCanceled: what the station was at is cancelled, the new request is on."""
        for older in await self.of(record):
            if older.kind == newest.kind and older.id != newest.id and not older.ended:
                await self._step(record, older.id, lambda one: superseded(one, newest, self._now()))

    async def _keep(self, record: ChargePointRecord, operation: Operation) -> None:
        """Store a new one; the oldest of too many go."""
        books = self._books(record)
        change = self._store.party(record.party).change()
        books.operations.put(
            change, record.identity, operation.id, msgspec.to_builtins(operation), before=None
        )
        for old in (await self.of(record))[KEPT - 1 :]:
            books.operations.remove(change, record.identity, old.id)
        await self._store.commit(change)

    async def _step(
        self, record: ChargePointRecord, id: str, step: Step, fence: Fence | None = None
    ) -> Operation | None:
        """Write the next state on top of the last one; None if the operation is gone."""
        books = self._books(record)
        for _ in range(_ATTEMPTS):
            stored = await books.operations.get(record.identity, id)
            if stored is None:
                return None
            text, document = stored
            after = step(_read(document))
            change = books.change(fence)
            books.operations.put(
                change, record.identity, id, msgspec.to_builtins(after), before=text
            )
            try:
                await self._store.commit(change)
            except Conflict:
                continue
            return after
        raise StoreError(f"operation {id} of {record.identity!r} changes all the time")

    def _now_of(self, operation: Operation) -> Operation:
        kind = self._kinds.get(operation.kind)
        return operation if kind is None else as_of(operation, kind, self._now())

    async def _boot(self, record: ChargePointRecord) -> dict[str, Any]:
        fields = await self._books(record).stations.load(record.identity)
        boot: dict[str, Any] = fields.get("boot") or {}
        return boot

    def _with_boot(self, operation: Operation, boot: dict[str, Any]) -> Operation:
        """An update whose station has booted with another firmware says so."""
        before, version = operation.parameters.get("firmware_before"), boot.get("firmware_version")
        if operation.kind != FIRMWARE_UPDATE.name or not version or version == before:
            return operation
        if operation.result.get("firmware_version") == version:
            return operation
        detail = f"firmware {before or 'unknown'} -> {version}"
        result = {"firmware_version": version}
        return noted(operation, self._now(), "booted", detail, result=result)

    def _books(self, record: ChargePointRecord) -> PartyStore:
        return self._store.party(record.party)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("answer to an operation not kept", exc_info=task.exception())


def _read(document: Any) -> Operation:
    return msgspec.convert(document, Operation)


def _log_end(operation: Operation) -> None:
    log.info(
        "operation ended",
        charge_point=operation.identity,
        kind=operation.kind,
        operation=operation.id,
        state=str(operation.state),
    )
