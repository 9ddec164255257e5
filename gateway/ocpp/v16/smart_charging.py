"""Smart Charging profile: SetChargingProfile, ClearChargingProfile, GetCompositeSchedule."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from gateway.domain import timestamps
from gateway.domain.charging_profiles import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetCompositeSchedule,
    ProfilePurpose,
    SetChargingProfile,
)
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.ocpp.dialect import Asked, Block, Payload
from gateway.ocpp.handlers import by_status

# ChargingProfilePurposeType (7.9)
PURPOSES: Mapping[ProfilePurpose, str] = {
    ProfilePurpose.STATION_MAX: "ChargePointMaxProfile",
    ProfilePurpose.TX_DEFAULT: "TxDefaultProfile",
    ProfilePurpose.TX: "TxProfile",
}

# ChargingProfileStatus (7.12)
SET_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
    "NotSupported": CommandOutcome.NOT_SUPPORTED,
}

# ClearChargingProfileStatus (7.15)
CLEAR_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Unknown": CommandOutcome.REJECTED,  # nothing matched
}

# GetCompositeScheduleStatus (7.27)
COMPOSITE_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
}

_TENTH = Decimal("0.1")


def set_charging_profile(command: SetChargingProfile) -> Asked | None:
    """SetChargingProfile.req; a transaction id that is no integer is none of 1.6."""
    profile = charging_profile(command.profile)
    if profile is None:
        return None
    payload: Payload = {"connectorId": command.evse_id, "csChargingProfiles": profile}
    return Asked("SetChargingProfile", payload, by_status(SET_OUTCOMES))


def clear_charging_profile(command: ClearChargingProfile) -> Asked:
    """ClearChargingProfile.req."""
    wanted = {
        "id": command.profile_id,
        "connectorId": command.evse_id,
        "chargingProfilePurpose": PURPOSES[command.purpose] if command.purpose else None,
        "stackLevel": command.stack_level,
    }
    payload = {name: value for name, value in wanted.items() if value is not None}
    return Asked("ClearChargingProfile", payload, by_status(CLEAR_OUTCOMES))


def get_composite_schedule(command: GetCompositeSchedule) -> Asked:
    """GetCompositeSchedule.req."""
    payload: Payload = {"connectorId": command.evse_id, "duration": command.duration}
    if command.unit is not None:
        payload["chargingRateUnit"] = command.unit.value
    return Asked("GetCompositeSchedule", payload, _composite)


def charging_profile(profile: ChargingProfile) -> Payload | None:
    """A ChargingProfile (6.8), as SetChargingProfile and RemoteStartTransaction carry it."""
    wire: Payload = {
        "chargingProfileId": profile.id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": PURPOSES[profile.purpose],
        "chargingProfileKind": profile.kind.value,
        "chargingSchedule": _schedule(profile.schedule),
    }
    if profile.transaction_id is not None:
        if not profile.transaction_id.isdecimal():
            return None
        wire["transactionId"] = int(profile.transaction_id)
    if profile.recurrency is not None:
        wire["recurrencyKind"] = profile.recurrency.value
    if profile.valid_from is not None:
        wire["validFrom"] = timestamps.to_text(profile.valid_from)
    if profile.valid_to is not None:
        wire["validTo"] = timestamps.to_text(profile.valid_to)
    return wire


def _schedule(schedule: ChargingSchedule) -> Payload:
    periods: list[Payload] = []
    for period in schedule.periods:
        # "Accepts at most one digit fraction" (6.10), and so says the schema.
        wire: Payload = {"startPeriod": period.start, "limit": _one_decimal(period.limit)}
        if period.number_phases is not None:
            wire["numberPhases"] = period.number_phases
        periods.append(wire)
    found: Payload = {"chargingRateUnit": schedule.unit.value, "chargingSchedulePeriod": periods}
    if schedule.starts_at is not None:
        found["startSchedule"] = timestamps.to_text(schedule.starts_at)
    if schedule.duration is not None:
        found["duration"] = schedule.duration
    if schedule.min_rate is not None:
        found["minChargingRate"] = _one_decimal(schedule.min_rate)
    return found


def _one_decimal(limit: Decimal) -> Decimal:
    return limit.quantize(_TENTH, ROUND_HALF_UP)


def _composite(answer: Payload) -> CommandReply:
    status = str(answer.get("status"))
    outcome = COMPOSITE_OUTCOMES.get(status, CommandOutcome.FAILED)
    schedule = answer.get("chargingSchedule")
    if schedule is None:
        return CommandReply(outcome, status, {"schedule": None})
    found = {
        "evse_id": answer.get("connectorId"),
        "starts_at": answer.get("scheduleStart") or schedule.get("startSchedule"),
        "duration": schedule.get("duration"),
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
    asks={
        SetChargingProfile: set_charging_profile,
        ClearChargingProfile: clear_charging_profile,
        GetCompositeSchedule: get_composite_schedule,
    }
)
