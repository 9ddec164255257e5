"""What stations report of themselves: device models, and the reports that come in parts."""

from dataclasses import asdict
from typing import Any

from gateway.admin.calls import Answer, Call, Query, Route, listed
from gateway.admin.errors import BadRequest, NotFound
from gateway.admin.services import Services
from gateway.domain.reports import Progress
from gateway.domain.timestamps import to_text

_MAX_REQUEST = 2**63


class DeviceModelCalls:
    """`/charge-points/{identity}/device-model` and `.../reports`."""

    def __init__(self, services: Services) -> None:
        self._charge_points = services.charge_points
        self._device_models = services.device_models
        self._reports = services.reports

    async def device_model(self, call: Call) -> Answer:
        """A 2.x station's variables, or a 1.6 charge point's configuration keys."""
        record = await self._charge_points.registered(call.path["identity"])
        model = await self._device_models.get(record)
        if model is not None:
            components = [asdict(one) for one in model.components]
            return Answer({"report": _shown(model.progress), "components": components})
        configuration = await self._device_models.configuration(record)
        if configuration is None:
            raise NotFound("The charge point has not told its settings yet")
        return Answer(configuration)

    async def listing(self, call: Call) -> Answer:
        """The reports, the newest first."""
        found = await self._reports.listing(
            await self._charge_points.registered(call.path["identity"])
        )
        return listed([_shown(progress) for progress in found], len(found))

    async def get(self, call: Call) -> Answer:
        """One of them, as far as it came."""
        record = await self._charge_points.registered(call.path["identity"])
        report = await self._reports.get(record, _request_id(call), call.query.get("kind"))
        if report is None:
            raise NotFound("There is no report of that request")
        return Answer({**_shown(report.progress), "items": report.items})

    def routes(self) -> list[Route]:
        """The calls."""
        one = "/charge-points/{identity}"
        unknown = {404: "unknown charge point, or nothing told yet"}
        kind = Query("kind", "the message it comes in, such as NotifyReport")
        return [
            Route(
                "GET",
                one + "/device-model",
                "A station's components and variables (2.x), or its configuration keys (1.6)",
                self.device_model,
                answers={200: "report and components, or at and keys", **unknown},
            ),
            Route(
                "GET",
                one + "/reports",
                "Reports that came in parts, complete or not, newest first",
                self.listing,
                answers={200: "kind, request_id, complete, missing, ...", **unknown},
            ),
            Route(
                "GET",
                one + "/reports/{request_id}",
                "One report, as far as it came",
                self.get,
                query=(kind,),
                answers={200: "the same, with items", **unknown},
            ),
        ]


def _request_id(call: Call) -> int:
    text = call.path["request_id"]
    if not text.removeprefix("-").isascii() or not text.removeprefix("-").isdecimal():
        raise BadRequest("request_id is no whole number")
    if len(text) > 20 or abs(int(text)) > _MAX_REQUEST:
        raise BadRequest("request_id is too large")
    return int(text)


def _shown(progress: Progress) -> dict[str, Any]:
    return {
        "kind": progress.kind,
        "request_id": progress.request_id,
        "complete": progress.complete,
        "parts": progress.parts,
        "missing": progress.missing,
        "cut": progress.cut,
        "begun_at": to_text(progress.begun_at),
        "updated_at": to_text(progress.updated_at),
        "firmware_version": progress.inventory_of,
    }
