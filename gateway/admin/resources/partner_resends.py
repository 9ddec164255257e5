"""Everything once more, for a partner that lost its data and kept its tokens."""

from datetime import timedelta

from gateway.admin.calls import Answer, Call, Query, Route
from gateway.admin.errors import InTheWay
from gateway.admin.resources.partners import ALIVE, PartnerCalls
from gateway.admin.services import Services
from gateway.domain.timestamps import to_text
from gateway.services.roaming.resending import ResendingAlready, resend

_DAYS = 30


class PartnerResends:
    """`/partners/{id}/resend`."""

    def __init__(self, services: Services, partners: PartnerCalls) -> None:
        self._store = services.store
        self._parties = services.parties
        self._now = services.now
        self._partners = partners

    async def resend(self, call: Call) -> Answer:
        """Owe it all that it may see, and its sessions; CDRs where that is asked."""
        partner = self._partners.find(call)
        if partner.state not in ALIVE:
            raise InTheWay("The partner is not registered")
        since = call.moment("since") or self._now() - timedelta(days=_DAYS)
        ours = [info.party for info in self._parties.all()]
        try:
            owed = await resend(self._store, partner, ours, since, cdrs=call.flag("cdrs") or False)
        except ResendingAlready:
            raise InTheWay("The partner is being owed everything already") from None
        return Answer({"id": partner.id, "since": to_text(since), "owed_again": owed}, 202)

    def routes(self) -> list[Route]:
        """The call."""
        return [
            Route(
                "POST",
                "/partners/{id}/resend",
                "Owe a partner that lost its data everything again",
                self.resend,
                query=(
                    Query("since", f"sessions from then on, RFC 3339; default: {_DAYS} days ago"),
                    Query("cdrs", "true: the CDRs from then on as well"),
                ),
                answers={
                    202: "since, and how many objects of each kind are owed again",
                    404: "unknown partner",
                    409: "the partner is not registered, or it is under way",
                },
            )
        ]
