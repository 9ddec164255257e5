"""The settings that charge points are wanted to have, and what came of it."""

from dataclasses import asdict
from typing import Annotated

from pydantic import ConfigDict, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import PARTY, Answer, Call, Route
from gateway.admin.errors import InTheWay, Invalid
from gateway.admin.resources import party
from gateway.admin.services import Services
from gateway.domain.baseline import Baseline, ModelBaseline
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.configuration import VariableName, is_secret
from gateway.services.ports import NotConnected
from gateway.services.stations.baseline import Settings

_LONGEST = 600.0  # seconds: some stations take long over every CALL

Wanted = dict[
    Annotated[str, Field(min_length=1, max_length=250)],
    Annotated[str, Field(max_length=2_500)] | None,
]


class SettingsBody(Body):
    """The wanted settings of one charge point, by the names of its OCPP version."""

    model_config = ConfigDict(strict=True)

    settings: Wanted = Field(
        description="name: value, null: leave it as it is; 1.6 keys, or Component.Variable"
    )


class ModelBody(Body):
    """The wanted settings of a vendor's charge points; `*` and `?` are wildcards."""

    model_config = ConfigDict(strict=True)

    vendor: Annotated[str, Field(min_length=1, max_length=50)]
    model: Annotated[str, Field(min_length=1, max_length=50)] = "*"
    settings_16: Wanted = Field(default_factory=dict)
    settings_2x: Wanted = Field(default_factory=dict)


class BaselineBody(Body):
    """The wanted settings of all charge points of a party; those of models come on top."""

    model_config = ConfigDict(strict=True)

    settings_16: Wanted = Field(default_factory=dict, description="configuration keys of 1.6")
    settings_2x: Wanted = Field(
        default_factory=dict, description="variables of 2.0.1 and 2.1, as Component.Variable"
    )
    models: Annotated[list[ModelBody], Field(max_length=200)] = Field(default_factory=list)


class ProvisioningCalls:
    """`/baseline` and `/charge-points/{identity}/settings`."""

    def __init__(self, services: Services) -> None:
        self._charge_points = services.charge_points
        self._baselines = services.baselines
        self._parties = services.parties

    async def get_settings(self, call: Call) -> Answer:
        """What is wanted of one, and what came of it."""
        record = await self._charge_points.registered(call.path["identity"])
        return Answer(await self._shown(record, await self._baselines.get(record)))

    async def put_settings(self, call: Call) -> Answer:
        """This charge point's own wishes; they count from its next boot, or when applied."""
        record = await self._charge_points.registered(call.path["identity"])
        body = call.read(SettingsBody)
        _check_no_secrets(body.settings)
        await self._baselines.put_own(record, body.settings)
        return Answer(await self._shown(record, await self._baselines.get(record)))

    async def apply(self, call: Call) -> Answer:
        """Read and set them now."""
        record = await self._charge_points.registered(call.path["identity"])
        try:
            result = await self._baselines.apply(record)
        except NotConnected as error:
            raise InTheWay(str(error)) from None
        return Answer(await self._shown(record, result))

    async def get_baseline(self, call: Call) -> Answer:
        """For all of a party's."""
        return Answer(asdict(await self._baselines.baseline(party.asked(call, self._parties)[0])))

    async def put_baseline(self, call: Call) -> Answer:
        """Replace it; it counts from each charge point's next boot."""
        body = call.read(BaselineBody)
        for settings in (body.settings_2x, *(model.settings_2x for model in body.models)):
            _check(settings)
            _check_no_secrets(settings)
        for settings in (body.settings_16, *(model.settings_16 for model in body.models)):
            _check_no_secrets(settings)
        baseline = Baseline(
            body.settings_16,
            body.settings_2x,
            tuple(ModelBaseline(**model.model_dump()) for model in body.models),
        )
        await self._baselines.put_baseline(party.asked(call, self._parties)[0], baseline)
        return Answer(asdict(baseline))

    async def _shown(self, record: ChargePointRecord, result: Settings) -> dict[str, object]:
        return {"baseline": await self._baselines.own(record), **asdict(result)}

    def routes(self) -> list[Route]:
        """The calls."""
        base = "/charge-points/{identity}/settings"
        unknown = {404: "unknown charge point"}
        shown = (
            "baseline (this charge point's own), at, firmware_version, settings: name, value, "
            "wanted, source, reason, state, answer"
        )
        return [
            Route(
                "GET",
                base,
                "The wanted settings of a charge point, and what came of each",
                self.get_settings,
                answers={200: shown, **unknown},
            ),
            Route(
                "PUT",
                base,
                "Replace this charge point's own wanted settings",
                self.put_settings,
                body=SettingsBody,
                example={"settings": {"MeterValueSampleInterval": "30"}},
                answers={200: shown, **unknown, 422: "what is wrong"},
            ),
            Route(
                "POST",
                base + "/apply",
                "Read the settings and set those that differ, now",
                self.apply,
                answers={200: shown, **unknown, 409: "not connected, or its boot was rejected"},
                timeout=_LONGEST,
            ),
            Route(
                "GET",
                "/baseline",
                "The wanted settings of all charge points of a party",
                self.get_baseline,
                query=(PARTY,),
                answers={200: "settings_16, settings_2x, models"},
            ),
            Route(
                "PUT",
                "/baseline",
                "Replace the wanted settings of all charge points of a party",
                self.put_baseline,
                body=BaselineBody,
                example={
                    "settings_16": {"MeterValueSampleInterval": "30", "ConnectionTimeOut": None},
                    "settings_2x": {"SampledDataCtrlr.TxUpdatedInterval": "30"},
                    "models": [],
                },
                query=(PARTY,),
                answers={200: "as it is now", 422: "what is wrong"},
            ),
        ]


def _check_no_secrets(settings: Wanted) -> None:
    """A baseline is kept and shown as it is; and a password is one charge point's (A01.FR.06)."""
    for name, value in settings.items():
        if value is not None and is_secret(name):
            raise Invalid(f"{name} is no setting to keep: give it by /password, or by a call")


def _check(settings: Wanted) -> None:
    for name in settings:
        try:
            VariableName.parse(name)
        except ValueError as error:
            raise Invalid(str(error)) from None
