"""Pushes one object to one partner, as it is now (OCPI Receiver interfaces, CPO role).

Nothing is queued as a message ("OCPI messages SHOULD NOT be queued", transport_and_format 4.3):
each delivery renders the current state, through the functions that also answer a partner's GET,
and chooses the method by what the partner is known to hold. What it holds is remembered only
after it has said so, and forgotten before anything is sent that must not be sent twice.
"""

from collections.abc import Mapping
from typing import Any

import structlog

from gateway.domain.delivery import ObjectKind, ObjectRef, Verdict, VerdictKind
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.ocpi import session_patch
from gateway.ocpi.client import (
    OcpiClient,
    OcpiReply,
    Refused,
    Routing,
    Unauthorized,
    Unreachable,
    join,
)
from gateway.ocpi.session_patch import Acknowledged
from gateway.ocpi.versions import v221
from gateway.ocpi.versions.wire import Wire
from gateway.services.roaming.locations import LocationCatalogue
from gateway.store import Store

# Quirk: a CDR whose POST got no answer is left to the partner's GET (ocpi-rules 15).
NO_CDR_REPOST = "no_cdr_repost"

_CDR_WITHOUT_URL = "delivered"
_CDR_UNANSWERED = "posted"
_DELIVERED = Verdict(VerdictKind.DELIVERED)

_log = structlog.get_logger(__name__)


def _not_wanted(detail: str) -> Verdict:
    return Verdict(VerdictKind.NOT_WANTED, detail)


class ObjectSender:
    """The `Transport` of gateway.delivery over OCPI."""

    def __init__(self, client: OcpiClient, store: Store, locations: LocationCatalogue) -> None:
        self._client = client
        self._store = store
        self._locations = locations
        self._push = {
            ObjectKind.LOCATION: self._location,
            ObjectKind.EVSE: self._evse,
            ObjectKind.SESSION: self._session,
            ObjectKind.CDR: self._cdr,
            ObjectKind.TARIFF: self._tariff,
        }

    async def deliver(self, partner: Partner, party: Party, ref: ObjectRef) -> Verdict:
        """Bring the partner up to date with one object. Raises only `StoreError`s."""
        endpoint = partner.endpoint(_MODULE[ref.kind], "RECEIVER")
        if endpoint is None:
            return _not_wanted(f"no {_MODULE[ref.kind]} receiver")
        try:
            return await self._push[ref.kind](partner, party, ref, endpoint)
        except Unauthorized as error:
            return Verdict(VerdictKind.UNAUTHORIZED, str(error))
        except Refused as error:
            return Verdict(VerdictKind.REFUSED, str(error))
        except Unreachable as error:
            return Verdict(VerdictKind.UNREACHABLE, str(error), error.retry_after)

    async def _location(
        self, partner: Partner, party: Party, ref: ObjectRef, endpoint: str
    ) -> Verdict:
        location = await self._visible_location(partner, party, ref.id)
        if location is None:
            return _not_wanted("no such location, or not published")
        url = _object_url(endpoint, party, location["id"])
        routing = _broad_routing(partner, party)
        await self._send(partner, "PUT", url, routing, _wire(partner).location(location))
        await self._set_known(partner, party, ref, str(location["last_updated"]))
        return _DELIVERED

    async def _evse(self, partner: Partner, party: Party, ref: ObjectRef, endpoint: str) -> Verdict:
        whole = ObjectRef(ObjectKind.LOCATION, ref.id)
        if await self._known(partner, party, whole) is None:
            # "new Location objects" go by PUT; a PATCH would meet an unknown object
            return await self._location(partner, party, whole, endpoint)
        location = await self._visible_location(partner, party, ref.id)
        found = _evse_of(location, ref.sub_id)
        evse = found and _wire(partner).evse(found)
        if location is None or evse is None:
            return _not_wanted("no such EVSE, or none that the partner's version can show")
        # ocpi-rules 9: "Any request to the PATCH method SHALL contain the last_updated field"
        body = {"status": evse["status"], "last_updated": evse["last_updated"]}
        url = _object_url(endpoint, party, location["id"], evse["uid"])
        try:
            await self._send(partner, "PATCH", url, _broad_routing(partner, party), body)
        except Refused as refusal:
            _log.info("status update refused, sending the location", url=url, why=str(refusal))
            await self._set_known(partner, party, whole, None)
            return await self._location(partner, party, whole, endpoint)
        except Unreachable as error:
            if error.choked:  # so do some on a PATCH of what they do not know
                await self._set_known(partner, party, whole, None)
            raise
        return _DELIVERED

    async def _visible_location(
        self, partner: Partner, party: Party, location_id: str
    ) -> dict[str, Any] | None:
        """What a GET would show; and a withdrawn one, so that who has it learns `publish`."""
        location = await self._locations.get(party, location_id)
        ref = ObjectRef(ObjectKind.LOCATION, location_id)
        if location is None and await self._known(partner, party, ref) is not None:
            location = await self._locations.operator_view(party, location_id)
        return location

    async def _session(
        self, partner: Partner, party: Party, ref: ObjectRef, endpoint: str
    ) -> Verdict:
        stored = await self._store.party(party).sessions.get(ref.id)
        if stored is None:
            return _not_wanted("no such session")
        routing = _owner_routing(partner, party, stored)
        if routing is None:
            return _not_wanted("the token belongs to another party")
        session = _wire(partner).session(session_patch.sendable(stored))
        url = _object_url(endpoint, party, session["id"])
        known = Acknowledged.from_text(await self._known(partner, party, ref))
        body = session_patch.patch(known, session) if known else None
        if body is None or not await self._patch_session(partner, party, ref, url, routing, body):
            await self._send(partner, "PUT", url, routing, session)
        over = session_patch.ended(session)
        now_known = None if over else Acknowledged.of(session).to_text()
        await self._set_known(partner, party, ref, now_known)
        return _DELIVERED

    async def _patch_session(
        self,
        partner: Partner,
        party: Party,
        ref: ObjectRef,
        url: str,
        routing: Routing,
        body: Mapping[str, Any],
    ) -> bool:
        """False when the partner would not have it, so that a PUT has to follow."""
        if session_patch.appends(body):
            # If the answer, or this process, is lost, the periods may or may not be there: only
            # a PUT, which replaces them, is right then (ocpi-rules 10).
            await self._set_known(partner, party, ref, None)
        try:
            await self._send(partner, "PATCH", url, routing, body)
        except Refused as refusal:
            _log.info("session update refused, sending the whole", url=url, why=str(refusal))
            return False
        except Unreachable:
            await self._set_known(partner, party, ref, None)
            raise
        return True

    async def _cdr(self, partner: Partner, party: Party, ref: ObjectRef, endpoint: str) -> Verdict:
        known = await self._known(partner, party, ref)
        if known == _CDR_UNANSWERED and NO_CDR_REPOST in partner.quirks:
            return Verdict(VerdictKind.REFUSED, "posted once without an answer; not repeated")
        if known is not None and known != _CDR_UNANSWERED:
            return _DELIVERED
        cdr = await self._store.party(party).cdrs.get(ref.id)
        if cdr is None:
            return _not_wanted("no such CDR")
        routing = _owner_routing(partner, party, cdr)
        if routing is None:
            return _not_wanted("the token belongs to another party")
        await self._set_known(partner, party, ref, _CDR_UNANSWERED)
        url = _CDR_WITHOUT_URL
        try:
            # Same id and same body however often it is sent: a CDR is sealed (ocpi-rules 19).
            reply = await self._send(partner, "POST", endpoint, routing, _wire(partner).cdr(cdr))
            url = reply.headers.get("Location") or _CDR_WITHOUT_URL
        except Refused as refusal:
            if not refusal.exists:
                await self._set_known(partner, party, ref, None)
                raise
        await self._set_known(partner, party, ref, url)
        return _DELIVERED

    async def _tariff(
        self, partner: Partner, party: Party, ref: ObjectRef, endpoint: str
    ) -> Verdict:
        tariff = await self._store.party(party).tariffs.get(ref.id)
        routing = _broad_routing(partner, party)
        if tariff is not None:
            url = _object_url(endpoint, party, tariff["id"])
            await self._send(partner, "PUT", url, routing, _wire(partner).tariff(tariff))
            await self._set_known(partner, party, ref, str(tariff["last_updated"]))
            return _DELIVERED
        try:
            # Also when it was never pushed: the partner may have it from a GET.
            await self._send(partner, "DELETE", _object_url(endpoint, party, ref.id), routing)
        except Refused as refusal:
            if not refusal.unknown_object:
                raise
        await self._set_known(partner, party, ref, None)
        return _DELIVERED

    async def _send(
        self, partner: Partner, method: str, url: str, routing: Routing | None, body: Any = None
    ) -> OcpiReply:
        return await self._client.request_partner(partner, method, url, routing=routing, body=body)

    async def _known(self, partner: Partner, party: Party, ref: ObjectRef) -> str | None:
        return await self._store.party(party).owed.known(partner.id, ref)

    async def _set_known(
        self, partner: Partner, party: Party, ref: ObjectRef, value: str | None
    ) -> None:
        await self._store.party(party).owed.set_known(partner.id, ref, value)


