"""Quirks of partners: which there are, and what an operator may write."""

from gateway.admin.calls import Answer, Call, Route
from gateway.admin.errors import Invalid
from gateway.admin.services import Services
from gateway.domain import partner_quirks


class PartnerQuirkCalls:
    """`/partner-quirks`."""

    def __init__(self, services: Services) -> None:
        self._versions = services.registration.versions

    async def listing(self, _call: Call) -> Answer:
        """Every quirk there is, as the documentation has it."""
        return Answer(
            [
                {
                    "name": quirk.name,
                    "meaning": f"a partner that {quirk.shows}",
                    "treated": quirk.does,
                    "detected": quirk.detected,
                    "clause": quirk.clause,
                    "parameter": quirk.parameter,
                }
                for quirk in partner_quirks.QUIRKS.values()
            ]
        )

    def checked(self, named: list[str]) -> frozenset[str]:
        """The quirks as an operator wrote them. Raises `Invalid`."""
        wrong = partner_quirks.faults(named)
        pinned = partner_quirks.parameter(named, partner_quirks.PINNED_VERSION)
        if pinned is not None and pinned not in self._versions:
            wrong.append(f"{pinned} is none of {', '.join(self._versions)}")
        if wrong:
            raise Invalid("The quirks cannot be used", wrong)
        return frozenset(named)

    def routes(self) -> list[Route]:
        """The calls."""
        return [
            Route("GET", "/partner-quirks", "All quirks of partners that there are", self.listing)
        ]
