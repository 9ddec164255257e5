"""Roaming partners: inviting, registering, watching and removing them."""

from collections import Counter
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from gateway.admin.bodies import Body
from gateway.admin.calls import NO_CONTENT, Answer, Call, Route, listed
from gateway.admin.errors import InTheWay, Invalid, NotFound
from gateway.admin.resources import party, token_pulls
from gateway.admin.resources.partner_quirks import PartnerQuirkCalls
from gateway.admin.services import Services
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.timestamps import to_text
from gateway.services.roaming import visibility
from gateway.services.roaming.partners import RegistrationFailed

_REFUSED_SHOWN = 100
HANDSHAKE_SECONDS = 120.0
ALIVE = (PartnerState.REGISTERED, PartnerState.SUSPENDED)

Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class InviteBody(Body):
    """A partner that will register with us."""

    name: Name


class ChangeBody(Body):
    """What an operator may change; what is absent stays."""

    name: Name | None = None
    quirks: list[str] | None = None
    parties: list[str] | None = Field(
        None, description="those of ours that it is to know of, as NL*ABC; null: all"
    )
    session_interval: Seconds | None = Field(
        None, description="between two updates of one running session; null: as for everybody"
    )


class PartnerCalls:
    """`/partners`."""

    def __init__(self, services: Services) -> None:
        self._partners = services.partners
        self._registration = services.registration
        self._deliveries = services.deliveries
        self._store = services.store
        self._parties = services.parties
        self._versions_url = services.versions_url
        self._quirks = PartnerQuirkCalls(services)

    async def listing(self, call: Call) -> Answer:
        """All of them, oldest first."""
        found = await self.everybody()
        return listed(found, len(found))

    async def everybody(self) -> list[Any]:
        """All partners as operators see them."""
        return [await self.shown(partner) for partner in self._partners.all()]

    async def get(self, call: Call) -> Answer:
        """One."""
        return Answer(await self.shown(self.find(call)))

    async def invite(self, call: Call) -> Answer:
        """A new partner; its token A is shown this once."""
        body = call.read(InviteBody)
        try:
            partner, token = await self._partners.invite(body.name)
        except ValueError as error:
            raise Invalid(str(error)) from None
        handed_over = {"token": token, "our_versions_url": self._versions_url}
        return Answer(await self.shown(partner) | handed_over, 201)

    async def change(self, call: Call) -> Answer:
        """Another name, other quirks, another pace."""
        partner_id = self.find(call).id
        body = call.read(ChangeBody)
        changes: dict[str, Any] = {} if body.name is None else {"name": body.name}
        if body.quirks is not None:
            changes["quirks"] = self._quirks.checked(body.quirks)
        if "session_interval" in body.model_fields_set:
            changes["session_interval"] = body.session_interval
        visible = None
        if body.parties is not None:
            visible = frozenset(party.named(name, self._parties) for name in body.parties)
        changed = await self._partners.change(partner_id, lambda one: replace(one, **changes))
        if "parties" in body.model_fields_set:
            ours = [info.party for info in self._parties.all()]
            changed = await visibility.show(self._store, self._partners, partner_id, visible, ours)
        if changed is None:
            raise _unknown()
        return Answer(await self.shown(changed))

    async def remove(self, call: Call) -> Answer:
        """End the registration, also at the partner if it can be reached; forget it."""
        partner = self.find(call)
        if partner.state in ALIVE:
            try:
                await self._registration.unregister(partner.id)
            except RegistrationFailed as error:
                raise InTheWay(str(error)) from None
        await self._partners.remove(partner.id)
        return NO_CONTENT

    async def deliveries(self, call: Call) -> Answer:
        """What it is owed, how its deliveries stand, and what it refused."""
        partner = self.find(call)
        status = await self._deliveries.status(partner.id) or {}
        refused: list[Any] = []
        for info in self._parties.all():
            owed = self._store.party(info.party).owed
            for one in await owed.refused(partner.id, _REFUSED_SHOWN):
                refused.append(one | {"party": str(info.party)})
        refused.sort(key=lambda one: str(one["at"]), reverse=True)
        counts = {
            "owed": status.get("owed", await self._owed(partner.id)),
            "owed_by_kind": await self._owed_by_kind(partner.id),
            "waiting": status.get("waiting", await self._waiting(partner.id)),
        }
        return Answer(status | counts | {"refusals": refused[:_REFUSED_SHOWN]})

    async def shown(self, partner: Partner) -> dict[str, Any]:
        """A partner as operators see it: no token, no hash."""
        status = await self._deliveries.status(partner.id)
        error = partner.last_error or (status or {}).get("current_error")
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
            "quirks_seen": [
                {"name": seen.name, "how": seen.how, "at": to_text(seen.at)}
                for seen in partner.quirks_seen
            ],
            "session_interval": partner.session_interval,
            "parties": None if partner.parties is None else sorted(map(str, partner.parties)),
            "known_as": None if partner.known_as is None else str(partner.known_as),
            "parties_told": None if partner.told is None else sorted(map(str, partner.told)),
            "hub_party": None if partner.hub is None else str(partner.hub),
            "last_error": error,
            "last_error_at": (status or {}).get("last_error_at") if error else None,
            "owed": await self._owed(partner.id) if status is None else status["owed"],
            "waiting": await self._waiting(partner.id) if status is None else status["waiting"],
            "deliveries": status,
            "token_pull": token_pulls.shown(await self._store.token_pulls.get(partner.id)),
        }

    async def _owed(self, partner_id: str) -> int:
        counts = [
            await self._store.party(info.party).owed.count(partner_id)
            for info in self._parties.all()
        ]
        return sum(counts)

    async def _waiting(self, partner_id: str) -> int:
        counts = [
            await self._store.party(info.party).parked.count(partner_id)
            for info in self._parties.all()
        ]
        return sum(counts)

    def find(self, call: Call) -> Partner:
        """The partner that a call is about. Raises `NotFound`."""
        partner = self._partners.get(call.path["id"])
        if partner is None:
            raise _unknown()
        return partner

    async def _owed_by_kind(self, partner_id: str) -> dict[str, int]:
        counts: Counter[str] = Counter()
        for info in self._parties.all():
            counts.update(await self._store.party(info.party).owed.by_kind(partner_id))
        return dict(counts)

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
                "Change name, quirks, pace of sessions, or which of our parties it is to know of",
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
                timeout=HANDSHAKE_SECONDS,
            ),
            Route(
                "GET",
                one + "/deliveries",
                "What is owed, how deliveries stand, what was refused",
                self.deliveries,
                answers={200: "owed, last_error, ..., refusals", **unknown},
            ),
        ]


def _unknown() -> NotFound:
    return NotFound("There is no such partner")
