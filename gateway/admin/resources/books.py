"""OCPI sessions and CDRs: what happened, and sending a CDR again."""

from dataclasses import replace
from typing import Any

from gateway.admin.calls import DATES, PAGING, PARTY, Answer, Call, Query, Route, listed
from gateway.admin.errors import InTheWay, NotFound, PartnerFailed
from gateway.admin.lists import DEFAULT_LIMIT, Keep, newest_documents
from gateway.admin.resources import party
from gateway.admin.resources.held_cdrs import Remark, told, without_kept
from gateway.admin.resources.payers import payer_of
from gateway.admin.services import Services
from gateway.domain.bills.cdr_series import place_of
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.party import Party
from gateway.domain.token_owner import list_behind
from gateway.services.billing.credits import CreditCdrs, NotPossible
from gateway.services.ports import CopyUnreadable
from gateway.store import Documents, PageQuery, PartyStore

Document = dict[str, Any]


class BookCalls:
    """`/sessions` and `/cdrs`."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._parties = services.parties
        self._partners = services.partners
        self._copies = services.cdr_copies
        self._credits = CreditCdrs(services.store, services.now)

    async def sessions(self, call: Call) -> Answer:
        """Sessions, newest first, with what their drivers prefer."""
        listing = await self._listed(call, [one.sessions for one in self._books(call)])
        return replace(listing, body=await self._with_preferences(listing.body))

    async def session(self, call: Call) -> Answer:
        """One session."""
        for one in self._books(call):
            found = await one.sessions.get(call.path["id"])
            if found is not None:
                return Answer((await self._with_preferences([found]))[0])
        raise NotFound("There is no such session")

    async def cdrs(self, call: Call) -> Answer:
        """CDRs, newest first."""
        return await self._listed(call, [one.cdrs for one in self._books(call)])

    async def cdr(self, call: Call) -> Answer:
        """One CDR, with what followed it and what a payment terminal provider has confirmed."""
        books, cdr = await self._find(call)
        shown = without_kept(cdr) | await _followed(books, cdr["id"])
        reference = cdr.get("authorization_reference")
        partner_id = await self._partner_of(books, cdr) if reference else None
        if partner_id is None or reference is None:
            return Answer(shown)
        token = cdr["cdr_token"]
        owner = Party(token["country_code"], token["party_id"])
        for name in (partner_id, list_behind(partner_id, owner)):
            found = await self._store.confirmations.by_reference(name, reference)
            if found is not None:
                return Answer(shown | {"financial_advice_confirmation": found})
        return Answer(shown)

    async def resend(self, call: Call) -> Answer:
        """Owe a CDR to its partner again; the same id and body go out."""
        books, cdr = await self._find(call)
        partner_id = await self._partner_of(books, cdr)
        if partner_id is None:
            raise InTheWay("The CDR concerns no registered partner")
        answer = told(self._partners.get(partner_id), cdr["id"])
        if not answer["sent"]:
            raise InTheWay(answer["why"])
        ref = ObjectRef(ObjectKind.CDR, cdr["id"])
        # what it acknowledged before is forgotten, else there would be nothing to send
        await books.owed.set_known(partner_id, ref, None)
        change = books.change()
        books.owed.mark(change, [partner_id], ref)
        await self._store.commit(change)
        return Answer({"id": cdr["id"], "partner_id": partner_id}, 202)

    async def at_partner(self, call: Call) -> Answer:
        """A CDR as its partner holds it, and how that differs from ours."""
        books, cdr = await self._find(call)
        partner = self._partners.get(await self._partner_of(books, cdr) or "")
        if partner is None:
            raise InTheWay("The CDR concerns no registered partner")
        try:
            copy = await self._copies.read(partner, books.party, cdr)
        except CopyUnreadable as error:
            raise PartnerFailed(f"The partner's copy could not be read: {error}") from None
        return Answer(
            {
                "partner_id": partner.id,
                "url": copy.url,
                "found": copy.document is not None,
                "same": copy.document is not None and not copy.differences,
                "differences": list(copy.differences),
                "cdr": copy.document,
            }
        )

    async def credit(self, call: Call) -> Answer:
        """Take a CDR back, as a whole and once."""
        remark = call.read(Remark).remark if call.body is not None else None
        books, cdr = await self._find(call)
        partner_id = await self._partner_of(books, cdr)
        try:
            made = await self._credits.credit(books.party, cdr, partner_id, remark)
        except NotPossible as error:
            raise InTheWay(str(error)) from None
        partner = self._partners.get(partner_id or "")
        return Answer(
            {"id": made["id"], "credit_reference_id": cdr["id"], **told(partner, made["id"])}, 201
        )

    async def _listed(self, call: Call, sources: list[Documents]) -> Answer:
        query = PageQuery(
            date_from=call.moment("date_from"),
            date_to=call.moment("date_to"),
            partner_id=call.query.get("partner"),
        )
        items, total = await newest_documents(
            sources, query, call.window(DEFAULT_LIMIT), _filter(call)
        )
        return listed([without_kept(one) for one in items], total)

    async def _with_preferences(self, sessions: list[Document]) -> list[Document]:
        """OCPI has no place in a Session for the ChargingPreferences that were put to it."""
        wanted: dict[tuple[str, str], Document | None] = {}
        for owner in {(one["country_code"], one["party_id"]) for one in sessions}:
            ids = [one["id"] for one in sessions if (one["country_code"], one["party_id"]) == owner]
            found = await self._store.party(Party(*owner)).preferences.of(ids)
            wanted |= {(str(owner), id_): one for id_, one in zip(ids, found, strict=True)}
        return [
            one
            | {
                "charging_preferences": wanted[
                    str((one["country_code"], one["party_id"])), one["id"]
                ]
            }
            for one in sessions
        ]

    def _books(self, call: Call) -> list[PartyStore]:
        return [self._store.party(one) for one in party.asked(call, self._parties)]

    async def _find(self, call: Call) -> tuple[PartyStore, Document]:
        for one in self._books(call):
            found = await one.cdrs.get(call.path["id"])
            if found is not None:
                return one, found
        raise NotFound("There is no such CDR")

    async def _partner_of(self, books: PartyStore, cdr: Document) -> str | None:
        """Who is billed: as the transaction has it, else whose role the token's party is."""
        found = await books.transactions.of_session(cdr.get("session_id") or "")
        transaction = await books.transactions.get(*found) if found else None
        token = cdr["cdr_token"]
        owner = Party(token["country_code"], token["party_id"])
        return payer_of(self._partners, (transaction or {}).get("holder"), owner)

    def routes(self) -> list[Route]:
        """The calls."""
        filters = (
            Query("partner", "only those of this partner's id"),
            Query("token", "only those of this token uid"),
            Query("location", "only those at this location id"),
            *DATES,
            PARTY,
            *PAGING,
        )
        unknown_session, unknown_cdr = {404: "unknown session"}, {404: "unknown CDR"}
        return [
            Route(
                "GET",
                "/sessions",
                "OCPI sessions, newest first",
                self.sessions,
                query=(Query("status", "ACTIVE, COMPLETED, ..."), *filters),
            ),
            Route(
                "GET",
                "/sessions/{id}",
                "One session",
                self.session,
                answers={200: "the session", **unknown_session},
            ),
            Route("GET", "/cdrs", "CDRs, newest first", self.cdrs, query=filters),
            Route(
                "GET", "/cdrs/{id}", "One CDR", self.cdr, answers={200: "the CDR", **unknown_cdr}
            ),
            Route(
                "GET",
                "/cdrs/{id}/at-partner",
                "A CDR as its partner holds it, compared with ours",
                self.at_partner,
                answers={
                    200: "found, same, differences, cdr, url",
                    **unknown_cdr,
                    409: "no partner is concerned",
                    502: "why it could not be read",
                },
            ),
            Route(
                "POST",
                "/cdrs/{id}/resend",
                "Send a CDR to its partner again, with the same id and body",
                self.resend,
                answers={
                    202: "it is owed again",
                    **unknown_cdr,
                    409: "no partner is concerned",
                },
            ),
            Route(
                "POST",
                "/cdrs/{id}/credit",
                "Make the Credit CDR of a CDR: all its data, the total negative; once",
                self.credit,
                body=Remark,
                example={"remark": "charged twice"},
                answers={
                    201: "id of the Credit CDR, and who is told",
                    **unknown_cdr,
                    409: "it was credited already, or is a Credit CDR itself",
                },
            ),
        ]


def _filter(call: Call) -> Keep | None:
    """What the store has no index for; None when nothing of it is asked."""
    status, token = call.query.get("status"), call.query.get("token")
    location = call.query.get("location")
    if (status, token, location) == (None, None, None):
        return None

    def keep(document: Document) -> bool:
        at = document.get("location_id") or document.get("cdr_location", {}).get("id", "")
        return (
            (status is None or document.get("status") == status.upper())
            and (token is None or document["cdr_token"]["uid"].casefold() == token.casefold())
            and (location is None or at.casefold() == location.casefold())
        )

    return keep


async def _followed(books: PartyStore, cdr_id: str) -> Document:
    """The CDRs that have taken a CDR back, and its place; nothing where there are none."""
    place = place_of(cdr_id)
    later = {"credited_by": place.credited_by, "corrected_by": place.corrected_by}
    ids = {name: one.id for name, one in later.items() if one is not None}
    found = await books.cdrs.get_many(ids.values())
    return {name: id_ for (name, id_), one in zip(ids.items(), found, strict=True) if one}
