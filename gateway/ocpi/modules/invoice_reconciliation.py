"""Invoice Reconciliation, both interfaces (2.3.0 mod_invoice_reconciliation 1.2).

Sender, for direct billing: the records that we have made for the partner that asks. Receiver, for
reverse billing: the records that a partner makes; "Client Owned Objects", each in its own space.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from gateway.canonical import InvalidDocument, validate_invoice_record
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text, to_text
from gateway.domain.token_owner import list_behind
from gateway.ocpi.incoming import paging
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.incoming.errors import InvalidParameters, UnknownResource
from gateway.ocpi.platform import Platform
from gateway.store import Store

_LIST = "/invoicereconciliation"
_ONE = _LIST + "/{country_code}/{party_id}/{id}"


class InvoiceReconciliation:
    """Our list; and what the partner makes."""

    def __init__(self, platform: Platform, store: Store, now: Callable[[], datetime]) -> None:
        self._platform = platform
        self._store = store
        self._received = store.received_invoices
        self._now = now

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [
            Route("GET", _LIST, self.list),
            Route("POST", _LIST, self.post),
            Route("GET", _ONE, self.get),
            Route("PUT", _ONE, self.put),
            Route("DELETE", _ONE, self.delete),
        ]

    async def list(self, call: Call) -> Answer:
        """Our records for the partner, oldest first."""
        request = paging.read(call.query)
        listing = await paging.collect(
            request,
            self._platform.addressed(call.partner, call.routing),
            lambda party, query: self._store.party(party).invoices.page(query),
            call.list_name,
        )
        records = [one["record"] for one in listing.items]
        return paging.answer(request, call.url, records, listing)

    async def get(self, call: Call) -> Answer:
        """A record of the partner's, as we hold it."""
        party = _party(call)
        found = None
        if call.speaks_as(party):
            found = await self._received.get(_owner(call, party), call.path["id"])
        if found is None:
            raise UnknownResource("Unknown invoice reconciliation record")
        return Answer(found)

    async def post(self, call: Call) -> Answer:
        """A new record."""
        record = self._read(call)
        return await self._keep(call, record)

    async def put(self, call: Call) -> Answer:
        """A new version of a record."""
        record = self._read(call)
        party = Party(record["country_code"], record["party_id"])
        if party != _party(call) or record["id"].lower() != call.path["id"].lower():
            raise InvalidParameters("The URL names another record than the body")
        return await self._keep(call, record)

    async def delete(self, call: Call) -> Answer:
        """ "The record itself was an error"."""
        party = _party(call)
        if not call.speaks_as(party):
            raise InvalidParameters("country_code and party_id in the URL are none of yours")
        if not await self._received.delete(_owner(call, party), call.path["id"]):
            raise InvalidParameters("Unknown invoice reconciliation record")
        return Answer()

    def _read(self, call: Call) -> dict[str, Any]:
        body = call.object()
        if body.get("last_updated") is None:
            body = body | {"last_updated": to_text(self._now())}
        try:
            record = validate_invoice_record(body)
        except InvalidDocument as error:
            raise InvalidParameters(f"InvoiceReconciliationRecord: {error}") from None
        if not call.speaks_as(Party(record["country_code"], record["party_id"])):
            raise InvalidParameters("The record's country_code and party_id are none of yours")
        return record

    async def _keep(self, call: Call, record: dict[str, Any]) -> Answer:
        owner = _owner(call, Party(record["country_code"], record["party_id"]))
        updated = from_text(record["last_updated"])
        created = await self._received.put(owner, record["id"], record, updated)
        return Answer(http_status=201 if created else 200)


def _owner(call: Call, party: Party) -> str:
    return list_behind(call.partner.id, party)


def _party(call: Call) -> Party:
    try:
        return Party(call.path["country_code"], call.path["party_id"])
    except ValueError:
        raise UnknownResource("The URL names no party") from None
