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
from gateway.domain.tariffs.choice import is_shown_to
from gateway.domain.token_owner import token_owner
from gateway.ocpi import quirks
from gateway.ocpi.outgoing.addressing import broad_routing, concerned_party, direct_routing
from gateway.ocpi.outgoing.client import (
    OcpiClient,
    OcpiReply,
    Refused,
    Routing,
    Unauthorized,
    Unreachable,
)
from gateway.ocpi.pushes import session_patch
from gateway.ocpi.pushes.rendering import Renderer
from gateway.ocpi.pushes.session_patch import Acknowledged
from gateway.ocpi.versions import spoken_with
from gateway.services.roaming.locations import LocationCatalogue
from gateway.store import Store

_CDR_WITHOUT_URL = "delivered"
_CDR_UNANSWERED = "posted"
CDR_STATES = frozenset({_CDR_WITHOUT_URL, _CDR_UNANSWERED})
"""What is remembered of a CDR where it is not the partner's URL for it."""
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
        self._renderer = Renderer(locations)
        self._push = {
            ObjectKind.LOCATION: self._location,
            ObjectKind.EVSE: self._evse,
            ObjectKind.SESSION: self._session,
            ObjectKind.CDR: self._cdr,
            ObjectKind.TARIFF: self._tariff,
            ObjectKind.INVOICE: self._invoice,
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
            return Verdict(VerdictKind.UNREACHABLE, str(error), error.retry_after, error.beyond_hub)

    async def _location(
        self, partner: Partner, party: Party, ref: ObjectRef, endpoint: str
    ) -> Verdict:
        location = shown = await self._shown_location(partner, party, ref.id)
        if location is None and await self._known(partner, party, ref) is not None:
            # withdrawn: who has it learns of it, once; `publish` tells it
            location = await self._locations.seen(party, ref.id, partner.id)
        if location is None:
            return _not_wanted("no such location, or not published")
        url = _object_url(partner, endpoint, party, location["id"])
        routing = broad_routing(partner, party)
        await self._send(partner, "PUT", url, routing, spoken_with(partner).wire.location(location))
        now_known = str(shown["last_updated"]) if shown else None
        await self._set_known(partner, party, ref, now_known)
        return _DELIVERED

    async def _evse(self, partner: Partner, party: Party, ref: ObjectRef, endpoint: str) -> Verdict:
        whole = ObjectRef(ObjectKind.LOCATION, ref.id)
        known = quirks.understands_patch(partner) and await self._known(partner, party, whole)
        if not known:
            # "new Location objects" go by PUT; a PATCH would meet an unknown object
            return await self._location(partner, party, whole, endpoint)
        location = await self._shown_location(partner, party, ref.id)
        if location is None:
            return await self._location(partner, party, whole, endpoint)
        found = _evse_of(location, ref.sub_id)
        evse = found and spoken_with(partner).wire.evse(found)
        if evse is None:
            return _not_wanted("no such EVSE, or none that the partner's version can show")
        # ocpi-rules 9: "Any request to the PATCH method SHALL contain the last_updated field"
        body = {"status": evse["status"], "last_updated": evse["last_updated"]}
        url = _object_url(partner, endpoint, party, location["id"], evse["uid"])
        try:
            await self._send(partner, "PATCH", url, broad_routing(partner, party), body)
        except Refused as refusal:
            _log.info("status update refused, sending the location", url=url, why=str(refusal))
            await self._set_known(partner, party, whole, None)
            return await self._location(partner, party, whole, endpoint)
        except Unreachable as error:
            if error.choked:  # so do some on a PATCH of what they do not know
                await self._set_known(partner, party, whole, None)
            raise
        return _DELIVERED

    async def _shown_location(
        self, partner: Partner, party: Party, location_id: str
    ) -> dict[str, Any] | None:
        """What a GET would show."""
        restricted = spoken_with(partner).has_restricted_locations
        return await self._locations.get(
            party, location_id, restricted=restricted, viewer=partner.id
        )

    async def _session(
        self, partner: Partner, party: Party, ref: ObjectRef, endpoint: str
    ) -> Verdict:
        stored = await self._store.party(party).sessions.get(ref.id)
        if stored is None:
            return _not_wanted("no such session")
        owner = concerned_party(partner, stored)
        if owner is None:
            return _not_wanted("the token belongs to another party")
        routing = direct_routing(partner, party, owner)
        session = await self._renderer.session(spoken_with(partner), party, stored, partner.id)
        url = _object_url(partner, endpoint, party, session["id"])
        known = Acknowledged.from_text(await self._known(partner, party, ref))
        now_known = Acknowledged.of(session)
        if known is not None and known.says(now_known):
            return _DELIVERED  # what changed is nothing that a partner is told
        patched = quirks.understands_patch(partner)
        appending = spoken_with(partner).patches_append_periods
        body = (
            session_patch.patch(known, session, appending=appending) if known and patched else None
        )
        if body is None or not await self._patch_session(partner, party, ref, url, routing, body):
            await self._send(partner, "PUT", url, routing, session)
        over = session_patch.ended(session)
        await self._set_known(partner, party, ref, None if over else now_known.to_text())
        return _DELIVERED

    async def _patch_session(
        self,
        partner: Partner,
        party: Party,
        ref: ObjectRef,
        url: str,
        routing: Routing | None,
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
        if known == _CDR_UNANSWERED and not quirks.takes_cdr_again(partner):
            return Verdict(VerdictKind.REFUSED, "posted once without an answer; not repeated")
        if known is not None and known != _CDR_UNANSWERED:
            return _DELIVERED
        cdr = await self._store.party(party).cdrs.get(ref.id)
        if cdr is None:
            return _not_wanted("no such CDR")
        owner = concerned_party(partner, cdr)
        if owner is None:
            return _not_wanted("the token belongs to another party")
        routing = direct_routing(partner, party, owner)
        body = spoken_with(partner).wire.cdr(cdr)
        if body is None:
            return _not_wanted("the partner's version knows no Credit CDR")
        await self._set_known(partner, party, ref, _CDR_UNANSWERED)
        url = _CDR_WITHOUT_URL
        try:
            # Same id and same body however often it is sent: a CDR is sealed (ocpi-rules 19).
            reply = await self._send(
                partner, "POST", quirks.object_url(partner, endpoint), routing, body
            )
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
        routing = broad_routing(partner, party)
        if tariff is not None and is_shown_to(tariff, partner.id):
            url = _object_url(partner, endpoint, party, tariff["id"])
            await self._send(partner, "PUT", url, routing, spoken_with(partner).wire.tariff(tariff))
            await self._set_known(partner, party, ref, str(tariff["last_updated"]))
            return _DELIVERED
        try:
            # Also when it was never pushed: the partner may have it from a GET. It is only owed
            # to those who may see it, or might before.
            await self._send(
                partner, "DELETE", _object_url(partner, endpoint, party, ref.id), routing
            )
        except Refused as refusal:
            if not refusal.unknown_object:
                raise
        await self._set_known(partner, party, ref, None)
        return _DELIVERED

    async def _invoice(
        self, partner: Partner, party: Party, ref: ObjectRef, endpoint: str
    ) -> Verdict:
        """POST a new record, PUT a changed one, DELETE one that was an error (1.1.1)."""
        stored = await self._store.party(party).invoices.get(ref.id)
        known = await self._known(partner, party, ref)
        owner = token_owner(stored) if stored else known and Party.parse(known)
        routing = direct_routing(partner, party, owner or None)
        one = _object_url(partner, endpoint, party, ref.id)
        if stored is None:
            try:
                # also when it was never pushed: the partner may have it from a GET
                await self._send(partner, "DELETE", one, routing)
            except Refused as refusal:
                if not refusal.unknown_object:
                    raise
            await self._set_known(partner, party, ref, None)
            return _DELIVERED
        everything = quirks.object_url(partner, endpoint)
        steps = [("POST", everything), ("PUT", one)]
        if known:
            steps.reverse()
        try:
            await self._send(partner, *steps[0], routing, stored["record"])
        except Refused as refusal:
            if not (refusal.unknown_object if known else refusal.exists):
                raise
            await self._send(partner, *steps[1], routing, stored["record"])
        await self._set_known(partner, party, ref, str(owner))
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
    ObjectKind.INVOICE: "invoicereconciliation",
}


def _object_url(partner: Partner, endpoint: str, party: Party, *ids: str) -> str:
    """A Client Owned Object's URL (transport_and_format 4.1.3.4)."""
    return quirks.object_url(partner, endpoint, party.country_code, party.party_id, *ids)


def _evse_of(location: Mapping[str, Any], uid: str) -> dict[str, Any] | None:
    evses: list[dict[str, Any]] = location.get("evses", [])
    return next((evse for evse in evses if evse["uid"].lower() == uid.lower()), None)
