"""Operations on a station as a device, and remote control: what is said in their bodies."""

from collections.abc import Awaitable, Callable
from datetime import UTC
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, model_validator

from gateway.admin.bodies import Body
from gateway.admin.resources.smart_charging import ProfileFields
from gateway.admin.services import Services
from gateway.domain.availability import (
    ChangeAvailability,
    ResetKind,
    TriggerMessage,
    UnlockConnector,
)
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.charging_profiles import ProfileKind, ProfilePurpose, UsePriorityCharging
from gateway.domain.display import (
    DisplayMessage,
    GetDisplayMessages,
    MessageFormat,
    MessagePriority,
    MessageState,
)
from gateway.domain.operations import Operation
from gateway.domain.tokens import TokenType
from gateway.services.stations.device_operations import DeviceOperations, StartOrder

Place = Annotated[int, Field(ge=1, lt=2**31)]
Id = Annotated[int, Field(ge=0, lt=2**31)]
Ids = Annotated[list[Id], Field(max_length=100)]
Level = Annotated[int, Field(ge=0, lt=2**31)]
Triggered = Literal[
    "BootNotification",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "LogStatusNotification",
    "MeterValues",
    "PublishFirmwareStatusNotification",
    "SignChargePointCertificate",
    "SignChargingStationCertificate",
    "SignCombinedCertificate",
    "SignV2G20Certificate",
    "SignV2GCertificate",
    "StatusNotification",
    "TransactionEvent",
]


class _Placed(Body):
    evse_id: Place | None = Field(None, description="in 1.6 the connector")
    connector_id: Place | None = None

    @model_validator(mode="after")
    def _connector_of_an_evse(self) -> "_Placed":
        if self.connector_id is not None and self.evse_id is None:
            raise ValueError("a connector_id needs its evse_id")
        return self


class AvailabilityBody(_Placed):
    """Into service or out of it: a connector, an EVSE, or without either the whole station."""

    kind: Literal["availability"]
    operative: Annotated[bool, Field(strict=True)]


class ResetBody(Body):
    """Restart the station, or (2.x) one EVSE."""

    kind: Literal["reset"]
    how: ResetKind = ResetKind.GENTLY
    evse_id: Place | None = None


class UnlockBody(Body):
    """Free a cable."""

    kind: Literal["unlock"]
    evse_id: Place
    connector_id: Place = 1


class TriggerBody(_Placed):
    """Have a message sent now."""

    kind: Literal["trigger"]
    message: Triggered


class StartProfile(ProfileFields):
    """The profile of the transaction that begins."""

    purpose: Annotated[ProfilePurpose, Field(strict=False)] = ProfilePurpose.TX
    kind: Annotated[ProfileKind, Field(strict=False)] = ProfileKind.RELATIVE


class RemoteStartBody(Body):
    """Start for a token of the operator's own."""

    kind: Literal["remote-start"]
    token: Annotated[str, Field(min_length=1, max_length=36)]
    token_type: TokenType = TokenType.RFID
    evse_id: Place | None = Field(None, description="without it the station chooses")
    charging_profile: StartProfile | None = None


class RemoteStopBody(Body):
    """Stop a transaction, by the id that the station knows it by."""

    kind: Literal["remote-stop"]
    transaction_id: Annotated[str, Field(min_length=1, max_length=36)]


class PriorityChargingBody(Body):
    """Give a transaction priority, or end that (2.1)."""

    kind: Literal["priority-charging"]
    transaction_id: Annotated[str, Field(min_length=1, max_length=36)]
    activate: Annotated[bool, Field(strict=True)] = True


class MessageBody(Body):
    """What to show, when, and how long."""

    id: Id
    content: Annotated[str, Field(max_length=512)]
    priority: MessagePriority = MessagePriority.NORMAL_CYCLE
    format: MessageFormat = MessageFormat.UTF8
    language: Annotated[str, Field(max_length=8)] | None = None
    state: MessageState | None = None
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    transaction_id: Annotated[str, Field(max_length=36)] | None = None


class DisplayMessageBody(Body):
    """Show a message, or take one down."""

    kind: Literal["display-message"]
    set: MessageBody | None = None
    clear: Id | None = Field(None, description="the message's id")

    @model_validator(mode="after")
    def _one_thing(self) -> "DisplayMessageBody":
        if (self.set is None) == (self.clear is None):
            raise ValueError("name one of set, clear")
        return self


