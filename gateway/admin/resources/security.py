"""Security events of charge points, and the built-in certificate authority."""

from gateway.admin.calls import PAGING, Answer, Call, Query, Route, listed
from gateway.admin.errors import NotFound
from gateway.admin.lists import DEFAULT_LIMIT, part
from gateway.admin.services import Services
from gateway.services.security.certificate_templates import pem
from gateway.services.security.security_events import KEPT

_AUTHORITY = "/certificate-authority"


class SecurityCalls:
    """`/charge-points/{identity}/security-events` and `/certificate-authority`."""

    def __init__(self, services: Services) -> None:
        self._charge_points = services.charge_points
        self._events = services.certificates.security_events
        self._authorities = services.certificates.authorities
        self._revocation = services.certificates.revocation

    async def events(self, call: Call) -> Answer:
        """What it reported and what was noted about it, newest first."""
        record = await self._charge_points.registered(call.path["identity"])
        window, critical = call.window(DEFAULT_LIMIT), call.flag("critical")
        wanted = KEPT if critical is not None else min(window.end or KEPT, KEPT)
        found = await self._events.of(record.identity, record.party, wanted)
        if critical is not None:
            found = [one for one in found if one["critical"] is critical]
        return Answer(part(found, window))

    async def authority(self, call: Call) -> Answer:
        """Its certificates, for those who must trust it."""
        return Answer({"roots": [pem(one) for one in self._authorities()]})

    async def issued(self, call: Call) -> Answer:
        """What it has issued, newest first."""
        found = await self._revocation.issued(call.query.get("charge_point"))
        return listed(part(found, call.window(DEFAULT_LIMIT)), len(found))

    async def revoke(self, call: Call) -> Answer:
        """Revoke one: the charge point's next connection with it is refused."""
        revoked = await self._revocation.revoke(call.path["serial_number"])
        if revoked is None:
            raise NotFound("No certificate was issued under this serial number")
        return Answer(revoked)

    def routes(self) -> list[Route]:
        """The calls."""
        return [
            Route(
                "GET",
                "/charge-points/{identity}/security-events",
                "Security events: reported by the charge point, or noted about it; newest first",
                self.events,
                query=(Query("critical", "only those that are, or are not", "boolean"), *PAGING),
                answers={200: "the events", 404: "unknown charge point"},
            ),
            Route(
                "GET",
                _AUTHORITY,
                "The built-in authority's certificates as PEM; empty while it is off",
                self.authority,
            ),
            Route(
                "GET",
                _AUTHORITY + "/certificates",
                "What the built-in authority has issued, newest first",
                self.issued,
                query=(Query("charge_point", "only this one's"), *PAGING),
            ),
            Route(
                "POST",
                _AUTHORITY + "/certificates/{serial_number}/revoke",
                "Revoke a certificate that the built-in authority has issued",
                self.revoke,
                answers={200: "the certificate", 404: "unknown serial number"},
            ),
        ]
