"""New passwords and security profiles for charge points, over OCPP (A01, A05)."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import Answer, Call, Route
from gateway.admin.errors import InTheWay, Invalid
from gateway.admin.services import Services
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.services.ports import NotConnected
from gateway.services.security.credentials import NetworkProfile

_TIMEOUT = 30.0  # seconds that the station has for each message
_MAY_BE_TAKEN = (CommandOutcome.ACCEPTED, CommandOutcome.TIMEOUT)


class PasswordBody(Body):
    """A new password for HTTP Basic authentication."""

    model_config = ConfigDict(strict=True)

    password: str | None = Field(
        None,
        description="16 to 40 bytes, 1.6: up to 20, or 32 to 40 hex digits; default: made here",
    )


class SecurityProfileBody(Body):
    """A higher security profile; a 2.x station needs `csms_url` as well."""

    model_config = ConfigDict(strict=True)

    profile: Annotated[int, Field(ge=1, le=3)]
    csms_url: Annotated[str, Field(pattern=r"^wss?://", max_length=512)] | None = Field(
        None, description="2.x: what the station reaches us under, without its identity"
    )
    configuration_slot: Annotated[int, Field(ge=0)] = 1
    interface: str = Field("Wired0", description="2.x: an OCPPInterfaceEnumType")
    message_timeout: Annotated[int, Field(gt=0)] = Field(30, description="2.x: seconds")


class CredentialCalls:
    """What changes how a charge point logs in."""

    def __init__(self, services: Services) -> None:
        self._credentials = services.credentials

    async def set_password(self, call: Call) -> Answer:
        """The password is shown this once, unless the station did not take it."""
        body = call.read(PasswordBody)
        try:
            password, reply = await self._credentials.set_password(
                call.path["identity"], body.password, _TIMEOUT
            )
        except (NotConnected, ValueError) as error:
            raise _refusal(error) from None
        shown = _shown(reply)
        if reply.outcome in _MAY_BE_TAKEN:
            shown["password"] = password
        return Answer(shown)

    async def set_profile(self, call: Call) -> Answer:
        """Both profiles are accepted until the station has come with the new one."""
        body = call.read(SecurityProfileBody)
        network = None
        if body.csms_url is not None:
            network = NetworkProfile(
                body.csms_url, body.configuration_slot, body.interface, body.message_timeout
            )
        try:
            reply = await self._credentials.raise_profile(
                call.path["identity"], body.profile, network, _TIMEOUT
            )
        except (NotConnected, ValueError) as error:
            raise _refusal(error) from None
        return Answer(_shown(reply))

    def routes(self) -> list[Route]:
        """The calls."""
        one = "/charge-points/{identity}"
        problems = {
            404: "unknown charge point",
            409: "not connected",
            422: "what is wrong; nothing was sent",
        }
        return [
            Route(
                "POST",
                one + "/password",
                "Give a connected charge point a new password",
                self.set_password,
                body=PasswordBody,
                answers={200: "outcome, status, and the password, this once", **problems},
                timeout=_TIMEOUT + 10,
            ),
            Route(
                "POST",
                one + "/security-profile",
                "Have a connected charge point use a higher security profile",
                self.set_profile,
                body=SecurityProfileBody,
                answers={200: "outcome, status", **problems},
                timeout=3 * _TIMEOUT + 10,
            ),
        ]


def _shown(reply: CommandReply) -> dict[str, Any]:
    return {"outcome": reply.outcome.value, "status": reply.status}


def _refusal(error: Exception) -> Exception:
    if isinstance(error, NotConnected):
        return InTheWay("The charge point is not connected")
    return Invalid(str(error))
