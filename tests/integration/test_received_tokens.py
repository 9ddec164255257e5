"""Tokens that a partner pushes and tokens that are pulled from it, at the same time."""

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.partners import Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.ocpi.received_tokens import ReceivedTokens
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store

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
    received = ReceivedTokens(store.tokens, PartnerDirectory(store, lambda: datetime.now(UTC)))
    await received.put(PARTNER, token(2, valid=False))
    await received.catch_up(PARTNER, token(pulled_minute, valid=True))
    kept = await received.get(PARTNER, EMS, "CARD", "RFID")
    assert kept is not None
    assert kept.document["valid"] is valid


async def test_a_pull_keeps_what_is_new(store: Store) -> None:
    received = ReceivedTokens(store.tokens, PartnerDirectory(store, lambda: datetime.now(UTC)))
    await received.catch_up(PARTNER, token(1, valid=True))
    assert await received.get(PARTNER, EMS, "CARD", "RFID") is not None
