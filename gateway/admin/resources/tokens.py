"""The operator's own tokens."""

from typing import Literal

from pydantic import Field

from gateway.admin.bodies import Body
from gateway.admin.calls import NO_CONTENT, PAGING, Answer, Call, Route, listed
from gateway.admin.errors import NotFound
from gateway.admin.lists import part
from gateway.admin.services import Services


class TokenBody(Body):
    """Past `expires_at` a token answers Expired; an unknown one Invalid."""

    status: Literal["Accepted", "Blocked"] = "Accepted"
    expires_at: str | None = None
    group_id: str | None = Field(
        None, description="its members may stop each other's transactions", max_length=36
    )
    language: str | None = Field(None, description="ISO 639-1; what the station speaks to its user")
    concurrent: bool | None = Field(
        None, description="may charge at several places at once; unset: as the setting says"
    )


class TokenCalls:
    """`/tokens`."""

    def __init__(self, services: Services) -> None:
        self._tokens = services.own_tokens

    async def listing(self, call: Call) -> Answer:
        """All of them."""
        found = await self._tokens.all()
        return listed(part(found, call.window(None)), len(found))

    async def get(self, call: Call) -> Answer:
        """One."""
        found = await self._tokens.get(call.path["type"], call.path["uid"])
        if found is None:
            raise NotFound("There is no such token")
        return Answer(found)

    async def put(self, call: Call) -> Answer:
        """Create or replace one."""
        type_, uid = call.path["type"], call.path["uid"]
        body = call.members(TokenBody, "type", "uid")  # which GET shows, and the path decides
        known = await self._tokens.get(type_, uid)
        stored = await self._tokens.put(type_, uid, body)
        return Answer(stored, 201 if known is None else 200)

    async def delete(self, call: Call) -> Answer:
        """Forget one."""
        if not await self._tokens.remove(call.path["type"], call.path["uid"]):
            raise NotFound("There is no such token")
        return NO_CONTENT

    def routes(self) -> list[Route]:
        """The calls."""
        one, unknown = "/tokens/{type}/{uid}", {404: "unknown token"}
        return [
            Route("GET", "/tokens", "The operator's own tokens", self.listing, query=PAGING),
            Route("GET", one, "One token", self.get, answers={200: "the token", **unknown}),
            Route(
                "PUT",
                one,
                "Create or replace a token",
                self.put,
                body=TokenBody,
                answers={200: "replaced", 201: "created", 422: "what is wrong"},
            ),
            Route(
                "DELETE", one, "Forget a token", self.delete, answers={204: "forgotten", **unknown}
            ),
        ]
