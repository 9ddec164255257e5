"""Charging profiles at charge points: set, shown, cleared; what limits them in the time to come."""

from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AwareDatetime, ConfigDict, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import Answer, Call, Query, Route, listed
from gateway.admin.errors import BadRequest, Invalid
from gateway.admin.services import Services
from gateway.admin.stations import outcome
from gateway.domain.charging_limits import ChargingLimit
from gateway.domain.charging_profiles import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetCompositeSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
)
from gateway.domain.timestamps import to_text
from gateway.services.charging.charging_limits import ChargingLimits
from gateway.services.charging.smart_charging import SetProfile, UnsoundProfile

_UNKNOWN = {404: "unknown charge point"}
_TIMEOUT = 40.0
_DAY = 86_400
_MOST = 999_999_999

Limit = Annotated[Decimal, Field(ge=0, le=10_000_000, strict=False)]
Choice = TypeVar("Choice", ProfilePurpose, RateUnit)


class PeriodBody(Body):
    """From `start` seconds on."""

    model_config = ConfigDict(strict=True)

    start: Annotated[int, Field(ge=0)]
    limit: Limit
    number_phases: Annotated[int, Field(ge=1, le=3)] | None = None


class ProfileFields(Body):
    """A profile, wherever it is for."""

    model_config = ConfigDict(strict=True)

    id: Annotated[int, Field(ge=1, lt=2**31)]
    purpose: Annotated[ProfilePurpose, Field(strict=False)]
    kind: Annotated[ProfileKind, Field(strict=False)]
    stack_level: Annotated[int, Field(ge=0)] = 0
    recurrency: Annotated[Recurrency | None, Field(strict=False)] = None
    valid_from: Annotated[AwareDatetime | None, Field(strict=False)] = None
    valid_to: Annotated[AwareDatetime | None, Field(strict=False)] = None
    transaction_id: str | None = None
    unit: Annotated[RateUnit, Field(strict=False)]
    starts_at: Annotated[AwareDatetime | None, Field(strict=False)] = None
    duration: Annotated[int, Field(ge=1)] | None = Field(None, description="seconds")
    min_rate: Limit | None = None
    periods: Annotated[list[PeriodBody], Field(min_length=1, max_length=1024)]

    def profile(self) -> ChargingProfile:
        """The same in the domain's shape."""
        periods = tuple(
            SchedulePeriod(one.start, one.limit, one.number_phases) for one in self.periods
        )
        schedule = ChargingSchedule(
            self.unit, periods, self.starts_at, self.duration, self.min_rate
        )
        return ChargingProfile(
            id=self.id,
            purpose=self.purpose,
            kind=self.kind,
            schedule=schedule,
            stack_level=self.stack_level,
            recurrency=self.recurrency,
            valid_from=self.valid_from,
            valid_to=self.valid_to,
            transaction_id=self.transaction_id,
        )


class ProfileBody(ProfileFields):
    """A profile for an EVSE; 0 is the station."""

    evse_id: Annotated[int, Field(ge=0)]


