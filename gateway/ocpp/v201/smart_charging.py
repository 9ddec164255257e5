"""Block K, Smart Charging."""

from collections.abc import Mapping
from functools import partial

from gateway.domain import timestamps
from gateway.domain.charging_limits import ChargingLimit, LimitCleared
from gateway.domain.charging_profiles import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetChargingProfiles,
    GetCompositeSchedule,
    ProfilePurpose,
    SetChargingProfile,
)
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.device_operations import CHARGING_PROFILES
from gateway.ocpp import wire
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.handlers import by_status, keeping_all
from gateway.ocpp.operation_messages import by_part
from gateway.ocpp.v201 import reports
from gateway.services.stations.station_state import STATION, StationState

KEPT: Mapping[str, Payload] = {
    "NotifyEVChargingNeeds": {"status": "Rejected"},  # no schedule is calculated for it
    "NotifyEVChargingSchedule": {"status": "Accepted"},  # does not imply any approval of it
}

# ChargingProfilePurposeEnumType; the fourth, ChargingStationExternalConstraints, is not ours to
# set (K01.FR.22).
PURPOSES: Mapping[ProfilePurpose, str] = {
    ProfilePurpose.STATION_MAX: "ChargingStationMaxProfile",
    ProfilePurpose.TX_DEFAULT: "TxDefaultProfile",
    ProfilePurpose.TX: "TxProfile",
}

# ChargingProfileStatusEnumType
SET_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
}

# ClearChargingProfileStatusEnumType
CLEAR_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Unknown": CommandOutcome.REJECTED,  # nothing matched
}

# GenericStatusEnumType
COMPOSITE_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
}

# GetChargingProfileStatusEnumType
REPORT_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,  # parts will follow
    "NoProfiles": CommandOutcome.ACCEPTED,  # nothing matches, nothing follows
}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return {
        **keeping_all(services.provisioning, KEPT),
        "ClearedChargingLimit": partial(cleared_charging_limit, services),
        "NotifyChargingLimit": partial(notify_charging_limit, services),
        "ReportChargingProfiles": by_part(
            services, CHARGING_PROFILES, reports.report_charging_profiles
        ),
    }


async def notify_charging_limit(
    services: ChargePointServices, state: StationState, payload: Payload
) -> Payload:
    """NotifyChargingLimitRequest; without evseId it is about the whole station."""
    told = payload["chargingLimit"]
    limit = ChargingLimit(
        evse_id=wire.optional_integer(payload, "evseId") or STATION,
        source=told["chargingLimitSource"],
        at=services.now(),
        is_grid_critical=told.get("isGridCritical"),
        is_local_generation=told.get("isLocalGeneration"),
        schedules=payload.get("chargingSchedule") or [],
    )
    await services.provisioning.keep(state, "NotifyChargingLimit", payload)
    await services.charging_limits.limited(state, limit)
    return {}


async def cleared_charging_limit(
    services: ChargePointServices, state: StationState, payload: Payload
) -> Payload:
    """ClearedChargingLimitRequest."""
    evse_id = wire.optional_integer(payload, "evseId")
    await services.provisioning.keep(state, "ClearedChargingLimit", payload)
    cleared = LimitCleared(payload["chargingLimitSource"], evse_id)
    await services.charging_limits.cleared(state, cleared)
    return {}


def set_charging_profile(command: SetChargingProfile) -> Asked:
    """SetChargingProfileRequest."""
    payload = {"evseId": command.evse_id, "chargingProfile": charging_profile(command.profile)}
    return Asked("SetChargingProfile", payload, by_status(SET_OUTCOMES))


def clear_charging_profile(command: ClearChargingProfile) -> Asked:
    """ClearChargingProfileRequest: an id, or criteria."""
    if command.profile_id is not None:
        payload: Payload = {"chargingProfileId": command.profile_id}
    else:
        criteria = _criteria(command.purpose, command.stack_level, command.evse_id)
        payload = {"chargingProfileCriteria": criteria} if criteria else {}
    return Asked("ClearChargingProfile", payload, by_status(CLEAR_OUTCOMES))


