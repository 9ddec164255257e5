"""Secrets at rest: what partners gave us to present is stored encrypted (AES-256-GCM)."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.store.errors import StoreError

_NONCE_BYTES = 12


class Sealer:
    """Encrypts small texts, each bound to what it belongs to, so that none can be swapped."""

    def __init__(self, secret_key: bytes) -> None:
        if len(secret_key) < 16:
            raise ValueError("the secret key must have at least 16 bytes")
        derived = HKDF(SHA256(), 32, salt=None, info=b"gateway store, partner tokens")
        self._cipher = AESGCM(derived.derive(secret_key))

    def seal(self, text: str, belongs_to: str) -> str:
        """Encrypt; the result is hex."""
        nonce = os.urandom(_NONCE_BYTES)
        return (nonce + self._cipher.encrypt(nonce, text.encode(), belongs_to.encode())).hex()

    def unseal(self, sealed: str, belongs_to: str) -> str:
        """Decrypt; raises StoreError if key, owner or content do not fit."""
        raw = bytes.fromhex(sealed)
        nonce, encrypted = raw[:_NONCE_BYTES], raw[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, encrypted, belongs_to.encode()).decode()
        except InvalidTag:
            raise StoreError(f"the secret of {belongs_to} was sealed with another key") from None
