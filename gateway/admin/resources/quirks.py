"""Quirks: which there are, rules that give them to kinds of charge points, what was seen."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import NO_CONTENT, Answer, Call, Route
from gateway.admin.errors import Invalid
from gateway.admin.services import Services
from gateway.domain.quirks import QUIRKS, QuirkRule, faults

_Pattern = Annotated[str, Field(min_length=1, max_length=100)]
_MOST_RULES = 1_000


class QuirkRuleBody(Body):
    """Who it is for, as patterns like `Acme*` in any case, and what they get."""

    model_config = ConfigDict(strict=True)

    vendor: _Pattern = "*"
    model: _Pattern = "*"
    firmware: _Pattern = "*"
    quirks: Annotated[list[str], Field(min_length=1, max_length=len(QUIRKS))]


class QuirkCalls:
    """`/quirks`, `/quirk-rules` and `/charge-points/{identity}/deviations`."""

    def __init__(self, services: Services) -> None:
        self._deviations = services.deviations
        self._charge_points = services.charge_points

    async def quirks(self, _call: Call) -> Answer:
        """Every quirk there is, as the documentation has it."""
        return Answer(
            [
                {
                    "name": quirk.name,
                    "applies": quirk.applies.value,
                    "meaning": f"a charger that {quirk.shown}",
                    "treated": quirk.tolerated,
                    "risk": quirk.risk,
                    "versions": list(quirk.versions),
                    "parameter": quirk.parameter,
                }
                for quirk in QUIRKS.values()
            ]
        )

    async def rules(self, _call: Call) -> Answer:
        """The rules."""
        return Answer([_shown(rule) for rule in self._deviations.rules])

    async def put_rules(self, call: Call) -> Answer:
        """Replace all rules."""
        if not isinstance(call.body, list) or len(call.body) > _MOST_RULES:
            raise Invalid(f"The body is not a JSON array of at most {_MOST_RULES} rules")
        bodies = [Call(call.path, call.query, element).read(QuirkRuleBody) for element in call.body]
        for number, body in enumerate(bodies):
            wrong = faults(body.quirks)
            if wrong:
                raise Invalid("The rules cannot be used", [f"{number}: {one}" for one in wrong])
        await self._deviations.put_rules(
            QuirkRule(tuple(body.quirks), body.vendor, body.model, body.firmware) for body in bodies
        )
        return await self.rules(call)

    async def deviations(self, call: Call) -> Answer:
        """What one charge point does otherwise than the standard says."""
        return Answer(
            await self._deviations.show(await self._charge_points.registered(call.path["identity"]))
        )

    async def reset(self, call: Call) -> Answer:
        """Begin to count anew."""
        await self._deviations.reset(await self._charge_points.registered(call.path["identity"]))
        return NO_CONTENT

    def routes(self) -> list[Route]:
        """The calls."""
        one = "/charge-points/{identity}/deviations"
        unknown = {404: "unknown charge point"}
        return [
            Route("GET", "/quirks", "All quirks that there are", self.quirks),
            Route("GET", "/quirk-rules", "The quirks of kinds of charge points", self.rules),
            Route(
                "PUT",
                "/quirk-rules",
                "Replace all rules; connected charge points have them at once",
                self.put_rules,
                answers={200: "the rules", 422: "what is wrong"},
            ),
            Route(
                "GET",
                one,
                "How a charge point deviates: its quirks, deviations with counts, suggestions",
                self.deviations,
                answers={200: "quirks, deviations, suggestions", **unknown},
            ),
            Route(
                "POST",
                one + "/reset",
                "Count a charge point's deviations anew",
                self.reset,
                answers={204: "reset", **unknown},
            ),
        ]


def _shown(rule: QuirkRule) -> dict[str, Any]:
    return {
        "vendor": rule.vendor,
        "model": rule.model,
        "firmware": rule.firmware,
        "quirks": list(rule.quirks),
    }
