"""OCPI sessions and CDRs: what happened, and sending a CDR again."""

from typing import Any

from gateway.admin.calls import DATES, PAGING, PARTY, Answer, Call, Query, Route, listed
from gateway.admin.errors import InTheWay, NotFound, NotThereYet
from gateway.admin.lists import DEFAULT_LIMIT, Keep, newest_documents
from gateway.admin.resources import party
from gateway.admin.services import Services
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.party import Party
from gateway.domain.tokens import TokenHolder
from gateway.store import Documents, PageQuery, PartyStore

Document = dict[str, Any]


class BookCalls:
    """`/sessions` and `/cdrs`."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._parties = services.parties
        self._partners = services.partners

    async def sessions(self, call: Call) -> Answer:
        """Sessions, newest first."""
        return await self._listed(call, [one.sessions for one in self._books(call)])

    async def session(self, call: Call) -> Answer:
        """One session."""
        for one in self._books(call):
            found = await one.sessions.get(call.path["id"])
            if found is not None:
                return Answer(found)
        raise NotFound("There is no such session")

    async def cdrs(self, call: Call) -> Answer:
        """CDRs, newest first."""
        return await self._listed(call, [one.cdrs for one in self._books(call)])

    async def cdr(self, call: Call) -> Answer:
        """One CDR."""
        return Answer((await self._find(call))[1])

    async def resend(self, call: Call) -> Answer:
        """Owe a CDR to its partner again; the same id and body go out."""
        books, cdr = await self._find(call)
        partner_id = await self._partner_of(books, cdr)
        if partner_id is None:
            raise InTheWay("The CDR concerns no registered partner")
        ref = ObjectRef(ObjectKind.CDR, cdr["id"])
        # what it acknowledged before is forgotten, else there would be nothing to send
        await books.owed.set_known(partner_id, ref, None)
        change = books.change()
        books.owed.mark(change, [partner_id], ref)
        await self._store.commit(change)
        return Answer({"id": cdr["id"], "partner_id": partner_id}, 202)

    async def credit(self, call: Call) -> Answer:
        """Credit CDRs are not made yet."""
        await self._find(call)
        raise NotThereYet("Credit CDRs cannot be made yet; correct the CDR with the partner")

    async def _listed(self, call: Call, sources: list[Documents]) -> Answer:
        query = PageQuery(
            date_from=call.moment("date_from"),
            date_to=call.moment("date_to"),
            partner_id=call.query.get("partner"),
        )
        items, total = await newest_documents(
            sources, query, call.window(DEFAULT_LIMIT), _filter(call)
        )
        return listed(items, total)

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
        holder: TokenHolder | dict[str, Any] | None = (transaction or {}).get("holder")
        if isinstance(holder, dict):
            partner_id = holder["partner_id"]
            return partner_id if partner_id and self._partners.get(partner_id) else None
        token = cdr["cdr_token"]
        owner = Party(token["country_code"], token["party_id"])
        return next((one.id for one in self._partners.all() if one.acts_for(owner)), None)

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
                "Make a credit CDR; this version cannot yet and answers 501",
                self.credit,
                answers={501: "not implemented yet", **unknown_cdr},
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
