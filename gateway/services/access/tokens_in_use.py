"""Whether a token already charges somewhere else, whichever station or node it is.

Two starts that meet in the same instant may both pass: neither is there yet for the other. A
transaction that a new start on its EVSE has superseded does not count, nor does one that nobody
pays for.
"""

from typing import Any

from gateway.domain.flags import SUPERSEDED
from gateway.domain.timestamps import to_milliseconds
from gateway.domain.tokens import AuthorizationStatus, TokenHolder
from gateway.domain.transactions import Transaction, TransactionState
from gateway.services.stations.station_state import StationState
from gateway.store import Change, Store


class TokensInUse:
    """The index from tokens to their running transactions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def note(self, state: StationState, change: Change, transaction: Transaction) -> None:
        """Write the index along with a transaction."""
        holder = transaction.holder
        if holder is None:
            return
        uses, name = self._store.party(state.party).token_uses, _name(holder)
        if transaction.is_open and transaction.billable:
            started = to_milliseconds(transaction.started_at)
            uses.begin(change, name, state.identity, transaction.id, started)
        else:
            uses.end(change, name, state.identity, transaction.id)

    async def elsewhere(
        self, state: StationState, holder: TokenHolder, evse_id: int | None
    ) -> bool:
        """Whether it charges at another EVSE than this one, which a start would take over."""
        party, name = self._store.party(state.party), _name(holder)
        stale = []
        for identity, transaction_id in await party.token_uses.of(name):
            document = await party.transactions.get(identity, transaction_id)
            if document is None or not _runs_on(document, name):
                stale.append((identity, transaction_id))
            elif (identity, document["evse_id"]) != (state.identity, evse_id):
                return True
        if stale:
            change = party.change()
            for identity, transaction_id in stale:
                party.token_uses.end(change, name, identity, transaction_id)
            await self._store.commit(change)
        return False


def _runs_on(document: dict[str, Any], name: str) -> bool:
    """Whether a stored transaction still runs, and on this token."""
    holder = document.get("holder")
    return (
        document["state"] == TransactionState.ACTIVE
        and document.get("authorization") == AuthorizationStatus.ACCEPTED
        and SUPERSEDED not in document["flags"]
        and holder is not None
        and _name_of(holder["partner_id"], holder["type"], holder["uid"]) == name
    )


def _name(holder: TokenHolder) -> str:
    return _name_of(holder.partner_id, holder.type, holder.uid)


def _name_of(partner_id: str | None, type_: str, uid: str) -> str:
    return f"{partner_id or ''}/{type_}/{uid.lower()}"
