"""The registry of charge points, calls to them, and what they did."""

import asyncio
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import NO_CONTENT, PAGING, Answer, Call, Query, Route, listed
from gateway.admin.errors import InTheWay, Invalid, NoAnswer, NotFound
from gateway.admin.lists import part
from gateway.admin.resources import party
from gateway.admin.services import Services
from gateway.admin.stations import described
from gateway.domain.boot import BootPolicy
from gateway.services.ports import (
    CallError,
    CallTimeout,
    InvalidCall,
    NotConnected,
    Withheld,
)

_LONGEST_CALL = 600.0  # seconds that an operator may wait for a station
_AT_ONCE = 50


class ChargePointBody(Body):
    """What an operator says of a charge point. Without a password the known one stays."""

    model_config = ConfigDict(strict=True)

    security_profile: Annotated[int, Field(ge=0, le=3)]
    password: str | None = Field(None, description="16 to 40 bytes; never shown again")
    party: str | None = Field(None, description="as NL*ABC; default: the first party")
    enabled: bool = True
    quirks: list[str] = Field(default_factory=list)
    provision: bool = Field(
        True, description="false: nothing is sent to the charger on our own initiative"
    )
    boot: Annotated[BootPolicy, Field(strict=False)] = Field(
        BootPolicy.ACCEPT, description="how its BootNotification is answered"
    )
    heartbeat_interval: Annotated[int, Field(ge=1, le=86_400)] | None = Field(
        None, description="seconds; default: the gateway's"
    )
    serial_number: str | None = Field(
        None, description="what its client certificate names; default: the identity"
    )
    lower_security_profile: bool = Field(
        False, description="true: below what it was raised to over OCPP"
    )
    allow_security_profile_downgrade: bool | None = Field(
        None, description="true: from profile 3 back to 2, and no further"
    )
    allow_expired_certificate: bool | None = Field(
        None, description="true: it may come with an expired one, to have it renewed"
    )
    allow_legacy_tls: bool | None = Field(
        None, description="true: it may use TLS 1.0 or 1.1, on the listener for those"
    )


class CallBody(Body):
    """A call in the names of the connected OCPP version."""

    model_config = ConfigDict(strict=True)

    action: Annotated[str, Field(min_length=1, max_length=64)]
    payload: dict[str, Any] = Field(default_factory=dict)
    timeout: Annotated[float, Field(gt=0, le=_LONGEST_CALL, strict=False)] = 30.0


class ChargePointCalls:
    """`/charge-points`, but for their transactions."""

    def __init__(self, services: Services) -> None:
        self._charge_points = services.charge_points
        self._registry = services.store.charge_points
        self._router = services.router
        self._parties = services.parties
        self._messages = services.messages
        self._provisioning = services.provisioning

    async def listing(self, call: Call) -> Answer:
        """A part of all of them; describing is what costs, so only that part is described."""
        wanted = set(party.asked(call, self._parties))
        records = [one for one in await self._registry.all() if one.party in wanted]
        shown: list[Any] = []
        some = part([record.identity for record in records], call.window(None))
        for first in range(0, len(some), _AT_ONCE):
            descriptions = (
                described(self._charge_points, self._router, identity)
                for identity in some[first : first + _AT_ONCE]
            )
            shown += await asyncio.gather(*descriptions)
        # one that was removed meanwhile has no description
        return listed([one for one in shown if one is not None], len(records))

    async def get(self, call: Call) -> Answer:
        """One, with its live state."""
        found = await described(self._charge_points, self._router, call.path["identity"])
        if found is None:
            raise NotFound("There is no such charge point")
        return Answer(found)

    async def put(self, call: Call) -> Answer:
        """Register or change one."""
        identity, body = call.path["identity"], call.read(ChargePointBody)
        owner = party.named(body.party, self._parties)
        known = await self._charge_points.get(identity)
        try:
            record = await self._charge_points.put(
                identity,
                security_profile=body.security_profile,
                password=body.password,
                party=known.party if known and body.party is None else owner,
                enabled=body.enabled,
                quirks=body.quirks,
                provision=body.provision,
                boot=body.boot,
                heartbeat_interval=body.heartbeat_interval,
                serial_number=body.serial_number,
                lower_security_profile=body.lower_security_profile,
                allow_security_profile_downgrade=body.allow_security_profile_downgrade,
                allow_expired_certificate=body.allow_expired_certificate,
                allow_legacy_tls=body.allow_legacy_tls,
            )
        except ValueError as error:
            raise Invalid(str(error)) from None
        await self._provisioning.reconsider(record)
        found = await described(self._charge_points, self._router, identity)
        return Answer(found, 201 if known is None else 200)

    async def delete(self, call: Call) -> Answer:
        """Forget one; its transactions, sessions and CDRs stay."""
        if not await self._charge_points.delete(call.path["identity"]):
            raise NotFound("There is no such charge point")
        return NO_CONTENT

    async def call(self, call: Call) -> Answer:
        """Send it a message, whatever we believe of its state; wherever its socket is."""
        await self._charge_points.registered(call.path["identity"])
        body = call.read(CallBody)
        try:
            answer = await self._router.call(
                call.path["identity"], body.action, body.payload, body.timeout
            )
        except InvalidCall as error:
            raise Invalid("The call breaks the OCPP schema; nothing was sent", error.errors) from (
                None
            )
        except Withheld as error:
            raise InTheWay(f"The call was not sent: {error}") from None
        except NotConnected:
            raise InTheWay("The charge point is not connected") from None
        except CallTimeout:
            raise NoAnswer("The charge point did not answer in time") from None
        if isinstance(answer, CallError):
            refusal = {
                "type": "CALLERROR",
                "code": answer.code,
                "description": answer.description,
                "details": answer.details,
            }
            return Answer(refusal)
        return Answer({"type": "CALLRESULT", "payload": answer.payload})

    async def messages(self, call: Call) -> Answer:
        """The last frames, oldest first; only of a connection to this node."""
        await self._charge_points.registered(call.path["identity"])
        return Answer(self._messages(call.path["identity"]))

    def routes(self) -> list[Route]:
        """The calls."""
        base, one = "/charge-points", "/charge-points/{identity}"
        party_filter = Query("party", "only this party's, as NL*ABC")
        unknown = {404: "unknown charge point"}
        return [
            Route("GET", base, "All charge points", self.listing, query=(*PAGING, party_filter)),
            Route(
                "GET",
                one,
                "Registration, connection, boot data, connectors, last seen, version",
                self.get,
                answers={200: "the charge point", **unknown},
            ),
            Route(
                "PUT",
                one,
                "Register or change a charge point",
                self.put,
                body=ChargePointBody,
                answers={200: "changed", 201: "registered", 422: "what is wrong"},
            ),
            Route(
                "DELETE",
                one,
                "Remove a charge point; what it did stays in the books",
                self.delete,
                answers={204: "removed", **unknown},
            ),
            Route(
                "POST",
                one + "/calls",
                "Send an OCPP call and await its answer",
                self.call,
                body=CallBody,
                answers={
                    200: '{"type": "CALLRESULT", "payload"} or '
                    '{"type": "CALLERROR", "code", "description", "details"}',
                    **unknown,
                    409: "not connected, or its boot was rejected",
                    422: "the payload breaks the OCPP schema; nothing was sent",
                    504: "no answer in time",
                },
                timeout=_LONGEST_CALL + 10,
            ),
            Route(
                "GET",
                one + "/messages",
                "The last frames both ways, oldest first, secrets masked",
                self.messages,
                answers={200: "at, direction (received or sent), frame", **unknown},
            ),
        ]
