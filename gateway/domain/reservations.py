"""Reservations: a connector kept free for one driver, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from gateway.domain.commands import Command
from gateway.domain.pricing import ChargingPeriod, Dimension
from gateway.domain.tokens import TokenType

_SKEW = timedelta(minutes=1)  # between a station's clock and ours
_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_PER_HOUR = Decimal(3_600_000_000)


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
    None for the operator's own. `accepted_at` is when the station first accepted it, `used_at` the
    start of the transaction that it led to, by the station's clock. `given_up`: it was cancelled
    by whoever had ordered it.
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
    accepted_at: datetime | None = None
    used_at: datetime | None = None
    given_up: bool = False

    @property
    def begun_at(self) -> datetime:
        """Since when the EVSE is kept: "a reservation starts when the reservation is made"."""
        return self.accepted_at or self.requested_at

    @property
    def is_due(self) -> bool:
        """Whether it may cost something although nobody has charged.

        One that expired, or that whoever had ordered it has given up. What the operator or the
        station has taken back is free, and so is what a station never had.
        """
        if self.ended_at is None:
            return False
        expired = self.status is ReservationStatus.EXPIRED
        return expired or (self.status is ReservationStatus.CANCELLED and self.given_up)

    @property
    def was_cancelled(self) -> bool:
        """Whether it ended before its `expiry_date`, so that it did not expire."""
        cancelled = self.status is ReservationStatus.CANCELLED
        return cancelled and self.ended_at is not None and self.ended_at < self.expires_at

    @property
    def is_over(self) -> bool:
        """Whether nothing is kept free any more."""
        return self.status not in (None, ReservationStatus.ACTIVE)

    def settled(
        self,
        status: ReservationStatus,
        at: datetime,
        word: str | None = None,
        *,
        given_up: bool = False,
    ) -> "Reservation":
        """The same with a new status. A used one stays used; else the station's last word counts.

        A start that names a reservation is a fact, whatever was believed of it before. Nothing is
        kept free beyond `expires_at`, however late that is noticed.
        """
        if self.status is ReservationStatus.USED:
            return self
        if status is self.status and self.ended_at is not None:
            return replace(self, word=word or self.word)  # told again: it ended when it ended
        settled = replace(self, status=status, word=word or self.word, given_up=given_up)
        if status is ReservationStatus.ACTIVE:
            return replace(settled, accepted_at=self.accepted_at or at, ended_at=None)
        return replace(settled, ended_at=min(at, self.expires_at))

    def used(self, by: datetime, at: datetime) -> "Reservation":
        """The same, used by the transaction that began at `by`."""
        used = self.settled(ReservationStatus.USED, at)
        return replace(used, used_at=self.used_at or by)

    def may_be_used_by(self, start: ReservedStart) -> bool:
        """Whether a start that names no reservation is the driver's whom this one is for.

        One that a station tells of late, and that began before, is not.
        """
        if self.is_over:
            return False
        if self.evse_id not in (None, start.evse_id) or start.at < self.requested_at - _SKEW:
            return False
        return is_same(self.id_token, start.id_token) or is_same(self.group_id, start.group_id)

    def as_of(self, now: datetime) -> "Reservation":
        """The same with its expiry drawn: an OCPP 1.6 station ends one without a word (5.13)."""
        if self.status is ReservationStatus.ACTIVE and self.expires_at <= now:
            return replace(self, status=ReservationStatus.EXPIRED, ended_at=self.expires_at)
        return self


def is_same(one: str | None, other: str | None) -> bool:
    """Whether two identifiers of OCPP are one, where there are two."""
    return one is not None and other is not None and one.casefold() == other.casefold()


@dataclass(frozen=True, slots=True)
class Reserved:
    """The reservation before a transaction: its time is charged before everything else.

    "A reservation starts when the reservation is made, and ends when the driver starts charging on
    the reserved EVSE/Location, or when the reservation expires" (mod_tariffs TariffRestrictions).
    It is made when the station has accepted it, at `begun_at`.
    """

    id: int
    begun_at: datetime
    expires_at: datetime
    evse_id: int | None = None  # None: the station chose

    def start(self, started_at: datetime) -> datetime:
        """Where the CDR begins: "in-case of a reservation [...] the start of the reservation"
        (mod_cdrs start_date_time); never after the transaction."""
        return min(self.begun_at, started_at)

    def period(
        self, started_at: datetime, tariff_id: str | None
    ) -> tuple[ChargingPeriod, datetime] | None:
        """Its time and when that ends; None where the transaction began first."""
        return reserved_period(self.begun_at, min(started_at, self.expires_at), tariff_id)


def reserved_period(
    begin: datetime, end: datetime, tariff_id: str | None
) -> tuple[ChargingPeriod, datetime] | None:
    """RESERVATION_TIME, "during which the EVSE has been reserved and not yet been in use" (mod_cdrs
    CdrDimensionType), and its end; None if it is no time at all."""
    if end <= begin:
        return None
    hours = Decimal((end - begin) // _MICROSECOND) / _MICROSECONDS_PER_HOUR
    return ChargingPeriod(begin, {Dimension.RESERVATION_TIME: hours}, tariff_id), end


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