class DisplayMessagesBody(Body):
    """The messages that a station has; without criteria all of them."""

    kind: Literal["display-messages"]
    ids: Ids = Field(default_factory=list)
    priority: MessagePriority | None = None
    state: MessageState | None = None


class ChargingProfilesBody(Body):
    """The profiles that a 2.x station has, also from others; without criteria all of them."""

    kind: Literal["charging-profiles"]
    evse_id: Id | None = Field(None, description="0 is the station")
    purpose: ProfilePurpose | None = None
    stack_level: Level | None = None
    ids: Ids = Field(default_factory=list)


Starter = Callable[[ChargePointRecord, Any], Awaitable[Operation]]


class DeviceStarters:
    """From a body to the operation."""

    def __init__(self, services: Services) -> None:
        self._orders = DeviceOperations(services.operations, services.store, services.now)

    def starters(self) -> dict[str, tuple[type[BaseModel], Starter]]:
        """By kind: the body, and what starts it."""
        return {
            "availability": (AvailabilityBody, self._availability),
            "reset": (ResetBody, self._reset),
            "unlock": (UnlockBody, self._unlock),
            "trigger": (TriggerBody, self._trigger),
            "remote-start": (RemoteStartBody, self._remote_start),
            "remote-stop": (RemoteStopBody, self._remote_stop),
            "priority-charging": (PriorityChargingBody, self._priority_charging),
            "display-message": (DisplayMessageBody, self._display_message),
            "display-messages": (DisplayMessagesBody, self._display_messages),
            "charging-profiles": (ChargingProfilesBody, self._charging_profiles),
        }

    async def _availability(self, record: ChargePointRecord, body: AvailabilityBody) -> Operation:
        command = ChangeAvailability(body.operative, body.evse_id, body.connector_id)
        return await self._orders.change_availability(record, command)

    async def _reset(self, record: ChargePointRecord, body: ResetBody) -> Operation:
        return await self._orders.reset(record, body.how, body.evse_id)

    async def _unlock(self, record: ChargePointRecord, body: UnlockBody) -> Operation:
        return await self._orders.unlock(record, UnlockConnector(body.evse_id, body.connector_id))

    async def _trigger(self, record: ChargePointRecord, body: TriggerBody) -> Operation:
        command = TriggerMessage(body.message, body.evse_id, body.connector_id)
        return await self._orders.trigger(record, command)

    async def _remote_start(self, record: ChargePointRecord, body: RemoteStartBody) -> Operation:
        profile = body.charging_profile.profile() if body.charging_profile else None
        order = StartOrder(body.token, body.token_type, body.evse_id, profile)
        return await self._orders.remote_start(record, order)

    async def _remote_stop(self, record: ChargePointRecord, body: RemoteStopBody) -> Operation:
        return await self._orders.remote_stop(record, body.transaction_id)

    async def _priority_charging(
        self, record: ChargePointRecord, body: PriorityChargingBody
    ) -> Operation:
        command = UsePriorityCharging(body.transaction_id, body.activate)
        return await self._orders.priority_charging(record, command)

    async def _display_message(
        self, record: ChargePointRecord, body: DisplayMessageBody
    ) -> Operation:
        if body.set is None:
            return await self._orders.take_down(record, body.clear or 0)
        return await self._orders.show(record, _message(body.set))

    async def _display_messages(
        self, record: ChargePointRecord, body: DisplayMessagesBody
    ) -> Operation:
        wanted = GetDisplayMessages(0, tuple(body.ids), body.priority, body.state)
        return await self._orders.display_messages(record, wanted)

    async def _charging_profiles(
        self, record: ChargePointRecord, body: ChargingProfilesBody
    ) -> Operation:
        return await self._orders.charging_profiles(
            record,
            evse_id=body.evse_id,
            purpose=body.purpose,
            stack_level=body.stack_level,
            ids=tuple(body.ids),
        )


def _message(body: MessageBody) -> DisplayMessage:
    fields = body.model_dump()
    for name in ("starts_at", "ends_at"):
        if fields[name] is not None:
            fields[name] = fields[name].astimezone(UTC)
    return DisplayMessage(**fields)
