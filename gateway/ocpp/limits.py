"""Bounds on what one peer may ask of us. Pure: the time is given, in seconds of any clock."""

import hashlib
import hmac
import os
from collections import OrderedDict


class TokenBucket:
    """`burst` at once, then `rate` a second."""

    __slots__ = ("_at", "_tokens", "burst", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self._tokens = burst
        self._at = now

    def spend(self, now: float, tokens: float = 1) -> float:
        """Take tokens; the seconds until the debt is paid, 0 when there were enough."""
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate) - tokens
        self._at = now
        return -self._tokens / self.rate if self._tokens < 0 else 0.0

    def left(self, now: float) -> bool:
        """Whether a token is there; nothing is taken."""
        return self._tokens + (now - self._at) * self.rate >= 1


class LoginLimiter:
    """Keeps bad logins away from the password verifier without locking anyone out.

    Failures are counted by address and identity together, so guessing at a charge point's
    password from elsewhere does not hinder it, and by address alone against guessing at many.
    Credentials that were good before pass both, so neither a proxy's shared address nor a
    neighbour's guessing stops a charge point that has logged in once.
    """

    def __init__(
        self,
        *,
        pair_rate: float = 1 / 6,
        pair_burst: float = 10,
        address_rate: float = 20,
        address_burst: float = 500,
        remembered: int = 20_000,
    ) -> None:
        self._pair = (pair_rate, pair_burst)
        self._address = (address_rate, address_burst)
        self._remembered = remembered
        self._buckets: OrderedDict[tuple[str, str | None], TokenBucket] = OrderedDict()
        self._good: OrderedDict[str, bytes] = OrderedDict()
        self._key = os.urandom(32)

    def allows(self, address: str, identity: str, password: bytes | None, now: float) -> bool:
        """Whether these credentials may be verified now."""
        if self._was_good(identity, password):
            return True
        buckets = (self._buckets.get((address, identity)), self._buckets.get((address, None)))
        return all(bucket is None or bucket.left(now) for bucket in buckets)

    def failed(self, address: str, identity: str, password: bytes | None, now: float) -> None:
        """These credentials were bad, maybe after they had been good: a password that was changed
        must not be let past the limit for ever."""
        if self._was_good(identity, password):
            del self._good[identity]
        for key, limits in (((address, identity), self._pair), ((address, None), self._address)):
            bucket = self._buckets.pop(key, None) or TokenBucket(*limits, now)
            bucket.spend(now)
            self._buckets[key] = bucket
        while len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)

    def succeeded(self, identity: str, password: bytes | None) -> None:
        """These credentials were good."""
        self._good[identity] = self._mark(identity, password)
        self._good.move_to_end(identity)
        while len(self._good) > 10 * self._remembered:
            self._good.popitem(last=False)

    def _was_good(self, identity: str, password: bytes | None) -> bool:
        known = self._good.get(identity)
        return known is not None and hmac.compare_digest(known, self._mark(identity, password))

    def _mark(self, identity: str, password: bytes | None) -> bytes:
        text = identity.encode() + b"\0" + (b"-" if password is None else b"+" + password)
        return hmac.digest(self._key, text, hashlib.sha256)


class SwapLimiter:
    """Bounds how often a live connection of one charge point may be replaced by a newer one.

    Two parties that share an identity and its password would otherwise throw each other out for
    ever. The bound is generous: a station that flaps is let in again and again.
    """

    def __init__(self, rate: float = 0.5, burst: float = 60, remembered: int = 10_000) -> None:
        self._limits = (rate, burst)
        self._remembered = remembered
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def allows(self, identity: str, now: float) -> bool:
        """Whether one more swap is in order; counts it if so."""
        bucket = self._buckets.pop(identity, None) or TokenBucket(*self._limits, now)
        self._buckets[identity] = bucket
        while len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        if not bucket.left(now):
            return False
        bucket.spend(now)
        return True
