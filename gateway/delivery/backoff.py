"""When a partner that did not answer is tried again: values, no waiting and no clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """Seconds: the first pause, doubled up to the longest; part of each is left to chance."""

    first: float = 1.0
    longest: float = 300.0
    longest_told: float = 3600.0
    jitter: float = 0.5

    def pause(self, failures: int, chance: float) -> float:
        """The pause after so many failures in a row; `chance` is in [0, 1).

        The jitter keeps partners (and nodes) that failed together from returning together.
        """
        doubled = self.first * 2.0 ** min(failures - 1, 32)
        full = min(doubled, self.longest)
        return full * (1 - self.jitter * chance)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Whether the partner may be tried, and when. Times are the clock's elapsed seconds."""

    policy: BackoffPolicy
    failures: int = 0
    not_before: float = 0.0
    failed_at: float = 0.0
    told: bool = False

    @property
    def failing(self) -> bool:
        """Whether the last thing known of the partner is that it did not answer."""
        return self.failures > 0

    def wait(self, now: float) -> float:
        """Seconds until it may be tried; 0 is now."""
        return max(0.0, self.not_before - now)

    def failed(
        self, now: float, chance: float, *, began: float, retry_after: float | None = None
    ) -> "Backoff":
        """Return what follows from a failure of an attempt that began at `began`.

        Attempts that were in flight together fail together; that counts once. A pause that the
        partner asked for is kept to, even when it calls us in between.
        """
        counts = not self.failing or began >= self.failed_at
        failures = self.failures + counts
        until = self.not_before if not counts else now + self.policy.pause(failures, chance)
        told = self.told and self.not_before > now
        if retry_after is not None:
            told = True
            until = max(until, now + min(retry_after, self.policy.longest_told))
        return Backoff(self.policy, failures, max(until, self.not_before), now, told)

    def succeeded(self) -> "Backoff":
        """Return the state of a partner that answers."""
        return Backoff(self.policy)

    def called(self, now: float) -> "Backoff":
        """Return what follows when the partner calls us: it is there, so try.

        Not sooner than the first pause after the last failure, however often it calls.
        """
        if not self.failing or self.told:
            return self
        until = min(self.not_before, max(now, self.failed_at + self.policy.first))
        return Backoff(self.policy, self.failures, until, self.failed_at)
