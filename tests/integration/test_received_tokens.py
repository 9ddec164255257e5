"""Tokens that a partner pushes and tokens that are pulled from it, at the same time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.partners import Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.ocpi.tokens.received_tokens import ReceivedTokens
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import KnownToken, Store, TokenBook
from gateway.store.server import Server

EMS = Party("DE", "EMS")
PARTNER = Partner(
    id="ems",
    name="EMS",
    state=PartnerState.REGISTERED,
    created_at=datetime(2026, 3, 1, tzinfo=UTC),
    roles=(PartnerRole("EMSP", EMS, "EMS"),),
)


def token(minute: int, *, valid: bool) -> dict[str, Any]:
    return {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": "CARD",
        "type": "RFID",
        "valid": valid,
        "last_updated": f"2026-03-01T10:{minute:02d}:00.000Z",
    }


@pytest.mark.parametrize(("pulled_minute", "valid"), [(1, False), (2, False), (3, True)])
async def test_a_pulled_page_never_undoes_a_newer_push(
    store: Store, pulled_minute: int, valid: bool
) -> None:
    """A token that its owner withdraws while we pull its tokens stays withdrawn."""
    directory = PartnerDirectory(store, lambda: datetime.now(UTC))
    received = ReceivedTokens(store.tokens, directory, lambda party: False)
    await received.put(PARTNER, token(2, valid=False))
    await received.catch_up(PARTNER, token(pulled_minute, valid=True))
    kept = await received.get(PARTNER, EMS, "CARD", "RFID")
    assert kept is not None
    assert kept.document["valid"] is valid


async def test_a_pull_keeps_what_is_new(store: Store) -> None:
    directory = PartnerDirectory(store, lambda: datetime.now(UTC))
    received = ReceivedTokens(store.tokens, directory, lambda party: False)
    await received.catch_up(PARTNER, token(1, valid=True))
    assert await received.get(PARTNER, EMS, "CARD", "RFID") is not None


class PushedMeanwhile(TokenBook):
    """While a token is looked at, the partner pushes a newer version of it, once."""

    pushed: dict[str, Any] | None = None

    async def get(self, *key: str) -> KnownToken | None:
        known = await super().get(*key)
        pushed, self.pushed = self.pushed, None
        if pushed is not None:
            await self.put(PARTNER.id, pushed)
        return known


@pytest.mark.parametrize("known_before", [True, False])
async def test_a_push_between_looking_and_keeping_is_not_undone(
    store: Store, known_before: bool
) -> None:
    """A driver whose token is withdrawn at this very moment does not charge until the next pull."""
    book = PushedMeanwhile(Server(store.redis))
    received = ReceivedTokens(
        book, PartnerDirectory(store, lambda: datetime.now(UTC)), lambda _: False
    )
    if known_before:
        await received.put(PARTNER, token(1, valid=True))
    book.pushed = token(3, valid=False)

    assert await received.catch_up(PARTNER, token(2, valid=True)) is False

    kept = await received.get(PARTNER, EMS, "CARD", "RFID")
    assert kept is not None
    assert kept.document["valid"] is False


async def test_a_push_while_tokens_are_withdrawn_counts(store: Store) -> None:
    """mod_tokens 12.2.2.1: what was pushed after the list was made is not missing in it."""
    book = PushedMeanwhile(Server(store.redis))
    received = ReceivedTokens(
        book, PartnerDirectory(store, lambda: datetime.now(UTC)), lambda _: False
    )
    await received.put(PARTNER, token(1, valid=True))
    book.pushed = token(3, valid=True)

    assert await received.withdraw(PARTNER, (), datetime(2026, 3, 1, 10, 2, tzinfo=UTC)) == 0

    kept = await received.get(PARTNER, EMS, "CARD", "RFID")
    assert kept is not None
    assert (kept.document["valid"], kept.missing) == (True, False)
