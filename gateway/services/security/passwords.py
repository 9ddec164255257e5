"""Charge-point passwords: salted scrypt hashes, and a cheap way to check the same one again.

After an outage thousands of stations log in within seconds, so the hash is kept at a few
milliseconds, and a password that was verified once is remembered under a key that lives only in
this process. Machine-made passwords of 16 characters and more do not need a slower hash.
"""

import asyncio
import base64
import hashlib
import hmac
import os

_N, _R, _P = 2**11, 8, 1
_LENGTH = 32
_REMEMBERED = 200_000


def hash_password(password: bytes) -> str:
    """Hash a password for storage: `scrypt$<salt>$<hash>`, base64."""
    salt = os.urandom(16)
    return f"scrypt${_b64(salt)}${_b64(_scrypt(password, salt))}"


class PasswordVerifier:
    """Checks passwords off the event loop."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        # An unknown charge point costs the same work as a known one with a wrong password.
        self._dummy = hash_password(os.urandom(16))
        self._verified: dict[str, bytes] = {}

    async def verify(self, password: bytes, stored: str | None) -> bool:
        """Whether `password` is the one behind `stored`; None never matches, in equal time."""
        against = stored or self._dummy
        mark = hmac.digest(self._key, against.encode() + b"\0" + password, "sha256")
        if hmac.compare_digest(self._verified.get(against, b""), mark):
            return stored is not None
        _, salt, expected = against.split("$")
        actual = await asyncio.to_thread(_scrypt, password, base64.b64decode(salt))
        if not hmac.compare_digest(actual, base64.b64decode(expected)) or stored is None:
            return False
        if len(self._verified) >= _REMEMBERED:
            self._verified.clear()
        self._verified[against] = mark
        return True


def _scrypt(password: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(password, salt=salt, n=_N, r=_R, p=_P, dklen=_LENGTH)


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
