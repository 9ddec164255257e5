"""Whose transaction it is: the first token that was accepted, and what led to that."""

from dataclasses import replace
from typing import Any

from gateway.domain import flags
from gateway.domain.events import TransactionPhase, TransactionReported
from gateway.domain.tokens import Authorization, AuthorizationStatus, TokenRef
from gateway.domain.transactions import TokenSeen, Transaction

# The token of such an event is the one that was presented to stop.
_STOPPING_TRIGGERS = frozenset({"StopAuthorized"})


def decided(transaction: Transaction) -> Authorization:
    """What was decided about the token that charges."""
    return Authorization(
        transaction.authorization or AuthorizationStatus.INVALID,
        transaction.holder,
        transaction.auth_method,
        transaction.authorization_reference,
    )


def same_token(transaction: Transaction, token: TokenRef) -> bool:
    """Whether this token is the one that charges."""
    seen = transaction.token
    return seen is not None and seen.uid.casefold() == token.uid.casefold()


def stops(event: TransactionReported) -> bool:
    """Whether an event's token, if it has one, was presented to stop."""
    return event.phase is TransactionPhase.ENDED or event.trigger in _STOPPING_TRIGGERS


def led_to(promise: dict[str, Any], transaction: Transaction) -> bool:
    """Whether a transaction is the one that a START_SESSION or a reservation promised."""
    if promise.get("transaction_id") == transaction.id:
        return True
    reservation_id = promise.get("reservation_id")
    if reservation_id is not None and transaction.reservation_id is not None:
        return bool(reservation_id == transaction.reservation_id)
    if reservation_id is None and transaction.remote_start_id is not None:
        return bool(promise["remote_start_id"] == transaction.remote_start_id)
    seen = transaction.token
    same_evse = promise["evse_id"] in (None, transaction.evse_id)
    return seen is not None and same_evse and promise["id_token"].casefold() == seen.uid.casefold()


def changed_hands(before: Transaction, after: Transaction) -> bool:
    """Whether another party is billed than was thought before the story was told again, or none."""
    if before.holder is None or not before.billable:
        return False
    if after.holder is None or not after.billable:
        return True
    was, now = before.holder, after.holder
    return (was.partner_id, was.country_code, was.party_id) != (
        now.partner_id,
        now.country_code,
        now.party_id,
    )


def vouched(
    transaction: Transaction,
    event: TransactionReported,
    authorization: Authorization | None,
    *,
    whole: bool,
) -> Transaction:
    """Who is billed: the first token that was accepted, and never one that only stops.

    Where no other was ever presented it may be that of the stop, once there is nothing more to
    come. A second token is noted and not billed, unless it is of the same group or holder.
    """
    if authorization is None:
        return transaction
    other = event.token is not None and not same_token(transaction, event.token)
    if stops(event) and (transaction.token is not None or not whole):
        return transaction
    if transaction.token is not None and other and not _together(transaction, authorization):
        transaction = transaction.flagged(flags.TOKEN_CHANGED)
    return authorized(transaction, event.token, authorization)


def _together(transaction: Transaction, authorization: Authorization) -> bool:
    one, other = transaction.holder, authorization.holder
    if one is None or other is None:
        return False
    group = authorization.group
    return one.uid == other.uid or (group is not None and group == one.group_id)


def authorized(
    transaction: Transaction, token: TokenRef | None, authorization: Authorization
) -> Transaction:
    """Note who charges. A transaction that was accepted keeps its holder whatever comes later.

    Without a token from the station it is the holder's own.
    """
    if transaction.billable:
        return transaction
    seen = transaction.token
    if token is not None:
        seen = TokenSeen(token.uid, token.types[0])
    elif authorization.holder is not None:
        seen = TokenSeen(authorization.holder.uid, authorization.holder.type)
    if not authorization.accepted:
        transaction = transaction.flagged(flags.TOKEN_REFUSED)
    elif authorization.session_id is not None:  # "the Session object status to: ACTIVE"
        transaction = transaction.in_session(authorization.session_id)
    return replace(
        transaction,
        token=seen,
        holder=authorization.holder,
        authorization=authorization.status,
        auth_method=authorization.method,
        authorization_reference=authorization.reference,
    )
