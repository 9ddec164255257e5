"""Roaming partners: inviting, registering, watching and removing them."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import NO_CONTENT, Answer, Call, Route, listed
from gateway.admin.errors import InTheWay, Invalid, NotFound, PartnerFailed
from gateway.admin.services import Services
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.timestamps import to_text
from gateway.services.roaming.partners import RegistrationFailed

_REFUSED_SHOWN = 100
_HANDSHAKE_SECONDS = 120.0
_ALIVE = (PartnerState.REGISTERED, PartnerState.SUSPENDED)

Name = Annotated[str, Field(min_length=1, max_length=100)]


class InviteBody(Body):
    """A partner that will register with us."""

    name: Name


class RegisterBody(Body):
    """Where we register, and the token A that the partner gave us."""

    model_config = ConfigDict(hide_input_in_errors=True)

    versions_url: Annotated[str, Field(min_length=1, max_length=255)]
    token: Annotated[str, Field(min_length=1, max_length=64)]


class ChangeBody(Body):
    """What an operator may change; what is absent stays."""

    name: Name | None = None
    quirks: list[str] | None = None


class PartnerCalls:
    """`/partners`."""

    def __init__(self, services: Services) -> None:
        self._partners = services.partners
        self._registration = services.registration
        self._deliveries = services.deliveries
        self._store = services.store
        self._parties = services.parties
        self._versions_url = services.versions_url

    async def listing(self, call: Call) -> Answer:
        """All of them, oldest first."""
        found = await self.everybody()
        return listed(found, len(found))

    async def everybody(self) -> list[Any]:
        """All partners as operators see them."""
        return [await self.shown(partner) for partner in self._partners.all()]

    async def get(self, call: Call) -> Answer:
        """One."""
        return Answer(await self.shown(self._find(call)))

    async def invite(self, call: Call) -> Answer:
        """A new partner; its token A is shown this once."""
        body = call.read(InviteBody)
        try:
            partner, token = await self._partners.invite(body.name)
        except ValueError as error:
            raise Invalid(str(error)) from None
        handed_over = {"token": token, "our_versions_url": self._versions_url}
        return Answer(await self.shown(partner) | handed_over, 201)

    async def register(self, call: Call) -> Answer:
        """We register with them."""
        partner, body = self._find(call), call.read(RegisterBody)
        if partner.state in _ALIVE:
            raise InTheWay("The partner is registered already")
        try:
            registered = await self._registration.register(
                partner.id, body.versions_url, body.token, partner.name
            )
        except RegistrationFailed as error:
            raise PartnerFailed(f"The registration failed: {error}") from None
        return Answer(await self.shown(registered))

    async def change(self, call: Call) -> Answer:
        """Another name, other quirks."""
        self._find(call)
        body = call.read(ChangeBody)
        partner = self._find(call)
        quirks = partner.quirks if body.quirks is None else frozenset(body.quirks)
        changed = replace(partner, name=body.name or partner.name, quirks=quirks)
        await self._partners.save(changed)
        return Answer(await self.shown(changed))

    async def remove(self, call: Call) -> Answer:
        """End the registration, also at the partner if it can be reached; forget it."""
        partner = self._find(call)
        if partner.state in _ALIVE:
            try:
                await self._registration.unregister(partner.id)
            except RegistrationFailed as error:
                raise InTheWay(str(error)) from None
        await self._partners.remove(partner.id)
        return NO_CONTENT

    async def deliveries(self, call: Call) -> Answer:
        """What it is owed, how its deliveries stand, and what it refused."""
        partner = self._find(call)
        status = await self._deliveries.status(partner.id) or {}
        refused: list[Any] = []
        for info in self._parties.all():
            owed = self._store.party(info.party).owed
            for one in await owed.refused(partner.id, _REFUSED_SHOWN):
                refused.append(one | {"party": str(info.party)})
        refused.sort(key=lambda one: str(one["at"]), reverse=True)
        counts = {"owed": status.get("owed", await self._owed(partner.id))}
        return Answer(status | counts | {"refusals": refused[:_REFUSED_SHOWN]})

    async def shown(self, partner: Partner) -> dict[str, Any]:
        """A partner as operators see it: no token, no hash."""
        status = await self._deliveries.status(partner.id)
        return {
            "id": partner.id,
            "name": partner.name,
            "state": partner.state.value,
            "created_at": to_text(partner.created_at),
            "versions_url": partner.versions_url,
            "version": partner.version,
            "roles": [
                {
                    "role": role.role,
                    "country_code": role.party.country_code,
                    "party_id": role.party.party_id,
                    "business_name": role.business_name,
                }
                for role in partner.roles
            ],
            "endpoints": [
                {"identifier": one.identifier, "role": one.role, "url": one.url}
                for one in partner.endpoints
            ],
            "quirks": sorted(partner.quirks),
            "last_error": partner.last_error or (status or {}).get("last_error"),
            "owed": await self._owed(partner.id) if status is None else status["owed"],
            "deliveries": status,
        }

    async def _owed(self, partner_id: str) -> int:
        counts = [
            await self._store.party(info.party).owed.count(partner_id)
            for info in self._parties.all()
        ]
        return sum(counts)

    def _find(self, call: Call) -> Partner:
        partner = self._partners.get(call.path["id"])
        if partner is None:
            raise NotFound("There is no such partner")
        return partner

    def routes(self) -> list[Route]:
        """The calls."""
        one, unknown = "/partners/{id}", {404: "unknown partner"}
        return [
            Route("GET", "/partners", "All partners", self.listing),
            Route(
                "POST",
                "/partners",
                "Invite a partner: makes the registration token (token A) to hand over",
                self.invite,
                body=InviteBody,
                answers={201: "id, token (shown this once), our_versions_url, ...", 422: "why not"},
            ),
            Route(
                "GET",
                one,
                "State, endpoints, quirks, last error, what is owed",
                self.get,
                answers={200: "the partner", **unknown},
            ),
            Route(
                "PATCH",
                one,
                "Change name or quirks",
                self.change,
                body=ChangeBody,
                answers={200: "the partner", **unknown, 422: "what is wrong"},
            ),
            Route(
                "DELETE",
                one,
                "Unregister and forget a partner",
                self.remove,
                answers={204: "removed", **unknown},
                timeout=_HANDSHAKE_SECONDS,
            ),
            Route(
                "POST",
                one + "/register",
                "Register with the partner, with the token A that it gave us",
                self.register,
                body=RegisterBody,
                answers={
                    200: "the partner, registered",
                    **unknown,
                    409: "registered already",
                    422: "what is wrong",
                    502: "where the handshake ended",
                },
                timeout=_HANDSHAKE_SECONDS,
            ),
            Route(
                "GET",
                one + "/deliveries",
                "What is owed, how deliveries stand, what was refused",
                self.deliveries,
                answers={200: "owed, last_error, ..., refusals", **unknown},
            ),
        ]
