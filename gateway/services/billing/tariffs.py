"""Tariffs: the operator's documents, checked so that everything accepted can be priced.

What the standard allows and nobody can mean is refused too (`gateway.domain.tariffs.faults`).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.canonical import InvalidDocument, validate_tariff
from gateway.domain.bills.cdrs import cost_totals
from gateway.domain.bills.sessions import number, price_object
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.party import Party
from gateway.domain.pricing import Bill, ChargingPeriod, Dimension, Usage, price
from gateway.domain.tariffs import InvalidTariff, Tariff, parse_tariff
from gateway.domain.tariffs import faults as tariff_faults
from gateway.domain.tariffs.choice import is_shown_to, shown
from gateway.domain.tariffs.view import Audience
from gateway.domain.timestamps import from_text, to_text
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.roaming.tariff_showing import show_again
from gateway.store import Page, PageQuery, Store

Document = dict[str, Any]

_PIECE = 500

TARIFFS_TOPIC = "tariffs"  # told on the bus: what stations show may have changed


class TariffBook:
    """Keeps, shows and tries out tariffs."""

    def __init__(
        self, store: Store, partners: PartnerDirectory, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._partners = partners
        self._now = now

    async def put(self, party: Party, document: Document) -> tuple[Document, bool]:
        """Create or replace; returns the tariff and whether it is new. Raises `InvalidDocument`.

        A running session keeps the tariff that it started with. A tariff that is as it was stays
        so, `last_updated` included, and nobody is told anything. Partners that may see it no more
        get a DELETE.
        """
        tariff = validate_tariff(
            document | {"country_code": party.country_code, "party_id": party.party_id}
        )
        parsed(tariff)
        if errors := tariff_faults.errors(tariff_faults.find(tariff)):
            raise InvalidDocument(errors)
        audience = Audience.of(tariff)
        self._check_partners(audience)
        now = self._now()
        tariff["last_updated"] = to_text(now)
        store = self._store.party(party)
        known = await store.tariffs.get(tariff["id"])
        if known is not None and tariff | {"last_updated": known["last_updated"]} == known:
            return known, False
        before = await store.tariff_audiences.of(tariff["id"])
        change = store.change()
        store.tariffs.put(change, tariff["id"], tariff, updated=now)
        store.tariff_audiences.put(change, tariff["id"], audience)
        receivers = self._receivers(party, audience, before if known else None)
        store.owed.mark(change, receivers, ObjectRef(ObjectKind.TARIFF, tariff["id"]))
        await self._store.commit(change)
        if before != audience:
            await self._show_again(party, tariff["id"], audience, before)
        await self._store.bus.publish(TARIFFS_TOPIC, {"tariff": tariff["id"]})
        return tariff, known is None

    async def remove(self, party: Party, tariff_id: str) -> bool:
        """Delete a tariff; partners get a DELETE. False if it is unknown."""
        store = self._store.party(party)
        known = await store.tariffs.get(tariff_id)
        if known is None:
            return False
        change = store.change()
        store.tariffs.remove(change, tariff_id)
        before = Audience.of(known)
        after = Audience() if before.partners is None else Audience(partners=())
        store.tariff_audiences.put(change, tariff_id, after)
        receivers = self._receivers(party, before)
        store.owed.mark(change, receivers, ObjectRef(ObjectKind.TARIFF, tariff_id))
        await self._store.commit(change)
        if before.partners is not None:
            await self._show_again(party, tariff_id, after, before)
        await self._store.bus.publish(TARIFFS_TOPIC, {"tariff": tariff_id})
        return True

    async def get(self, party: Party, tariff_id: str) -> Document | None:
        """One tariff."""
        return await self._store.party(party).tariffs.get(tariff_id)

    async def page(self, party: Party, query: PageQuery) -> Page:
        """A page of tariffs, oldest first."""
        return await self._store.party(party).tariffs.page(query)

    async def seen(self, party: Party, tariff_id: str, viewer: str | None) -> Document | None:
        """One as a partner may see it; None: it may not, or there is none."""
        found = await self.get(party, tariff_id)
        return None if found is None or not is_shown_to(found, viewer) else shown(found)

    async def seen_page(self, party: Party, query: PageQuery, viewer: str | None) -> Page:
        """A page of those that a partner may see; None: that everybody may."""
        view = await self._store.party(party).tariff_audiences.view(viewer)
        page = await self.page(party, replace(query, hidden=view.hidden))
        return replace(page, items=[shown(one) for one in page.items])

    async def note_anew(self, party: Party) -> None:
        """Note whom those are for that a release before has put."""
        books = self._store.party(party)
        noted = await books.tariff_audiences.all()
        page = await books.tariffs.page(PageQuery(limit=_PIECE))
        while page.last is not None:
            change = books.change()
            for one in page.items:
                if Audience.of(one) != noted.get(one["id"].lower(), Audience()):
                    books.tariff_audiences.put(change, one["id"], Audience.of(one))
            await self._store.commit(change)
            page = await books.tariffs.page(PageQuery(after=page.last, limit=_PIECE))

    async def price(self, party: Party, tariff_id: str, body: Mapping[str, Any]) -> Document | None:
        """The bill for a made-up session; None if the tariff is unknown.

        `body` is {"start_date_time", "end_date_time", "time_zone", "charging_periods"} in OCPI's
        shapes. Raises `InvalidDocument`.
        """
        document = await self.get(party, tariff_id)
        if document is None:
            return None
        return bill_object(price(parsed(document), read_usage(body)))

    def _check_partners(self, audience: Audience) -> None:
        """A misspelt id would hide a price from those who are to pay it."""
        unknown = [one for one in audience.partners or () if self._partners.get(one) is None]
        if unknown:
            raise InvalidDocument([f"partners: there is no partner {one}" for one in unknown])

    def _receivers(self, party: Party, *audiences: Audience | None) -> list[str]:
        """Who is to hear of a tariff: whoever may see it, and whoever might before."""
        return [
            partner.id
            for partner in self._partners.receivers("tariffs", party)
            if any(one is not None and one.includes(partner.id) for one in audiences)
        ]

    async def _show_again(
        self, party: Party, tariff_id: str, now: Audience, before: Audience
    ) -> None:
        concerned = [
            partner.id
            for partner in self._partners.receivers("locations", party)
            if now.includes(partner.id) or before.includes(partner.id)
        ]
        await show_again(self._store, party, tariff_id, concerned, self._now())


def parsed(document: Mapping[str, Any]) -> Tariff:
    """The tariff as the pricing engine has it. Raises `InvalidDocument`."""
    try:
        return parse_tariff(document)
    except InvalidTariff as error:
        raise InvalidDocument([f"{error.path}: {error.reason}"]) from None


def read_usage(body: Mapping[str, Any]) -> Usage:
    """Read a session in OCPI's shapes. Raises `InvalidDocument`."""
    try:
        return Usage(
            start=from_text(body["start_date_time"]),
            end=from_text(body["end_date_time"]),
            periods=tuple(
                ChargingPeriod(
                    from_text(period["start_date_time"]),
                    {
                        Dimension(one["type"]): Decimal(one["volume"])
                        for one in period["dimensions"]
                    },
                    period.get("tariff_id"),
                )
                for period in body["charging_periods"]
            ),
            time_zone=body.get("time_zone", "UTC"),
            cancelled=body.get("cancelled") is True,
        )
    except KeyError as error:
        raise InvalidDocument([f"{error.args[0]} is missing"]) from None
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise InvalidDocument([str(error)]) from None


def bill_object(bill: Bill) -> Document:
    """A bill as JSON: the CDR's totals, what is to be paid, and every line with its clause."""
    return {
        "currency": bill.currency,
        "total_cost": price_object(bill.total_cost),
        **cost_totals(bill),
        "total_energy": number(bill.total_energy),
        "total_time": number(bill.total_time),
        "total_parking_time": number(bill.total_parking_time),
        "payable": bill.payable,
        "lines": [
            {
                "dimension": line.dimension and line.dimension.value,
                "quantity": number(line.quantity),
                "unit": line.unit,
                "price": number(line.price),
                "vat": line.vat,
                "amount": price_object(line.amount),
                "clause": line.clause,
                "description": line.description,
            }
            for line in bill.lines
        ],
        "notes": list(bill.notes),
        "priced": bill.priced,
    }
