"""The `remark` of a CDR: why it ended, and what an operator had to do with it.

"additional human readable information to the CDR, for example: reason why a transaction was
stopped" (mod_cdrs 10.3.1, string(255)). Codes in a fixed order, so that a program can read it too:

    STOP EVDisconnected; CLOSED; RELEASED start-missing went-back; CORRECTED; VIN unreadable

STOP: the reason, in OCPP's word. CLOSED: no end was heard, the operator ended it. RELEASED: it was
held for these reasons (`holding.NAME_OF`), and was let go by the operator or by a rule. CORRECTED:
times or energy are the operator's. Last come the operator's own words.
"""

from collections.abc import Iterable, Iterator

from gateway.domain import flags
from gateway.domain.bills.decisions import LONGEST_REMARK, Act
from gateway.domain.bills.holding import NAME_OF
from gateway.domain.transactions import Transaction

_BETWEEN = "; "


def remark(transaction: Transaction) -> str | None:
    """What there is to say of a billed transaction; None: nothing. Cut at its end if too long."""
    return joined(_parts(transaction))


def joined(parts: Iterable[str]) -> str | None:
    """One remark of several, as OCPI can have it ("Only printable UTF-8 allowed", types 1.5)."""
    text = _BETWEEN.join(parts)
    printable = "".join(one if one.isprintable() else " " for one in text)
    return printable[:LONGEST_REMARK].strip() or None


def _parts(transaction: Transaction) -> Iterator[str]:
    if transaction.stop_reason:
        yield f"STOP {transaction.stop_reason}"
    if flags.CLOSED_BY_OPERATOR in transaction.flags:
        yield "CLOSED"
    released = _released(transaction)
    if released:
        yield " ".join(("RELEASED", *released))
    if transaction.corrected:
        yield "CORRECTED"
    words = [one.remark for one in transaction.decisions if one.remark]
    if words:
        yield words[-1]


def _released(transaction: Transaction) -> list[str]:
    """Names of what had held it: what still says so on the record, and what a decision names."""
    found = dict.fromkeys(one for one in transaction.flags if one in NAME_OF)
    for decision in transaction.decisions:
        if decision.act is not Act.VOIDED:
            found |= dict.fromkeys(one for one in decision.reasons if one in NAME_OF)
    return [NAME_OF[one] for one in found]
