"""What commands of ours look like in each version, and what becomes of every answer."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from ocpp.v16 import enums as e16
from ocpp.v21 import enums as e21
from ocpp.v201 import enums as e201

from gateway.domain.availability import (
    ChangeAvailability,
    Reset,
    ResetKind,
    TriggerMessage,
    UnlockConnector,
)
from gateway.domain.charging_profiles import (
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetChargingProfiles,
    GetCompositeSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    Recurrency,
    SchedulePeriod,
    SetChargingProfile,
    UsePriorityCharging,
)
from gateway.domain.commands import Command, CommandOutcome
from gateway.domain.data_transfer import TransferData, TransferStatus
from gateway.domain.display import (
    ClearDisplayMessage,
    DisplayMessage,
    GetDisplayMessages,
    MessageState,
    SetDisplayMessage,
)
from gateway.domain.remote_control import RemoteStart, RemoteStop
from gateway.domain.reservations import CancelReservation, ReservationEnd, ReserveNow
from gateway.domain.tokens import TokenType
from gateway.ocpp import v16, v21, v201
from gateway.ocpp.dialect import Asked, Dialect

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
DIALECTS = {d.subprotocol: d for d in (v16.DIALECT, v201.DIALECT, v21.DIALECT)}

PROFILE = ChargingProfile(
    id=7,
    purpose=ProfilePurpose.TX,
    kind=ProfileKind.RELATIVE,
    schedule=ChargingSchedule(
        RateUnit.AMPERE,
        (SchedulePeriod(0, Decimal("16.04"), 3), SchedulePeriod(600, Decimal(6))),
        duration=3600,
        min_rate=Decimal("6.06"),
    ),
    transaction_id="12",
)
AT_START = replace(PROFILE, transaction_id=None)
DAILY = ChargingProfile(
    id=8,
    purpose=ProfilePurpose.STATION_MAX,
    kind=ProfileKind.RECURRING,
    recurrency=Recurrency.DAILY,
    schedule=ChargingSchedule(
        RateUnit.WATT, (SchedulePeriod(0, Decimal(11000)),), starts_at=NOON, duration=86_400
    ),
    valid_from=NOON,
    valid_to=NOON,
)
MESSAGE = DisplayMessage(
    3, "Hello", language="en", state=MessageState.IDLE, starts_at=NOON, ends_at=NOON
)

EVERYWHERE: list[Command] = [
    ReserveNow(5, "04A1", TokenType.RFID, NOON, evse_id=1, group_id="G"),
    ReserveNow(5, "04A1", TokenType.APP_USER, NOON),
    CancelReservation(5),
    ChangeAvailability(operative=False),
    ChangeAvailability(operative=True, evse_id=1, connector_id=1),
    Reset(ResetKind.NOW),
    Reset(ResetKind.GENTLY),
    UnlockConnector(1),
    TriggerMessage("StatusNotification", 1, 1),
    TriggerMessage("BootNotification"),
    SetChargingProfile(1, PROFILE),
    SetChargingProfile(0, DAILY),
    ClearChargingProfile(profile_id=7),
    ClearChargingProfile(evse_id=1, purpose=ProfilePurpose.TX_DEFAULT, stack_level=0),
    ClearChargingProfile(),
    GetCompositeSchedule(1, 600, RateUnit.WATT),
    TransferData("com.example", "Hi", "text"),
    RemoteStart(9, "04A1", TokenType.RFID, 1, AT_START),
    RemoteStart(9, "04A1", TokenType.APP_USER),
    RemoteStop("12"),
]
ONLY_2X: list[Command] = [
    Reset(ResetKind.GENTLY, evse_id=1),
    GetChargingProfiles(9, 1, ProfilePurpose.TX_DEFAULT, 0, (7,)),
    SetDisplayMessage(MESSAGE),
    GetDisplayMessages(9, (3,), state=MessageState.IDLE),
    ClearDisplayMessage(3),
    TransferData("com.example", data={"any": ["json"]}),
]
ONLY_16: list[Command] = [
    TriggerMessage("LogStatusNotification"),
    TriggerMessage("SignChargePointCertificate"),
]
SAID = [
    *[("ocpp1.6", command) for command in ONLY_16],
    ("ocpp2.1", UsePriorityCharging("t", activate=True)),
    *[(protocol, command) for protocol in DIALECTS for command in EVERYWHERE],
    *[(protocol, command) for protocol in ("ocpp2.0.1", "ocpp2.1") for command in ONLY_2X],
]


def asked(protocol: str, command: Command) -> Asked:
    found = DIALECTS[protocol].asks[type(command)](command)
    assert found is not None
    return found


@pytest.mark.parametrize(("protocol", "command"), SAID, ids=str)
def test_a_command_passes_the_schema_of_its_version(protocol: str, command: Command) -> None:
    said = asked(protocol, command)
    schema = DIALECTS[protocol].schemas.request(said.action)
    assert schema is not None
    assert schema.faults(said.payload) == []


def words(enum: type[Enum]) -> list[str]:
    return [member.value for member in enum]


ANSWERS: list[tuple[Dialect, Command, list[str]]] = [
    (v16.DIALECT, EVERYWHERE[0], words(e16.ReservationStatus)),
    (v16.DIALECT, CancelReservation(5), words(e16.CancelReservationStatus)),
    (v16.DIALECT, ChangeAvailability(operative=True), words(e16.AvailabilityStatus)),
    (v16.DIALECT, Reset(ResetKind.NOW), words(e16.ResetStatus)),
    (v16.DIALECT, UnlockConnector(1), words(e16.UnlockStatus)),
    (v16.DIALECT, TriggerMessage("Heartbeat"), words(e16.TriggerMessageStatus)),
    (v16.DIALECT, SetChargingProfile(1, PROFILE), words(e16.ChargingProfileStatus)),
    (v16.DIALECT, ClearChargingProfile(), words(e16.ClearChargingProfileStatus)),
    (v16.DIALECT, TransferData("x"), words(e16.DataTransferStatus)),
    (v201.DIALECT, EVERYWHERE[0], words(e201.ReserveNowStatusEnumType)),
    (v201.DIALECT, CancelReservation(5), words(e201.CancelReservationStatusEnumType)),
    (v201.DIALECT, Reset(ResetKind.NOW), words(e201.ResetStatusEnumType)),
    (v201.DIALECT, UnlockConnector(1), words(e201.UnlockStatusEnumType)),
    (v201.DIALECT, TriggerMessage("Heartbeat"), words(e201.TriggerMessageStatusEnumType)),
    (v201.DIALECT, SetChargingProfile(1, PROFILE), words(e201.ChargingProfileStatusEnumType)),
    (v201.DIALECT, ClearChargingProfile(), words(e201.ClearChargingProfileStatusEnumType)),
    (v201.DIALECT, GetChargingProfiles(1), words(e201.GetChargingProfileStatusEnumType)),
    (v201.DIALECT, SetDisplayMessage(MESSAGE), words(e21.DisplayMessageStatusEnumType)),
    (v201.DIALECT, GetDisplayMessages(1), words(e201.GetDisplayMessagesStatusEnumType)),
    (v201.DIALECT, ClearDisplayMessage(1), words(e21.ClearMessageStatusEnumType)),
    (v201.DIALECT, TransferData("x"), words(e201.DataTransferStatusEnumType)),
    (
        v21.DIALECT,
        UsePriorityCharging("t", activate=False),
        words(e21.PriorityChargingStatusEnumType),
    ),
    (v16.DIALECT, RemoteStop("12"), words(e16.RemoteStartStopStatus)),
    (v201.DIALECT, RemoteStop("t"), words(e201.RequestStartStopStatusEnumType)),
]


@pytest.mark.parametrize(
    ("dialect", "command", "status"),
    [(dialect, command, word) for dialect, command, all_ in ANSWERS for word in all_],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_word_of_an_answer_is_known(dialect: Dialect, command: Command, status: str) -> None:
    """ocpp-rules 17: a word that nobody thought of would read as FAILED."""
    said = dialect.asks[type(command)](command)
    assert said is not None
    reply = said.read({"status": status})
    assert reply.status == status
    assert reply.outcome is not CommandOutcome.FAILED or status == "UnlockFailed"


def test_what_a_version_cannot_say_is_not_sent() -> None:
    say = v16.DIALECT.asks
    assert say[Reset](Reset(ResetKind.NOW, evse_id=1)) is None
    too_long = ReserveNow(1, "x" * 21, TokenType.RFID, NOON)
    assert say[ReserveNow](too_long) is None
    assert GetChargingProfiles not in say


@pytest.mark.parametrize("protocol", DIALECTS)
def test_the_profile_of_a_remote_start_names_no_transaction(protocol: str) -> None:
    """ocpp-rules 18"""
    command = RemoteStart(9, "04A1", TokenType.RFID, 1, AT_START)
    profile = asked(protocol, command).payload["chargingProfile"]
    assert profile["chargingProfilePurpose"] == "TxProfile"
    assert "transactionId" not in profile


def test_limits_have_one_decimal_in_1_6() -> None:
    """ocpp-rules 18"""
    schedule = asked("ocpp1.6", SetChargingProfile(1, PROFILE)).payload["csChargingProfiles"][
        "chargingSchedule"
    ]
    assert [period["limit"] for period in schedule["chargingSchedulePeriod"]] == [
        Decimal("16.0"),
        Decimal("6.0"),
    ]
    assert schedule["minChargingRate"] == Decimal("6.1")


def test_a_transaction_id_of_1_6_is_an_integer() -> None:
    """ocpp-rules 18: a running transaction's profile needs it."""
    said = asked("ocpp1.6", SetChargingProfile(1, PROFILE))
    assert said.payload["csChargingProfiles"]["transactionId"] == 12


