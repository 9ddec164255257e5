"""Our own parties: the companies whose charge points this platform runs."""

from typing import Annotated, Any

from pydantic import Field

from gateway.admin.bodies import Body
from gateway.admin.calls import NO_CONTENT, Answer, Call, Route, listed
from gateway.admin.errors import InTheWay, Invalid, NotFound
from gateway.admin.services import Services
from gateway.canonical import InvalidDocument, validate_business_details
from gateway.domain.party import Party
from gateway.services.roaming.parties import PartyInfo, PartyInUse

_EXAMPLE = {"business_name": "Charge Co", "website": "https://charge.example"}


class PartyBody(Body):
    """OCPI BusinessDetails, with the name as `business_name`."""

    business_name: Annotated[str, Field(min_length=1, max_length=100)]
    website: Annotated[str, Field(max_length=255)] | None = None
    logo: dict[str, Any] | None = Field(None, description="an OCPI Image")


class PartyCalls:
    """`/parties`."""

    def __init__(self, services: Services) -> None:
        self._parties = services.parties
        self._partners = services.partners
        self._store = services.store

    async def listing(self, call: Call) -> Answer:
        """All of them, the first one first."""
        found = [self._shown(info) for info in self._parties.all()]
        return listed(found, len(found))

    async def get(self, call: Call) -> Answer:
        """One."""
        return Answer(self._shown(self._find(call)))

    async def put(self, call: Call) -> Answer:
        """Add one, or change what partners see of it."""
        party, body = _named(call), call.read(PartyBody)
        foreign = [one for one in self._partners.all() if one.acts_for(party) and not one.is_hub]
        if foreign:
            raise InTheWay(f"{party} is a party of the partner {foreign[0].name}")
        given = {"name": body.business_name, "website": body.website, "logo": body.logo}
        try:
            details = validate_business_details(
                {name: value for name, value in given.items() if value is not None}
            )
        except InvalidDocument as error:
            raise Invalid("This is no BusinessDetails", error.errors) from None
        info = PartyInfo(party, details.pop("name"), details)
        created = await self._parties.put(info)
        return Answer(self._shown(info), 201 if created else 200)

    async def delete(self, call: Call) -> Answer:
        """Remove one that has nothing any more."""
        party = self._find(call).party
        try:
            await self._parties.remove(party)
        except PartyInUse as error:
            raise InTheWay(f"{party} is in use", error.reasons) from None
        for partner in self._partners.all():
            await self._store.party(party).owed.drop_partner(partner.id)
        return NO_CONTENT

    def _find(self, call: Call) -> PartyInfo:
        info = self._parties.get(_named(call))
        if info is None:
            raise NotFound("There is no such party")
        return info

    def _shown(self, info: PartyInfo) -> dict[str, Any]:
        return {
            "party": str(info.party),
            "country_code": info.party.country_code,
            "party_id": info.party.party_id,
            "business_name": info.business_name,
            "website": info.details.get("website"),
            "logo": info.details.get("logo"),
            "default": info.party == self._parties.default,
        }

    def routes(self) -> list[Route]:
        """The calls."""
        one, unknown = "/parties/{party}", {404: "unknown party"}
        return [
            Route("GET", "/parties", "Our parties, the first one first", self.listing),
            Route("GET", one, "One party", self.get, answers={200: "the party", **unknown}),
            Route(
                "PUT",
                one,
                "Add a party (NL*ABC), or change what partners see of it",
                self.put,
                body=PartyBody,
                example=_EXAMPLE,
                answers={
                    200: "changed",
                    201: "added",
                    409: "it is a partner's party",
                    422: "what is wrong",
                },
            ),
            Route(
                "DELETE",
                one,
                "Remove a party without charge points, locations, tariffs and open sessions",
                self.delete,
                answers={204: "removed", **unknown, 409: "what it still has"},
            ),
        ]


def _named(call: Call) -> Party:
    try:
        return Party.parse(call.path["party"])
    except ValueError as error:
        raise Invalid(str(error)) from None