class SmartChargingCalls:
    """`/charge-points/{identity}/charging-profiles`, `.../charging-limits` and
    `.../composite-schedule`."""

    def __init__(self, services: Services) -> None:
        self._smart_charging = services.smart_charging
        self._charge_points = services.charge_points
        self._limits = ChargingLimits(services.store)

    async def listing(self, call: Call) -> Answer:
        """What the station has accepted from us and still has."""
        found = await self._smart_charging.known(call.path["identity"])
        return listed([_shown(one) for one in found], len(found))

    async def set(self, call: Call) -> Answer:
        """Set one; the answer says how the station took it."""
        body = call.read(ProfileBody)
        try:
            reply = await self._smart_charging.set(
                call.path["identity"], body.evse_id, body.profile()
            )
        except UnsoundProfile as error:
            raise Invalid("The standards do not allow such a profile", error.faults) from None
        return Answer(outcome(reply))

    async def clear(self, call: Call) -> Answer:
        """Clear all that match; without criteria all there are."""
        command = ClearChargingProfile(
            profile_id=call.integer("id", 0, _MOST),
            evse_id=call.integer("evse_id", 0, _MOST),
            purpose=_choice(call, "purpose", ProfilePurpose),
            stack_level=call.integer("stack_level", 0, _MOST),
        )
        reply = await self._smart_charging.clear(call.path["identity"], command)
        return Answer(outcome(reply))

    async def composite(self, call: Call) -> Answer:
        """What limits the EVSE in the next seconds, by the station's own reckoning."""
        duration = call.integer("duration", 1, _MOST)
        command = GetCompositeSchedule(
            evse_id=call.integer("evse_id", 0, _MOST) or 0,
            duration=_DAY if duration is None else duration,
            unit=_choice(call, "unit", RateUnit),
        )
        reply = await self._smart_charging.composite(call.path["identity"], command)
        return Answer(outcome(reply) | {"schedule": reply.data.get("schedule")})

    async def limits(self, call: Call) -> Answer:
        """What outside sources limit now, as the station told it (2.x)."""
        record = await self._charge_points.registered(call.path["identity"])
        found = await self._limits.of(record)
        return listed([_limit(one) for one in found], len(found))

    def routes(self) -> list[Route]:
        """The calls."""
        base = "/charge-points/{identity}/charging-profiles"
        return [
            Route(
                "GET",
                "/charge-points/{identity}/charging-limits",
                "What an outside source limits now: a grid operator, an energy management",
                self.limits,
                answers={200: "one line per EVSE (0: the station) and source", **_UNKNOWN},
            ),
            Route(
                "GET",
                base,
                "Charging profiles that the station has accepted from us",
                self.listing,
                answers={200: "the profiles", **_UNKNOWN},
            ),
            Route(
                "POST",
                base,
                "Set a charging profile",
                self.set,
                body=ProfileBody,
                answers={200: "outcome and the station's word", **_UNKNOWN, 422: "unsound"},
                timeout=_TIMEOUT,
            ),
            Route(
                "DELETE",
                base,
                "Clear charging profiles",
                self.clear,
                query=(
                    Query("id", "one profile", "integer"),
                    Query("evse_id", "those of an EVSE", "integer"),
                    Query("purpose", "station-max, tx-default or tx"),
                    Query("stack_level", "those of a stack level", "integer"),
                ),
                answers={200: "outcome and the station's word", **_UNKNOWN},
                timeout=_TIMEOUT,
            ),
            Route(
                "GET",
                "/charge-points/{identity}/composite-schedule",
                "What limits the station or an EVSE in the time to come",
                self.composite,
                query=(
                    Query("evse_id", "0, the default, is the station", "integer"),
                    Query("duration", "seconds; default a day", "integer"),
                    Query("unit", "A or W; default the station's choice"),
                ),
                answers={200: "outcome, the station's word, schedule", **_UNKNOWN},
                timeout=_TIMEOUT,
            ),
        ]


def _shown(one: SetProfile) -> dict[str, Any]:
    profile, schedule = one.profile, one.profile.schedule
    return {
        "evse_id": one.evse_id,
        "set_at": to_text(one.set_at),
        "id": profile.id,
        "purpose": profile.purpose,
        "kind": profile.kind,
        "stack_level": profile.stack_level,
        "recurrency": profile.recurrency,
        "valid_from": to_text(profile.valid_from) if profile.valid_from else None,
        "valid_to": to_text(profile.valid_to) if profile.valid_to else None,
        "transaction_id": profile.transaction_id,
        "unit": schedule.unit,
        "starts_at": to_text(schedule.starts_at) if schedule.starts_at else None,
        "duration": schedule.duration,
        "min_rate": schedule.min_rate,
        "periods": [
            {"start": one.start, "limit": one.limit, "number_phases": one.number_phases}
            for one in schedule.periods
        ],
    }


def _limit(one: ChargingLimit) -> dict[str, Any]:
    return {
        "evse_id": one.evse_id,
        "source": one.source,
        "at": to_text(one.at),
        "is_grid_critical": one.is_grid_critical,
        "is_local_generation": one.is_local_generation,
        "schedules": one.schedules,
        "too_long": one.too_long,
    }


def _choice(call: Call, name: str, words: type[Choice]) -> Choice | None:
    text = call.query.get(name)
    if text is None:
        return None
    try:
        return words(text)
    except ValueError:
        raise BadRequest(f"{name} is one of {', '.join(words)}") from None
