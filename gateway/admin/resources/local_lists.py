"""The local authorization list of a charge point, and its authorization cache."""

from pydantic import ConfigDict, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import NO_CONTENT, Answer, Call, Route
from gateway.admin.errors import InTheWay, NoAnswer
from gateway.admin.services import Services
from gateway.domain.commands import CommandOutcome
from gateway.services.ports import NotConnected


class LocalListBody(Body):
    """Whether a charge point is to have a local list."""

    model_config = ConfigDict(strict=True)

    wanted: bool | None = Field(
        None, description="null: if its own settings say that it uses one; false: what it has goes"
    )


class LocalListCalls:
    """`/charge-points/{identity}/local-list` and `/authorization-cache`."""

    def __init__(self, services: Services) -> None:
        self._lists = services.local_lists

    async def get(self, call: Call) -> Answer:
        """How it stands."""
        return Answer(await self._lists.shown(call.path["identity"]))

    async def put(self, call: Call) -> Answer:
        """Switch it on or off for this charge point, or leave that to the charge point."""
        identity, body = call.path["identity"], call.read(LocalListBody)
        await self._lists.want(identity, body.wanted)
        return Answer(await self._lists.shown(identity))

    async def post(self, call: Call) -> Answer:
        """Send the whole list; what came of it is to be seen with GET."""
        try:
            await self._lists.send_anew(call.path["identity"])
        except NotConnected:
            raise InTheWay("The charge point is not connected") from None
        return Answer({"state": "asked"}, 202)

    async def clear_cache(self, call: Call) -> Answer:
        """Have it forget what it knows of tokens; its local list stays."""
        reply = await self._lists.clear_cache(call.path["identity"])
        if reply.accepted:
            return NO_CONTENT
        if reply.outcome is CommandOutcome.TIMEOUT:
            raise NoAnswer("The charge point did not answer in time")
        said = f"The charge point says {reply.status}" if reply.status else "It was not sent"
        raise InTheWay(said)

    def routes(self) -> list[Route]:
        """The calls."""
        one = "/charge-points/{identity}/local-list"
        unknown = {404: "unknown charge point"}
        return [
            Route(
                "GET",
                one,
                "The local authorization list: state, version, entries, last error",
                self.get,
                answers={200: "how it stands", **unknown},
            ),
            Route(
                "PUT",
                one,
                "Whether this charge point is to have a local list",
                self.put,
                body=LocalListBody,
                answers={200: "how it stands", **unknown, 422: "what is wrong"},
            ),
            Route(
                "POST",
                one,
                "Send the whole list, also after it was refused",
                self.post,
                answers={202: "asked", **unknown, 409: "not connected"},
            ),
            Route(
                "DELETE",
                "/charge-points/{identity}/authorization-cache",
                "Clear the authorization cache",
                self.clear_cache,
                answers={
                    204: "cleared",
                    **unknown,
                    409: "not connected, or refused",
                    504: "no answer in time",
                },
                timeout=40.0,
            ),
        ]
