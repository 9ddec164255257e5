"""How the deliveries to one partner stand, as it outlives a restart and a change of node.

In memory a back-off runs on a clock that never jumps; what is stored are moments of the wall
clock. A stored pause is believed for at most as long as the policy would ever wait, so that a
clock that was set wrong silences no partner.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.delivery.backoff import Backoff, BackoffPolicy
from gateway.domain.partners import Partner
from gateway.domain.timestamps import from_text, to_text


@dataclass(slots=True)
class Standing:
    """`registration` tells which credentials it is about; `suspended_at` and the times of success
    and error are wall time. `alerted`: the operator has been told of the suspension.
    """

    registration: str | None = None
    failures: int = 0
    not_before: datetime | None = None
    told: bool = False
    suspended_at: datetime | None = None
    alerted: bool = False
    last_success: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None

    @property
    def current_error(self) -> str | None:
        """The last error, unless something was delivered since."""
        success, error = self.last_success, self.last_error_at
        recovered = success is not None and error is not None and success > error
        return None if recovered else self.last_error

    def to_document(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {
            "registration": self.registration,
            "failures": self.failures,
            "not_before": text(self.not_before),
            "told": self.told,
            "suspended_at": text(self.suspended_at),
            "alerted": self.alerted,
            "last_success": text(self.last_success),
            "last_error": self.last_error,
            "last_error_at": text(self.last_error_at),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any] | None) -> "Standing":
        """Read it back; what is not there is as at the beginning."""
        known = document or {}
        return cls(
            registration=known.get("registration"),
            failures=known.get("failures", 0),
            not_before=_moment(known.get("not_before")),
            told=known.get("told", False),
            suspended_at=_moment(known.get("suspended_at")),
            alerted=known.get("alerted", False),
            last_success=_moment(known.get("last_success")),
            last_error=known.get("last_error"),
            last_error_at=_moment(known.get("last_error_at")),
        )

    def note_backoff(self, backoff: Backoff, elapsed: float, now: datetime) -> None:
        """Take over the pause in wall time."""
        self.failures = backoff.failures
        self.told = backoff.told
        wait = backoff.wait(elapsed)
        self.not_before = now + timedelta(seconds=wait) if backoff.failing else None

    def backoff(self, policy: BackoffPolicy, elapsed: float, now: datetime) -> Backoff:
        """The pause as far as it is not over."""
        if not self.failures:
            return Backoff(policy)
        left = (self.not_before - now).total_seconds() if self.not_before else 0.0
        longest = policy.longest_told if self.told else policy.longest
        left = min(max(left, 0.0), longest)
        return Backoff(policy, self.failures, elapsed + left, elapsed, self.told)


def registration_of(partner: Partner) -> str:
    """A fingerprint of the token and the endpoints that we were given."""
    endpoints = [f"{one.identifier}\n{one.role}\n{one.url}" for one in partner.endpoints]
    whole = "\n\n".join([partner.outbound_token or "", *endpoints])
    return hashlib.sha256(whole.encode()).hexdigest()


def text(moment: datetime | None) -> str | None:
    """RFC 3339, or nothing."""
    return None if moment is None else to_text(moment)


def _moment(written: str | None) -> datetime | None:
    return None if written is None else from_text(written)
