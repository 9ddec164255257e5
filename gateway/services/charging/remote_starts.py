"""The promises behind remote starts.

A promise says whom the transaction is for that a station was asked to begin. It waits at the
charge point, is used up by that transaction, and expires by itself. What it says of the token is
not validated again.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.commands import CommandReply
from gateway.domain.party import Party
from gateway.store import Conflict, Store


@dataclass(frozen=True, slots=True)
class Promise:
    """Who is to be billed: `token` is an OCPI Token, `partner_id` None for the operator's own.

    `id_token` is what the station is told, `remote_start_id` the number of the request.
    """

    remote_start_id: int
    id_token: str
    evse_id: int | None
    token: Mapping[str, Any]
    partner_id: str | None = None
    authorization_reference: str | None = None


class RemoteStarts:
    """Makes promises, and takes back what a station refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def promise(self, party: Party, identity: str, promise: Promise, ttl: float) -> None:
        """Keep one for `ttl` seconds, before the station is asked."""
        document = {
            "remote_start_id": promise.remote_start_id,
            "id_token": promise.id_token,
            "evse_id": promise.evse_id,
            "token": dict(promise.token),
            "partner_id": promise.partner_id,
            "authorization_reference": promise.authorization_reference,
        }
        remote_starts = self._store.party(party).remote_starts
        await remote_starts.put(identity, str(promise.remote_start_id), document, ttl)

    async def answered(
        self, party: Party, identity: str, remote_start_id: int, reply: CommandReply
    ) -> None:
        """A refused start promises nothing; a begun one is known by its transaction (2.x)."""
        remote_starts = self._store.party(party).remote_starts
        change, key = self._store.party(party).change(), str(remote_start_id)
        transaction_id = reply.data.get("transaction_id")
        if not reply.accepted:
            remote_starts.take(change, identity, key)
        elif transaction_id is None:
            return
        else:
            members = {"transaction_id": str(transaction_id)}
            if not await remote_starts.complete(change, identity, key, members):
                return
        with contextlib.suppress(Conflict):  # its transaction was faster
            await self._store.commit(change)
