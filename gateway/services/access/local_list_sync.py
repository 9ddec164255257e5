"""Brings one station's list in step with an edition, as far as the station lets us.

A list that we are sure of gets the differences; any other is sent whole. "If the status is Failed
or VersionMismatch and the updateType was Differential, then Central System SHOULD retry sending
the full local authorization list" (1.6 5.15). Whatever fails in the midst leaves `held` None, so
that nothing is ever built upon what the station may not have.
"""

from collections.abc import Iterable
from dataclasses import replace

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.local_list import (
    GetLocalListVersion,
    Held,
    Limits,
    ListRecord,
    ListState,
    SendLocalList,
    differential,
    full,
)
from gateway.services.access.local_list_edition import Edition
from gateway.services.ports import Station

TIMEOUT = 30.0  # seconds for one CALL
MOST_FAILURES = 3  # in a row, after which a station is left alone until the operator asks


class _Failed(Exception):
    """A message was not taken."""

    def __init__(self, record: ListRecord, reply: CommandReply) -> None:
        super().__init__(reply.status or reply.outcome.value)
        self.record = record
        self.reply = reply

    @property
    def refused(self) -> bool:
        """Whether the station said so itself."""
        return self.reply.outcome is CommandOutcome.REJECTED


class ListSync:
    """One attempt."""

    def __init__(self, station: Station, limits: Limits, edition: Edition) -> None:
        self._station = station
        self._limits = limits
        self._edition = edition

    async def run(self, record: ListRecord, *, verify: bool, anew: bool = False) -> ListRecord:
        """The record afterwards. `verify`: ask for the version first; `anew`: send it whole."""
        limits, edition = self._limits, self._edition
        shape = (limits.longest_uid, edition.withdrawn)
        if anew or (record.longest_uid, record.withdrawn) != shape:
            record = replace(record, held=None)
        record = replace(
            record,
            longest_uid=limits.longest_uid,
            withdrawn=edition.withdrawn,
            capacity=limits.capacity,
        )
        try:
            if verify or record.held is None:
                record = await self._verified(record)
            return await self._told(record)
        except _Failed as failed:
            return _after(failed)

    async def _verified(self, record: ListRecord) -> ListRecord:
        """Believe in what the list holds only if it has the version that it had then."""
        reply = await self._station.execute(GetLocalListVersion(), TIMEOUT)
        if not reply.accepted:
            raise _Failed(record, reply)
        version = int(reply.data["version"])
        if version < 0:  # "-1 ... to indicate that the Charge Point does not support" (5.10)
            raise _Failed(record, CommandReply(CommandOutcome.NOT_SUPPORTED, "version -1"))
        held = record.held
        if held is not None and held.version != version:
            held = None
        return replace(record, held=held, version=max(record.version, version))

    async def _told(self, record: ListRecord) -> ListRecord:
        wanted = await self._edition.wanted(self._limits)
        held = record.held
        if held is None and record.version == 0 and not wanted.listed:
            held = Held(0, wanted.revision, wanted.floors)  # it never had one and needs none
        if held is not None and (held.revision, held.floors) != (wanted.revision, wanted.floors):
            record, held = await self._changed(record, held)
        if held is None:
            messages = full(wanted.entries, record.version + 1, self._limits)
            record = await self._send(replace(record, held=None), messages)
        held = Held(record.version, wanted.revision, wanted.floors)
        return replace(
            record,
            held=held,
            entries=len(wanted.listed),
            state=ListState.IN_STEP,
            error=None,
            failures=0,
        )

    async def _changed(self, record: ListRecord, held: Held) -> tuple[ListRecord, Held | None]:
        """Send the differences; no `Held` afterwards: send all of it."""
        changes = await self._edition.changes(held, self._limits)
        if changes is None or held.version == 0:
            return record, None
        put, removed = changes
        try:
            messages = differential(put, removed, record.version + 1, self._limits)
            return await self._send(record, messages), held
        except _Failed as failed:
            if not failed.refused:
                raise
            # its version may be higher than any that we know of
            return await self._verified(replace(failed.record, held=None)), None

    async def _send(self, record: ListRecord, messages: Iterable[SendLocalList]) -> ListRecord:
        for message in messages:
            # counted before it is sent: an unanswered one may have arrived
            record = replace(record, version=message.version)
            reply = await self._station.execute(message, TIMEOUT)
            if not reply.accepted:
                raise _Failed(replace(record, held=None), reply)
        return record


def _after(failed: _Failed) -> ListRecord:
    """What is kept of an attempt that failed.

    What the station has said often enough is its last word; what it left unanswered is not.
    """
    record, reply = replace(failed.record, held=None), failed.reply
    if reply.outcome is CommandOutcome.NOT_SUPPORTED:
        return replace(record, state=ListState.NOT_SUPPORTED, error=reply.status or "NotSupported")
    failures = record.failures + 1
    said = reply.status or reply.data.get("error")
    state = ListState.REFUSED if said and failures >= MOST_FAILURES else ListState.BEHIND
    return replace(record, state=state, error=str(said or reply.outcome.value), failures=failures)
