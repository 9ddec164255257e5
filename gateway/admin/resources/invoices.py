"""Invoice reconciliation: the records that we send partners, and those that partners send us."""

import uuid
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import DATES, NO_CONTENT, PAGING, PARTY, Answer, Call, Query, Route, listed
from gateway.admin.errors import BadRequest, Invalid, NotFound
from gateway.admin.lists import newest_documents
from gateway.admin.resources import party
from gateway.admin.services import Services
from gateway.canonical import InvalidDocument
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.services.billing.invoices import Reconciled, Total
from gateway.store import PageQuery

_LIMIT = 100
_DIRECTIONS = ("sent", "received")

Money = Annotated[Decimal, BeforeValidator(lambda value: str(value))]


class TotalBody(Body):
    """What the invoice comes to in one currency."""

    currency: Annotated[str, Field(min_length=3, max_length=3)]
    before_taxes: Money
    after_taxes: Money


class RecordBody(Body):
    """An invoice and its CDRs; `totals`, if given, must be what the CDRs come to."""

    id: Annotated[str, Field(min_length=1, max_length=36)] | None = Field(
        None, description="default: a new one"
    )
    partner: str
    party: str | None = Field(None, description="of ours, as NL*ABC; default: the first")
    invoice_id: Annotated[str, Field(min_length=1, max_length=255)]
    cdrs: list[str]
    totals: list[TotalBody] = Field(default_factory=list)


class ChangedBody(Body):
    """What may change of a record."""

    invoice_id: Annotated[str, Field(min_length=1, max_length=255)]
    cdrs: list[str]
    totals: list[TotalBody] = Field(default_factory=list)


class InvoiceCalls:
    """`/invoice-reconciliations`."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._parties = services.parties
        self._partners = services.partners
        self._invoices = services.invoices

    async def listing(self, call: Call) -> Answer:
        """Records, newest first, each with what its CDRs come to."""
        direction = call.query.get("direction", "sent")
        if direction not in _DIRECTIONS:
            raise BadRequest("direction is neither sent nor received")
        if direction == "received":
            return await self._received(call)
        query = PageQuery(
            date_from=call.moment("date_from"),
            date_to=call.moment("date_to"),
            partner_id=call.query.get("partner"),
        )
        sources = [self._store.party(one).invoices for one in party.asked(call, self._parties)]
        found, total = await newest_documents(sources, query, call.window(_LIMIT), None)
        return listed([await self._shown(one) for one in found], total)

    async def _received(self, call: Call) -> Answer:
        window = call.window(_LIMIT)
        found, total = await self._store.received_invoices.newest(
            call.query.get("partner"), window.offset, window.limit
        )
        shown = [
            await self._shown({"record": one.document, "partner_id": one.partner_id})
            for one in found
        ]
        return listed(shown, total)

    async def get(self, call: Call) -> Answer:
        """One of ours."""
        return Answer(await self._shown((await self._find(call))[1]))

    async def make(self, call: Call) -> Answer:
        """A new record; it is sent to the partner."""
        body = call.read(RecordBody)
        ours = party.named(body.party, self._parties)
        partner = self._partners.get(body.partner)
        if partner is None:
            raise Invalid("partner: there is no such partner")
        if not partner.sees(ours):
            raise Invalid(f"party: the partner is not to know of {ours}")
        id_ = body.id or str(uuid.uuid4())
        if await self._store.party(ours).invoices.get(id_) is not None:
            raise Invalid("id: is that of another record; PUT changes it")
        return await self._put(ours, partner, id_, body)

    async def change(self, call: Call) -> Answer:
        """A new version of one of ours; it is sent to the partner."""
        ours, stored = await self._find(call)
        body = call.read(ChangedBody)
        partner = self._partners.get(stored["partner_id"])
        if partner is None:
            raise Invalid("The partner is not there any more")
        return await self._put(ours, partner, stored["record"]["id"], body)

    async def remove(self, call: Call) -> Answer:
        """Delete one that was an error, here and at the partner."""
        ours, stored = await self._find(call)
        await self._invoices.remove(ours, stored, self._partners.get(stored["partner_id"]))
        return NO_CONTENT

    async def _put(
        self, ours: Party, partner: Partner, id: str, body: RecordBody | ChangedBody
    ) -> Answer:
        record = {"id": id, "invoice_id": body.invoice_id, "cdrs": body.cdrs}
        expected = [Total(one.currency, one.before_taxes, one.after_taxes) for one in body.totals]
        try:
            stored, new = await self._invoices.put(ours, partner, record, expected)
        except InvalidDocument as error:
            raise Invalid("The record is not right", error.errors) from None
        return Answer(await self._shown(stored), 201 if new else 200)

    async def _find(self, call: Call) -> tuple[Party, dict[str, Any]]:
        for ours in party.asked(call, self._parties):
            stored = await self._store.party(ours).invoices.get(call.path["id"])
            if stored is not None:
                return ours, stored
        raise NotFound("There is no such record")

    async def _shown(self, stored: dict[str, Any]) -> dict[str, Any]:
        record: dict[str, Any] = stored["record"]
        ours = [info.party for info in self._parties.all()]
        reconciled = await self._invoices.totals(record["cdrs"], ours)
        return record | {"partner": stored["partner_id"]} | _reconciled(reconciled)

    def routes(self) -> list[Route]:
        """The calls."""
        path, unknown = "/invoice-reconciliations", {404: "unknown record"}
        one = path + "/{id}"
        example = {
            "partner": "a1b2c3",
            "invoice_id": "2026-03-0001",
            "cdrs": ["CDR1"],
            "totals": [{"currency": "EUR", "before_taxes": 10.0, "after_taxes": 12.1}],
        }
        changed = {name: example[name] for name in ("invoice_id", "cdrs", "totals")}
        return [
            Route(
                "GET",
                path,
                "Invoice reconciliation records, each with what its CDRs come to",
                self.listing,
                query=(
                    Query("direction", "sent (default), or received: reverse billing"),
                    Query("partner", "only those of this partner's id"),
                    *DATES,
                    PARTY,
                    *PAGING,
                ),
            ),
            Route(
                "POST",
                path,
                "Make a record for a partner, which is sent it",
                self.make,
                body=RecordBody,
                example=example,
                answers={201: "the record", 422: "what is wrong"},
            ),
            Route("GET", one, "One record of ours", self.get, answers={200: "it", **unknown}),
            Route(
                "PUT",
                one,
                "Change a record of ours; the partner is sent it",
                self.change,
                body=ChangedBody,
                example=changed,
                answers={200: "the record", **unknown, 422: "what is wrong"},
            ),
            Route(
                "DELETE",
                one,
                "Delete a record that was an error, here and at the partner",
                self.remove,
                answers={204: "deleted", **unknown},
            ),
        ]


def _reconciled(reconciled: Reconciled) -> dict[str, Any]:
    return {
        "totals": [
            {
                "currency": total.currency,
                "before_taxes": total.before_taxes,
                "after_taxes": total.after_taxes,
            }
            for total in reconciled.totals
        ],
        "unknown_cdrs": reconciled.unknown,
    }