def get_composite_schedule(command: GetCompositeSchedule) -> Asked:
    """GetCompositeScheduleRequest."""
    payload: Payload = {"evseId": command.evse_id, "duration": command.duration}
    if command.unit is not None:
        payload["chargingRateUnit"] = command.unit.value
    return Asked("GetCompositeSchedule", payload, _composite)


def get_charging_profiles(command: GetChargingProfiles) -> Asked:
    """GetChargingProfilesRequest; ReportChargingProfiles follow."""
    criterion = _criteria(command.purpose, command.stack_level, None)
    if command.profile_ids:
        criterion["chargingProfileId"] = list(command.profile_ids)
    payload: Payload = {"requestId": command.request_id, "chargingProfile": criterion}
    if command.evse_id is not None:
        payload["evseId"] = command.evse_id
    return Asked("GetChargingProfiles", payload, by_status(REPORT_OUTCOMES))


def charging_profile(profile: ChargingProfile) -> Payload:
    """A ChargingProfileType, as SetChargingProfile and RequestStartTransaction carry it."""
    wire: Payload = {
        "id": profile.id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": PURPOSES[profile.purpose],
        "chargingProfileKind": profile.kind.value,
        "chargingSchedule": [_schedule(profile.id, profile.schedule)],
    }
    if profile.transaction_id is not None:
        wire["transactionId"] = profile.transaction_id
    if profile.recurrency is not None:
        wire["recurrencyKind"] = profile.recurrency.value
    if profile.valid_from is not None:
        wire["validFrom"] = timestamps.to_text(profile.valid_from)
    if profile.valid_to is not None:
        wire["validTo"] = timestamps.to_text(profile.valid_to)
    return wire


def _schedule(number: int, schedule: ChargingSchedule) -> Payload:
    periods: list[Payload] = []
    for period in schedule.periods:
        wire: Payload = {"startPeriod": period.start, "limit": period.limit}
        if period.number_phases is not None:
            wire["numberPhases"] = period.number_phases
        periods.append(wire)
    found: Payload = {
        "id": number,
        "chargingRateUnit": schedule.unit.value,
        "chargingSchedulePeriod": periods,
    }
    if schedule.starts_at is not None:
        found["startSchedule"] = timestamps.to_text(schedule.starts_at)
    if schedule.duration is not None:
        found["duration"] = schedule.duration
    if schedule.min_rate is not None:
        found["minChargingRate"] = schedule.min_rate
    return found


def _criteria(
    purpose: ProfilePurpose | None, stack_level: int | None, evse_id: int | None
) -> Payload:
    wanted = {
        "evseId": evse_id,
        "chargingProfilePurpose": PURPOSES[purpose] if purpose else None,
        "stackLevel": stack_level,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _composite(answer: Payload) -> CommandReply:
    status = str(answer.get("status"))
    outcome = COMPOSITE_OUTCOMES.get(status, CommandOutcome.FAILED)
    schedule = answer.get("schedule")
    if schedule is None:
        return CommandReply(outcome, status, {"schedule": None})
    found = {
        "evse_id": schedule["evseId"],
        "starts_at": schedule["scheduleStart"],
        "duration": schedule["duration"],
        "unit": schedule["chargingRateUnit"],
        "periods": [
            {
                "start": period["startPeriod"],
                "limit": str(period["limit"]),
                "number_phases": period.get("numberPhases"),
            }
            for period in schedule["chargingSchedulePeriod"]
        ],
    }
    return CommandReply(outcome, status, {"schedule": found})


BLOCK = Block(
    routes,
    {
        SetChargingProfile: set_charging_profile,
        ClearChargingProfile: clear_charging_profile,
        GetCompositeSchedule: get_composite_schedule,
        GetChargingProfiles: get_charging_profiles,
    },
)