COMPOSITES: list[tuple[str, dict[str, Any]]] = [
    (
        "ocpp1.6",
        {
            "status": "Accepted",
            "connectorId": 1,
            "scheduleStart": "2024-05-01T12:00:00Z",
            "chargingSchedule": {
                "duration": 600,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": Decimal("16.0"), "numberPhases": 3}
                ],
            },
        },
    ),
    (
        "ocpp2.0.1",
        {
            "status": "Accepted",
            "schedule": {
                "evseId": 1,
                "scheduleStart": "2024-05-01T12:00:00Z",
                "duration": 600,
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [
                    {"startPeriod": 0, "limit": Decimal("16.0"), "numberPhases": 3}
                ],
            },
        },
    ),
]


@pytest.mark.parametrize(("protocol", "answer"), COMPOSITES)
def test_a_composite_schedule_reads_the_same_in_all_versions(
    protocol: str, answer: dict[str, Any]
) -> None:
    reply = asked(protocol, GetCompositeSchedule(1, 600)).read(answer)
    assert reply.accepted
    assert reply.data["schedule"] == {
        "evse_id": 1,
        "starts_at": "2024-05-01T12:00:00Z",
        "duration": 600,
        "unit": "A",
        "periods": [{"start": 0, "limit": "16.0", "number_phases": 3}],
    }


@pytest.mark.parametrize("status", list(e21.ReservationUpdateStatusEnumType))
def test_every_end_of_a_reservation_is_known(status: str) -> None:
    assert ReservationEnd(status)


@pytest.mark.parametrize("status", list(e21.DataTransferStatusEnumType))
def test_every_answer_to_a_data_transfer_has_our_word(status: str) -> None:
    assert TransferStatus(status)


def test_a_sound_profile_has_no_faults_and_an_unsound_one_says_which() -> None:
    assert PROFILE.faults() == []
    assert DAILY.faults() == []
    late = ChargingSchedule(RateUnit.WATT, (SchedulePeriod(5, Decimal(-1)),))
    broken = ChargingProfile(
        1, ProfilePurpose.STATION_MAX, ProfileKind.RECURRING, late, -1, transaction_id="1"
    )
    assert broken.faults() == [
        "the first period of a schedule starts at 0",
        "a limit is not negative",
        "a recurring profile, and no other, has a recurrency",
        "an absolute or recurring schedule has a start",
        "only a profile for a transaction names one",
        "a stack level is not negative",
    ]
