"""Partner tokens at rest."""

import pytest

from gateway.store import StoreError
from gateway.store.sealing import Sealer


def test_a_sealed_token_comes_back_and_shows_nothing() -> None:
    """security-and-faults S9."""
    sealer = Sealer(b"k" * 32)
    sealed = sealer.seal("canary-token", "p1")

    assert sealer.unseal(sealed, "p1") == "canary-token"
    assert "canary" not in sealed
    assert sealer.seal("canary-token", "p1") != sealed


def test_a_sealed_token_cannot_be_given_to_another_partner() -> None:
    sealer = Sealer(b"k" * 32)

    with pytest.raises(StoreError, match="p2"):
        sealer.unseal(sealer.seal("token", "p1"), "p2")


def test_another_key_does_not_open_it() -> None:
    sealed = Sealer(b"k" * 32).seal("token", "p1")

    with pytest.raises(StoreError, match="another key"):
        Sealer(b"K" * 32).unseal(sealed, "p1")


def test_a_short_secret_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Sealer(b"short")
