"""Reservations: a connector kept free for one driver, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway.domain.commands import Command
from gateway.domain.tokens import TokenType

_SKEW = timedelta(minutes=1)  # between a station's clock and ours


class ReservationStatus(StrEnum):
    """Where a reservation stands, as the operator sees it."""

    ACTIVE = "ACTIVE"
    USED = "USED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True)
class ReservedStart:
    """A start by a token that may charge, as far as it may be the use of a reservation.

    `evse_id` is 0 where none was named; `group_id` is the group of the token.
    """

    evse_id: int
    id_token: str
    at: datetime
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """What a partner's RESERVE_NOW said, beyond what the station is told.

    `sender` is the eMSP (`DE*EMS`) and `reservation_id` its own number, which never reaches a
    station: "The reservation_id ... SHALL NOT be sent directly to a Charge Point" (mod_commands
    13.3.5). `token` is a canonical OCPI Token. `session_id` is the Session with status RESERVATION.
    """

    partner_id: str
    sender: str
    reservation_id: str
    response_url: str
    location_id: str
    evse_uid: str
    connector_id: str
    token: Mapping[str, Any]
    session_id: str
    currency: str
    authorization_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Reservation:
    """One reservation of one charge point; `id` is what the station knows it by.

    `evse_id` None leaves the choice to the station. `status` is None until the station has
    answered. `word` is the station's own word for how it ended. `ordered` is the partner's part,
    None for the operator's own.
    """

    id: int
    evse_id: int | None
    id_token: str
    token_type: TokenType
    requested_at: datetime
    expires_at: datetime
    group_id: str | None = None
    status: ReservationStatus | None = None
    ended_at: datetime | None = None
    word: str | None = None
    ordered: Ordered | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing is kept free any more."""
        return self.status not in (None, ReservationStatus.ACTIVE)

    def settled(
        self, status: ReservationStatus, at: datetime, word: str | None = None
    ) -> "Reservation":
        """The same with a new status. A used one stays used; else the station's last word counts.

        A start that names a reservation is a fact, whatever was believed of it before.
        """
        if self.status is ReservationStatus.USED:
            return self
        ended_at = None if status is ReservationStatus.ACTIVE else at
        return replace(self, status=status, ended_at=ended_at, word=word or self.word)

    def may_be_used_by(self, start: ReservedStart) -> bool:
        """Whether a start that names no reservation is the driver's whom this one is for.

        One that a station tells of late, and that began before, is not.
        """
        if self.is_over:
            return False
        if self.evse_id not in (None, start.evse_id) or start.at < self.requested_at - _SKEW:
            return False
        return _same(self.id_token, start.id_token) or _same(self.group_id, start.group_id)

    def as_of(self, now: datetime) -> "Reservation":
        """The same with its expiry drawn: an OCPP 1.6 station ends one without a word (5.13)."""
        if self.status is ReservationStatus.ACTIVE and self.expires_at <= now:
            return replace(self, status=ReservationStatus.EXPIRED, ended_at=self.expires_at)
        return self


def _same(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one.casefold() == other.casefold()


@dataclass(frozen=True, slots=True)
class ReserveNow(Command):
    """Keep a connector free. `status` of the reply is the station's word; accepted only by it."""

    reservation_id: int
    id_token: str
    token_type: TokenType
    expires_at: datetime
    evse_id: int | None = None
    group_id: str | None = None


@dataclass(frozen=True, slots=True)
class CancelReservation(Command):
    """Let a reservation go."""

    reservation_id: int


class ReservationEnd(StrEnum):
    """Why a station lets a reservation go of its own accord."""

    EXPIRED = "Expired"
    REMOVED = "Removed"
    NO_TRANSACTION = "NoTransaction"  # 2.1: the driver came and did not charge


@dataclass(frozen=True, slots=True)
class ReservationEnded:
    """ReservationStatusUpdate (2.x); 1.6 stations say nothing."""

    reservation_id: int
    end: ReservationEnd


STATUS_OF_END: dict[ReservationEnd, ReservationStatus] = {
    ReservationEnd.EXPIRED: ReservationStatus.EXPIRED,
    ReservationEnd.REMOVED: ReservationStatus.CANCELLED,
    ReservationEnd.NO_TRANSACTION: ReservationStatus.EXPIRED,
}
