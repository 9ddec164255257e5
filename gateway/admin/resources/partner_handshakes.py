"""The credentials handshake from our side: registering with a partner, renewing, moving."""

from typing import Annotated

from pydantic import ConfigDict, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import Answer, Call, Route
from gateway.admin.errors import InTheWay, Invalid, PartnerFailed
from gateway.admin.resources.partners import ALIVE, HANDSHAKE_SECONDS, PartnerCalls
from gateway.admin.services import Services
from gateway.domain.partners import PartnerState
from gateway.services.roaming.partners import RegistrationFailed

Version = Annotated[
    str | None,
    Field(max_length=20, description="the OCPI version to speak; default: see the call"),
]


class RegisterBody(Body):
    """Where we register, and the token A that the partner gave us."""

    model_config = ConfigDict(hide_input_in_errors=True)

    versions_url: Annotated[str, Field(min_length=1, max_length=255)]
    token: Annotated[str, Field(min_length=1, max_length=64)]
    version: Version = None


class UpdateBody(Body):
    """How the registration is to be from now on."""

    version: Version = None


class PartnerHandshakes:
    """`/partners/{id}/register` and `/partners/{id}/credentials`."""

    def __init__(self, services: Services, partners: PartnerCalls) -> None:
        self._registration = services.registration
        self._partners = partners

    async def register(self, call: Call) -> Answer:
        """We register with them: POST credentials."""
        partner, body = self._partners.find(call), call.read(RegisterBody)
        if partner.state is PartnerState.REGISTERED:
            raise InTheWay("The partner is registered already")
        self._check(body.version)
        try:
            registered = await self._registration.register(
                partner.id, body.versions_url, body.token, partner.name, body.version
            )
        except RegistrationFailed as error:
            raise PartnerFailed(f"The registration failed: {error}") from None
        return Answer(await self._partners.shown(registered))

    async def update(self, call: Call) -> Answer:
        """We tell them anew: PUT credentials."""
        partner = self._partners.find(call)
        body = UpdateBody() if call.body is None else call.read(UpdateBody)
        if partner.state not in ALIVE:
            raise InTheWay("The partner is not registered")
        self._check(body.version)
        try:
            updated = await self._registration.update(partner.id, body.version)
        except RegistrationFailed as error:
            raise PartnerFailed(f"The update failed: {error}") from None
        return Answer(await self._partners.shown(updated))

    def _check(self, version: str | None) -> None:
        if version is not None and version not in self._registration.versions:
            raise Invalid(f"version is one of {', '.join(self._registration.versions)}")

    def routes(self) -> list[Route]:
        """The calls."""
        one, unknown = "/partners/{id}", {404: "unknown partner"}
        return [
            Route(
                "POST",
                one + "/register",
                "Register with the partner, with the token A that it gave us, in the best version "
                "that both speak or in the one named",
                self.register,
                body=RegisterBody,
                answers={
                    200: "the partner, registered",
                    **unknown,
                    409: "registered already",
                    422: "what is wrong",
                    502: "where the handshake ended",
                },
                timeout=HANDSHAKE_SECONDS,
            ),
            Route(
                "POST",
                one + "/credentials",
                "PUT our credentials to the partner: renews both tokens, reads its endpoints "
                "again, tells it our parties; moves to the version named, if one is",
                self.update,
                body=UpdateBody,
                answers={
                    200: "the partner, updated",
                    **unknown,
                    409: "not registered",
                    422: "what is wrong",
                    502: "where the handshake ended; nothing has changed here",
                },
                timeout=HANDSHAKE_SECONDS,
            ),
        ]
