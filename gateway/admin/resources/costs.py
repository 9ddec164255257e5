"""Prices and cost at charge points, and payments made for them elsewhere."""

from typing import Annotated

from pydantic import ConfigDict, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import Answer, Call, Route
from gateway.admin.services import Services
from gateway.admin.stations import outcome
from gateway.domain.payments import is_current

_TIMEOUT = 40.0
_LONGEST_PAYMENT = 3_600


class CostBody(Body):
    """Whether a charge point is to be told costs and prices."""

    model_config = ConfigDict(strict=True)

    wanted: bool | None = Field(
        None, description="null: as its own settings say; it is told nothing if `provision` is off"
    )


class WebPaymentBody(Body):
    """Somebody is paying for an EVSE on a web page."""

    model_config = ConfigDict(strict=True)

    evse_id: Annotated[int, Field(ge=1)]
    timeout: Annotated[int, Field(ge=0, le=_LONGEST_PAYMENT)] = Field(
        description="seconds after which nothing is to be expected of it; 0 takes it back"
    )


class CodeBody(Body):
    """The one-time code of a QR code's URL, and the station's WebPaymentsCtrlr settings."""

    model_config = ConfigDict(strict=True)

    code: Annotated[str, Field(max_length=64)]
    shared_secret: Annotated[str, Field(min_length=1, max_length=1_000)]
    validity: Annotated[int, Field(ge=1, le=86_400)] = Field(30, description="ValidityTime")
    length: Annotated[int, Field(ge=6, le=64)] = Field(8, description="Length")


class CostCalls:
    """`/charge-points/{identity}/costs` and `/web-payments`."""

    def __init__(self, services: Services) -> None:
        self._costs = services.costs
        self._payments = services.payments
        self._charge_points = services.charge_points
        self._now = services.now

    async def get(self, call: Call) -> Answer:
        """What was settled with it."""
        return Answer(await self._costs.state_of(call.path["identity"]))

    async def put(self, call: Call) -> Answer:
        """The operator's word on it."""
        identity, body = call.path["identity"], call.read(CostBody)
        await self._costs.want(identity, body.wanted)
        return Answer(await self._costs.state_of(identity))

    async def web_payment(self, call: Call) -> Answer:
        """Tell the station; the answer says how it took it."""
        body = call.read(WebPaymentBody)
        identity = (await self._charge_points.registered(call.path["identity"])).identity
        reply = await self._payments.web_payment(identity, body.evse_id, body.timeout)
        return Answer(outcome(reply))

    async def check_code(self, call: Call) -> Answer:
        """Whether a driver really stands before the station's display now."""
        body = call.read(CodeBody)
        await self._charge_points.registered(call.path["identity"])
        valid = is_current(body.code, body.shared_secret, self._now(), body.validity, body.length)
        return Answer({"valid": valid})

    def routes(self) -> list[Route]:
        """The calls."""
        base = "/charge-points/{identity}"
        unknown = {404: "unknown charge point"}
        return [
            Route(
                "GET",
                base + "/costs",
                "What it is told of prices: the operator's word, default tariffs, its own totals",
                self.get,
                answers={200: "wanted, default_tariffs, station_costs", **unknown},
            ),
            Route(
                "PUT",
                base + "/costs",
                "Whether this charge point is to be told costs and prices",
                self.put,
                body=CostBody,
                answers={200: "how it stands", **unknown, 422: "what is wrong"},
            ),
            Route(
                "POST",
                base + "/web-payments",
                "Tell a 2.1 station that somebody pays for an EVSE on a web page",
                self.web_payment,
                body=WebPaymentBody,
                answers={200: "outcome and the station's word", **unknown, 422: "what is wrong"},
                timeout=_TIMEOUT,
            ),
            Route(
                "POST",
                base + "/web-payments/check",
                "Whether the one-time code of a QR code's URL is current",
                self.check_code,
                body=CodeBody,
                answers={200: "valid", **unknown, 422: "what is wrong"},
            ),
        ]
