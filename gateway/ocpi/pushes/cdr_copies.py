"""A CDR as the partner holds it, read back for the operator (mod_cdrs, Receiver interface GET).

"The URL of the newly created CDR" that the partner answered to our POST in `Location` is the only
way there: "No structure defined. This is open to the eMSP to define" (mod_cdrs 10.2.2.1).
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from yarl import URL

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.ocpi.outgoing.addressing import concerned_party, direct_routing
from gateway.ocpi.outgoing.client import OcpiClient, PartnerError, Refused
from gateway.ocpi.pushes.sender import CDR_STATES
from gateway.ocpi.versions import spoken_with
from gateway.services.ports import CopyUnreadable, PartnerCopy
from gateway.store import Store

_SHOWN = 100  # differences


class CdrCopies:
    """`gateway.services.ports.CdrReader` over OCPI."""

    def __init__(self, client: OcpiClient, store: Store) -> None:
        self._client = client
        self._store = store

    async def read(self, partner: Partner, party: Party, cdr: Mapping[str, Any]) -> PartnerCopy:
        """GET it and compare it with ours. Raises `CopyUnreadable`."""
        url = await self._url(partner, party, cdr)
        routing = direct_routing(partner, party, concerned_party(partner, cdr))
        try:
            reply = await self._client.request_partner(partner, "GET", url, routing=routing)
        except Refused as refusal:
            if refusal.unknown_object:
                return PartnerCopy(url, None, ())
            raise CopyUnreadable(str(refusal)) from refusal
        except PartnerError as error:
            raise CopyUnreadable(str(error)) from error
        theirs = reply.one()
        if theirs is None:
            return PartnerCopy(url, None, ())
        ours = spoken_with(partner).wire.cdr(dict(cdr))
        return PartnerCopy(url, theirs, tuple(differences(ours, theirs)[:_SHOWN]))

    async def _url(self, partner: Partner, party: Party, cdr: Mapping[str, Any]) -> str:
        endpoint = partner.endpoint("cdrs", "RECEIVER")
        if endpoint is None or partner.outbound_token is None:
            raise CopyUnreadable("the partner takes no CDRs")
        ref = ObjectRef(ObjectKind.CDR, cdr["id"])
        known = await self._store.party(party).owed.known(partner.id, ref)
        if known is None or known in CDR_STATES:
            raise CopyUnreadable("the partner has not said where it keeps this CDR")
        try:
            base = URL(endpoint, encoded=True)
            url = base.join(URL(known, encoded=True))
            same = url.origin() == base.origin()
        except ValueError as error:
            raise CopyUnreadable(f"{known!r} is no URL: {error}") from None
        if not same:
            # a token goes to whom it was given for, and nowhere else (S11)
            raise CopyUnreadable(f"{known} is not where the partner's CDRs endpoint is")
        return str(url)


def differences(ours: Any, theirs: Any, where: str = "") -> list[str]:
    """What is not the same: a path and both values. Nothing, null and [] are the same."""
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        found: list[str] = []
        for name in dict.fromkeys((*ours, *theirs)):
            path = f"{where}.{name}" if where else name
            found += differences(ours.get(name), theirs.get(name), path)
        return found
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [
            one
            for number, pair in enumerate(zip(ours, theirs, strict=True))
            for one in differences(*pair, f"{where}[{number}]")
        ]
    same = _plain(ours) == _plain(theirs)
    return [] if same else [f"{where}: {_told(ours)} here, {_told(theirs)} there"]


def _plain(value: Any) -> Any:
    """The value whatever the way in which it is written: 1.50 is 1.5, with a Z or without."""
    if value is None or value == []:
        return None
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return Decimal(value).normalize()
    return _moment(value) or value


def _moment(value: Any) -> datetime | None:
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        return from_text(value)
    except ValueError:
        return None


def _told(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 100 else text[:97] + "..."
