"""Operations on stations as devices, and remote control by the operator's hand: what is ordered.

`services.operations` follows them; `domain.device_operations` says what ends each.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from gateway.domain.availability import (
    ChangeAvailability,
    Reset,
    ResetKind,
    TriggerMessage,
    UnlockConnector,
)
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.charging_profiles import (
    ChargingProfile,
    GetChargingProfiles,
    ProfilePurpose,
    UsePriorityCharging,
)
from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.device_operations import (
    AVAILABILITY,
    CHARGING_PROFILES,
    DISPLAY_MESSAGE,
    DISPLAY_MESSAGES,
    PRIORITY_CHARGING,
    REMOTE_START,
    REMOTE_START_SECONDS,
    REMOTE_STOP,
    RESET,
    TRIGGER,
    UNLOCK,
)
from gateway.domain.display import (
    ClearDisplayMessage,
    DisplayMessage,
    GetDisplayMessages,
    SetDisplayMessage,
)
from gateway.domain.operations import MASK, Operation
from gateway.domain.remote_control import (
    ID_TOKEN_LENGTH,
    LONGEST_ID_TOKEN,
    RemoteStart,
    RemoteStop,
)
from gateway.domain.timestamps import from_text, to_text
from gateway.domain.tokens import TokenType, fitted
from gateway.services.charging.remote_starts import Promise, RemoteStarts
from gateway.services.stations.operations import (
    Operations,
    Order,
    TooManyOperations,
    new_request_id,
)
from gateway.store import Store

_ACCEPTED = "Accepted"


class RefusedStart(ValueError):
    """Nobody may charge by such an order; the text says why."""


@dataclass(frozen=True, slots=True)
class StartOrder:
    """Whom to start for, where (None: the station's choice), and with which limits."""

    token: str
    token_type: TokenType
    evse_id: int | None = None
    charging_profile: ChargingProfile | None = None


class DeviceOperations:
    """Orders for stations."""

    def __init__(self, operations: Operations, store: Store, now: Callable[[], datetime]) -> None:
        self._operations = operations
        self._store = store
        self._now = now
        self._remote_starts = RemoteStarts(store)

    async def change_availability(
        self, record: ChargePointRecord, command: ChangeAvailability
    ) -> Operation:
        """Over at `Accepted`; `Scheduled` is followed until the station reports it."""
        order = Order(AVAILABILITY, lambda _: command, asdict(command), ends_with=(_ACCEPTED,))
        return await self._operations.start(record, order)

    async def reset(
        self, record: ChargePointRecord, how: ResetKind, evse_id: int | None
    ) -> Operation:
        """Followed until the station boots; an EVSE does not boot, so its reset ends at once."""
        order = Order(
            RESET,
            lambda _: Reset(how, evse_id),
            {"how": str(how), "evse_id": evse_id},
            ends_with=() if evse_id is None else (_ACCEPTED,),
        )
        return await self._operations.start(record, order)

    async def trigger(self, record: ChargePointRecord, command: TriggerMessage) -> Operation:
        """Followed until the message comes."""
        return await self._operations.start(
            record, Order(TRIGGER, lambda _: command, asdict(command))
        )

    async def unlock(self, record: ChargePointRecord, command: UnlockConnector) -> Operation:
        """Over with the station's answer."""
        order = Order(UNLOCK, lambda _: command, asdict(command), ends_when_accepted=True)
        return await self._operations.start(record, order)

    # --- display and profiles -------------------------------------------------------------

    async def show(self, record: ChargePointRecord, message: DisplayMessage) -> Operation:
        """Set a display message: over with the station's answer."""
        shown = {
            name: _plain(value) for name, value in asdict(message).items() if value is not None
        }
        order = Order(
            DISPLAY_MESSAGE,
            lambda _: SetDisplayMessage(message),
            {"set": shown},
            ends_when_accepted=True,
        )
        return await self._operations.start(record, order)

    async def take_down(self, record: ChargePointRecord, message_id: int) -> Operation:
        """Clear a display message: over with the station's answer."""
        order = Order(
            DISPLAY_MESSAGE,
            lambda _: ClearDisplayMessage(message_id),
            {"clear": message_id},
            ends_when_accepted=True,
        )
        return await self._operations.start(record, order)

    async def display_messages(
        self, record: ChargePointRecord, wanted: GetDisplayMessages
    ) -> Operation:
        """Have the messages reported; `Unknown` says that there is none, and nothing follows."""

        def command(request_id: int) -> Command:
            return replace(wanted, request_id=request_id)

        parameters = {
            "ids": list(wanted.ids),
            "priority": wanted.priority and str(wanted.priority),
            "state": wanted.state and str(wanted.state),
        }
        order = Order(DISPLAY_MESSAGES, command, parameters, ends_with=("Unknown",))
        return await self._operations.start(record, order)

    async def charging_profiles(
        self,
        record: ChargePointRecord,
        *,
        evse_id: int | None,
        purpose: ProfilePurpose | None,
        stack_level: int | None,
        ids: tuple[int, ...],
    ) -> Operation:
        """Have the profiles reported; after `NoProfiles` nothing follows."""

        def command(request_id: int) -> Command:
            return GetChargingProfiles(request_id, evse_id, purpose, stack_level, ids)

        parameters = {
            "evse_id": evse_id,
            "purpose": purpose and str(purpose),
            "stack_level": stack_level,
            "ids": list(ids),
        }
        order = Order(CHARGING_PROFILES, command, parameters, ends_with=("NoProfiles",))
        return await self._operations.start(record, order)

    async def priority_charging(
        self, record: ChargePointRecord, command: UsePriorityCharging
    ) -> Operation:
        """Give a transaction priority, or end that (2.1): over with the station's answer."""
        order = Order(
            PRIORITY_CHARGING, lambda _: command, asdict(command), ends_when_accepted=True
        )
        return await self._operations.start(record, order)

    # --- remote control -------------------------------------------------------------------

    async def remote_start(self, record: ChargePointRecord, wanted: StartOrder) -> Operation:
        """Start for an own token; followed until its transaction begins.

        Raises `RefusedStart` if there is no such token, it may not charge, or the profile is
        none for a transaction that begins.
        """
        _check_profile(wanted.charging_profile)
        token = await self._own_token(record, wanted)
        route = await self._store.party(record.party).stations.route(record.identity)
        protocol = route.protocol if route is not None else ""
        id_token = fitted(wanted.token, ID_TOKEN_LENGTH.get(protocol, LONGEST_ID_TOKEN))
        request_id = new_request_id()
        promise = Promise(request_id, id_token, wanted.evse_id, token)
        await self._remote_starts.promise(
            record.party, record.identity, promise, REMOTE_START_SECONDS
        )

        async def answered(reply: CommandReply) -> None:
            await self._remote_starts.answered(record.party, record.identity, request_id, reply)

        command = RemoteStart(
            request_id, id_token, wanted.token_type, wanted.evse_id, wanted.charging_profile
        )
        profile = wanted.charging_profile
        order = Order(
            REMOTE_START,
            lambda _: command,
            {
                "token": MASK + wanted.token[-4:],
                "token_type": str(wanted.token_type),
                "evse_id": wanted.evse_id,
                "charging_profile": profile.id if profile is not None else None,
            },
            looks_for={"id_token": id_token, "evse_id": wanted.evse_id},
            request_id=request_id,
            answered=answered,
        )
        try:
            return await self._operations.start(record, order)
        except TooManyOperations:
            await answered(CommandReply(CommandOutcome.FAILED))
            raise

    async def remote_stop(self, record: ChargePointRecord, transaction_id: str) -> Operation:
        """Stop a transaction; followed until it ends."""
        command = RemoteStop(transaction_id)
        order = Order(REMOTE_STOP, lambda _: command, {"transaction_id": transaction_id})
        return await self._operations.start(record, order)

    async def _own_token(self, record: ChargePointRecord, wanted: StartOrder) -> Mapping[str, Any]:
        """The token as a promise holds it: in the words of an OCPI Token."""
        known = await self._store.tokens.get_own(wanted.token_type, wanted.token)
        if known is None:
            raise RefusedStart("there is no such token of our own")
        if known.get("status") == "Blocked":
            raise RefusedStart("the token is blocked")
        expires = known.get("expires_at")
        if expires and from_text(expires) <= self._now():
            raise RefusedStart("the token has expired")
        return {
            "uid": known["uid"],
            "type": known["type"],
            "country_code": record.party.country_code,
            "party_id": record.party.party_id,
            "contract_id": known["uid"],
            "group_id": known.get("group_id"),
            "language": known.get("language"),
        }


def _check_profile(profile: ChargingProfile | None) -> None:
    """Only a transaction's own profile goes with its start, and names none (1.6 5.11, 5.12)."""
    if profile is None:
        return
    faults = profile.faults()
    if profile.purpose is not ProfilePurpose.TX or profile.transaction_id is not None:
        faults.append("a profile of a start has the purpose tx and names no transaction")
    if faults:
        raise RefusedStart("; ".join(faults))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_text(value)
    return value if isinstance(value, int) else str(value)
