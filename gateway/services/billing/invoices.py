"""Invoice reconciliation records: which CDRs an invoice is about (OCPI 2.3.0).

With direct billing we make them and a partner is sent them; with reverse billing the partner makes
them. A record of ours names CDRs of ours that the partner can see, each once, and if the operator
says what the invoice comes to, that must be what the CDRs come to.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.canonical import InvalidDocument, validate_invoice_record
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.timestamps import to_text
from gateway.domain.token_owner import list_behind, token_owner
from gateway.store import PartyStore, Store

MODULE = "invoicereconciliation"

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Total:
    """What some CDRs come to in one currency."""

    currency: str
    before_taxes: Decimal
    after_taxes: Decimal


class Invoices:
    """The records that we make."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def put(
        self, party: Party, partner: Partner, document: Document, expected: Sequence[Total]
    ) -> tuple[Document, bool]:
        """Make or change a record and owe it to the partner; whether it is new.

        Raises `InvalidDocument` with everything that is wrong with it.
        """
        books = self._store.party(party)
        record = validate_invoice_record(
            document
            | {"country_code": party.country_code, "party_id": party.party_id}
            | {"last_updated": to_text(self._now())}
        )
        owner = await self._checked(books, partner, record["cdrs"], expected)
        before = await books.invoices.get(record["id"])
        if before is not None and before["partner_id"] != partner.id:
            raise InvalidDocument(["id: is that of a record for another partner"])
        # `cdr_token` as in a CDR: whose it is, behind a hub
        stored = {
            "record": record,
            "partner_id": partner.id,
            "cdr_token": {"country_code": owner.country_code, "party_id": owner.party_id},
        }
        change = books.change()
        books.invoices.put(change, record["id"], stored, updated=self._now(), partner_id=partner.id)
        self._owe(books, change, partner, record["id"])
        await self._store.commit(change)
        return stored, before is None

    async def remove(self, party: Party, stored: Document, partner: Partner | None) -> None:
        """Delete a record, here and at the partner: "the record itself was an error"."""
        books, id_ = self._store.party(party), stored["record"]["id"]
        change = books.change()
        books.invoices.remove(change, id_)
        books.invoices.hide(change, id_, stored["partner_id"])
        owner = token_owner(stored)
        if owner is not None:
            books.invoices.hide(change, id_, list_behind(stored["partner_id"], owner))
        if partner is not None:
            self._owe(books, change, partner, id_)
        await self._store.commit(change)

    async def totals(self, cdr_ids: Iterable[str], parties: Iterable[Party]) -> "Reconciled":
        """What CDRs of ours come to, and which of the ids are none."""
        missing, found = dict.fromkeys(cdr_ids), []
        for party in parties:
            ids = list(missing)
            cdrs = await self._store.party(party).cdrs.get_many(ids)
            for id_, cdr in zip(ids, cdrs, strict=True):
                if cdr is not None:
                    found.append(cdr)
                    del missing[id_]
        return Reconciled(totals(found), list(missing))

    def _owe(self, books: PartyStore, change: Any, partner: Partner, id: str) -> None:
        if partner.endpoint(MODULE, "RECEIVER") is not None:
            books.owed.mark(change, [partner.id], ObjectRef(ObjectKind.INVOICE, id))

    async def _checked(
        self, books: PartyStore, partner: Partner, ids: list[str], expected: Sequence[Total]
    ) -> Party:
        """The party that is billed: the owner of the tokens. Raises `InvalidDocument`."""
        faults = [f"cdrs: {id_} is there twice" for id_ in _repeated(ids)]
        cdrs = await books.cdrs.get_many(ids)
        listed = await books.cdrs.are_listed(ids, partner.id)
        found = []
        for id_, cdr, visible in zip(ids, cdrs, listed, strict=True):
            if cdr is None:
                faults.append(f"cdrs: there is no CDR {id_}")
            elif not visible:
                faults.append(f"cdrs: {id_} is not a CDR of this partner")
            else:
                found.append(cdr)
        owners = {owner for owner in map(token_owner, found) if owner is not None}
        if len(owners) > 1 and partner.is_hub:
            faults.append("cdrs: of several parties behind the hub; make one record for each")
        sums = totals(found)
        if expected and not faults and sorted(expected, key=_currency) != sums:
            said = ", ".join(f"{one.after_taxes} {one.currency}" for one in sums)
            faults.append(f"total: is not what the CDRs come to, {said} after taxes")
        if faults or not owners:
            raise InvalidDocument(faults or ["cdrs: of no party"])
        return min(owners)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What the CDRs of a record come to, by currency; `unknown` are ids of none of ours."""

    totals: list[Total]
    unknown: list[str]


def totals(cdrs: Iterable[Mapping[str, Any]]) -> list[Total]:
    """What CDRs come to, by currency. Credit CDRs count as they are: negative."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    for cdr in cdrs:
        before = Decimal(cdr["total_cost"]["before_taxes"])
        taxes = sum(
            (Decimal(tax["amount"]) for tax in cdr["total_cost"].get("taxes", ())), Decimal()
        )
        net, gross = sums.get(cdr["currency"], (Decimal(), Decimal()))
        sums[cdr["currency"]] = net + before, gross + before + taxes
    return [Total(currency, *sums[currency]) for currency in sorted(sums)]


def _currency(total: Total) -> str:
    return total.currency


def _repeated(ids: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    again = []
    for id_ in ids:
        if id_.lower() in seen:
            again.append(id_)
        seen.add(id_.lower())
    return again
