"""Tariffs: OCPI 2.3.0 documents, what is doubtful in them, and what a session would cost."""

from dataclasses import asdict
from typing import Any

from pydantic import Field

from gateway.admin.bodies import Body
from gateway.admin.calls import NO_CONTENT, PAGING, PARTY, Answer, Call, Query, Route, listed
from gateway.admin.errors import BadRequest, NotFound
from gateway.admin.lists import part
from gateway.admin.resources import party
from gateway.admin.resources.documents import identified
from gateway.admin.services import Services
from gateway.canonical.tariffs import Tariff
from gateway.domain.party import Party
from gateway.domain.tariffs import faults as tariff_faults
from gateway.domain.tariffs import words as tariff_words
from gateway.services.billing.tariffs import parsed
from gateway.store import PageQuery

# Beside the tariff in the answer to PUT, where there are any. No member of a Tariff: what comes in
# under this name is not kept, so that an answer can be put back.
WARNINGS = "warnings"

EXAMPLE = {
    "id": "T1",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.30, "step_size": 1}]}],
}


class PriceBody(Body):
    """A session in OCPI's own shapes."""

    start_date_time: str
    end_date_time: str
    time_zone: str = Field("UTC", description="IANA name")
    charging_periods: list[dict[str, Any]]
    cancelled: bool = Field(
        False, description="nothing but a reservation, which was cancelled before it expired"
    )


class TariffCalls:
    """`/tariffs`."""

    def __init__(self, services: Services) -> None:
        self._tariffs = services.tariffs
        self._parties = services.parties

    async def listing(self, call: Call) -> Answer:
        """All of them."""
        found: list[Any] = []
        for one in party.asked(call, self._parties):
            found += (await self._tariffs.page(one, PageQuery(limit=100_000))).items
        return listed(part(found, call.window(None)), len(found))

    async def get(self, call: Call) -> Answer:
        """One."""
        return Answer((await self._find(call))[1])

    async def put(self, call: Call) -> Answer:
        """Create or replace one; running sessions keep the one they started with.

        With `partners`, only those see it and pay it.
        """
        document = {name: value for name, value in identified(call).items() if name != WARNINGS}
        owner = party.owner(call, document, self._parties)
        tariff, created = await self._tariffs.put(owner, document)
        warnings = _findings(tariff)
        body = tariff | ({WARNINGS: warnings} if warnings else {})
        return Answer(body, 201 if created else 200)

    async def check(self, call: Call) -> Answer:
        """What is doubtful in one."""
        return Answer({"findings": _findings((await self._find(call))[1])})

    async def description(self, call: Call) -> Answer:
        """One in words."""
        language = call.query.get("language", "en").lower()
        if language not in tariff_words.LANGUAGES:
            raise BadRequest(f"language is none of {', '.join(tariff_words.LANGUAGES)}")
        text = tariff_words.describe(parsed((await self._find(call))[1]), language)
        return Answer({"language": language, "text": text})

    async def delete(self, call: Call) -> Answer:
        """Delete one."""
        owner, tariff = await self._find(call)
        await self._tariffs.remove(owner, tariff["id"])
        return NO_CONTENT

    async def price(self, call: Call) -> Answer:
        """The CDR's totals for a made-up session, and every line with its clause."""
        owner, tariff = await self._find(call)
        priced = await self._tariffs.price(owner, tariff["id"], call.members(PriceBody))
        if priced is None:
            raise NotFound("There is no such tariff")
        return Answer(priced)

    async def _find(self, call: Call) -> tuple[Party, dict[str, Any]]:
        for one in party.asked(call, self._parties):
            found = await self._tariffs.get(one, call.path["id"])
            if found is not None:
                return one, found
        raise NotFound("There is no such tariff")

    def routes(self) -> list[Route]:
        """The calls."""
        unknown = {404: "unknown tariff"}
        return [
            Route("GET", "/tariffs", "All tariffs", self.listing, query=(PARTY, *PAGING)),
            Route(
                "GET",
                "/tariffs/{id}",
                "One tariff",
                self.get,
                query=(PARTY,),
                answers={200: "the tariff", **unknown},
            ),
            Route(
                "PUT",
                "/tariffs/{id}",
                "Create or replace a tariff",
                self.put,
                body=Tariff,
                example=EXAMPLE,
                query=(PARTY,),
                answers={
                    200: "replaced; with `warnings` about what is doubtful",
                    201: "created; with `warnings` about what is doubtful",
                    422: "what breaks the standard, cannot be meant, or a partner there is not",
                },
            ),
            Route(
                "GET",
                "/tariffs/{id}/check",
                "What is doubtful in a tariff: the usual mistakes",
                self.check,
                query=(PARTY,),
                answers={200: "findings: name, severity, path, text, clause", **unknown},
            ),
            Route(
                "GET",
                "/tariffs/{id}/description",
                "A tariff in plain words",
                self.description,
                query=(PARTY, Query("language", f"one of {', '.join(tariff_words.LANGUAGES)}")),
                answers={200: "language and text", **unknown},
            ),
            Route(
                "DELETE",
                "/tariffs/{id}",
                "Delete a tariff; partners get a DELETE",
                self.delete,
                query=(PARTY,),
                answers={204: "deleted", **unknown},
            ),
            Route(
                "POST",
                "/tariffs/{id}/price",
                "What a session would cost",
                self.price,
                body=PriceBody,
                query=(PARTY,),
                answers={
                    200: "total_cost, ... as 2.3.0 Price; lines, each with its clause; notes",
                    **unknown,
                    422: "why not",
                },
            ),
        ]


def _findings(tariff: dict[str, Any]) -> list[dict[str, Any]]:
    return [asdict(one) for one in tariff_faults.find(tariff)]
