"""Pulling the drivers' tokens of a partner: having it done, and how the last time went."""

from typing import Any

from gateway.admin.calls import Answer, Call, Route
from gateway.admin.errors import InTheWay, NotFound
from gateway.admin.services import Services
from gateway.domain.partners import PartnerState
from gateway.domain.timestamps import to_text
from gateway.domain.token_pulls import PullState


class TokenPullCalls:
    """`/partners/{id}/tokens/pull`."""

    def __init__(self, services: Services) -> None:
        self._partners = services.partners
        self._pulls = services.store.token_pulls

    async def pull(self, call: Call) -> Answer:
        """Have all tokens pulled, in the background, by whichever node is first."""
        partner = self._partners.get(call.path["id"])
        if partner is None:
            raise NotFound("There is no such partner")
        if partner.state is not PartnerState.REGISTERED:
            raise InTheWay("The partner is not registered")
        if partner.endpoint("tokens", "SENDER") is None:
            raise InTheWay("The partner has no tokens to fetch: it has no such endpoint")
        await self._pulls.want(partner.id)
        return Answer(shown(await self._pulls.get(partner.id)), 202)

    def routes(self) -> list[Route]:
        """The call."""
        return [
            Route(
                "POST",
                "/partners/{id}/tokens/pull",
                "Pull all tokens of a partner now",
                self.pull,
                answers={
                    202: "it is begun; `token_pull` of the partner tells how it ends",
                    404: "unknown partner",
                    409: "not registered, or without such an endpoint",
                },
            )
        ]


def shown(state: PullState) -> dict[str, Any]:
    """How the pulls of a partner's tokens stand."""
    last, failure = state.last, state.failure
    return {
        "wanted": state.wanted > state.answered,
        "last_full": None if state.full is None else to_text(state.full),
        "last": last
        and {
            "kind": last.kind.value,
            "started_at": to_text(last.started),
            "ended_at": to_text(last.ended),
            "received": last.received,
            "changed": last.changed,
            "skipped": last.skipped,
            "missing": last.missing,
            "withdrawn": last.withdrawn,
        },
        "failure": failure
        and {
            "error": failure.error,
            "at": to_text(failure.at),
            "times": failure.count,
            "next_attempt": to_text(failure.again),
        },
    }