_MODULE = {
    ObjectKind.LOCATION: "locations",
    ObjectKind.EVSE: "locations",
    ObjectKind.SESSION: "sessions",
    ObjectKind.CDR: "cdrs",
    ObjectKind.TARIFF: "tariffs",
}
_WIRES = {v221.WIRE.version: v221.WIRE}


def _wire(partner: Partner) -> Wire:
    """The words of the version that was agreed on."""
    return _WIRES.get(partner.version or "", v221.WIRE)


def _object_url(endpoint: str, party: Party, *ids: str) -> str:
    """A Client Owned Object's URL (transport_and_format 4.1.3.4)."""
    return join(endpoint, party.country_code, party.party_id, *ids)


def _evse_of(location: Mapping[str, Any] | None, uid: str) -> dict[str, Any] | None:
    evses: list[dict[str, Any]] = (location or {}).get("evses", [])
    return next((evse for evse in evses if evse["uid"].lower() == uid.lower()), None)


def receiving_party(partner: Partner) -> Party | None:
    """Whom to address where no token says it: the first eMSP, else whoever is not a CPO.

    A hub's own party in OCPI-to is a Broadcast Push, right for locations and tariffs
    (transport_and_format 4.2.4, ocpi-rules 25).
    """
    others = [role for role in partner.roles if role.role != "CPO"]
    emsps = [role for role in others if role.role == "EMSP"]
    return next((role.party for role in (*emsps, *others)), None)


def _broad_routing(partner: Partner, party: Party) -> Routing | None:
    to_party = receiving_party(partner)
    return None if to_party is None else Routing(party, to_party)


def _owner_routing(partner: Partner, party: Party, document: Mapping[str, Any]) -> Routing | None:
    """Address the token's owner; None when this partner does not speak for it.

    Sessions and CDRs "are specific to only one party" (transport_and_format 4.2.4).
    """
    token = document.get("cdr_token", {})
    try:
        owner = Party(str(token.get("country_code")), str(token.get("party_id")))
    except ValueError:
        return None
    is_hub = any(role.role == "HUB" for role in partner.roles)
    return Routing(party, owner) if is_hub or partner.acts_for(owner) else None
