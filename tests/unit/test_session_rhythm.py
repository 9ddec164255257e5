"""How often a running Session is written, and owed to the partner that pays for it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.partners import Partner, PartnerState
from gateway.domain.tokens import TokenHolder, TokenType
from gateway.domain.transactions import Transaction
from gateway.services.billing.session_rhythm import SessionRhythm
from gateway.services.stations.station_state import RunningTransaction

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
PARTNER = Partner("ems", "eMSP", PartnerState.REGISTERED, START)
HOLDER = TokenHolder("TAG1", TokenType.RFID, "NL", "EMS", "C1", PARTNER.id)
DEFAULT = 10.0


class Scenes:
    """One running session; time passes when the test says so."""

    def __init__(self, interval: float | None, holder: TokenHolder | None = HOLDER) -> None:
        self.now = 0.0
        self.run = RunningTransaction(Transaction("CP1", "1", 1, START, "S1", "S1", holder=holder))
        partner = replace(PARTNER, session_interval=interval)
        self.rhythm = SessionRhythm({partner.id: partner}.get, lambda: self.now)

    def owed(self, at: float, **session: Any) -> bool:
        self.now = at
        return self.rhythm.owing_due(self.run, running(**session), DEFAULT)

    def writable(self, at: float) -> bool:
        self.now = at
        return self.rhythm.write_due(self.run, DEFAULT)


def running(
    kwh: int = 1, status: str = "ACTIVE", uid: str = "TAG1", spent: str = "TIME"
) -> dict[str, Any]:
    period = {"dimensions": [{"type": "ENERGY", "volume": kwh}, {"type": spent, "volume": 1}]}
    return {
        "status": status,
        "kwh": kwh,
        "cdr_token": {"uid": uid},
        "charging_periods": [period],
        "total_cost": {"before_taxes": kwh},
        "last_updated": f"2026-03-02T10:00:0{kwh}Z",
    }


def test_without_an_interval_of_its_own_everything_written_is_owed() -> None:
    scene = Scenes(None)
    assert [scene.owed(at, kwh=at) for at in range(5)] == [True] * 5


def test_amounts_alone_are_owed_once_per_interval_of_the_partner() -> None:
    scene = Scenes(60)
    owed = [at for at in range(0, 190, 10) if scene.owed(at, kwh=at % 9)]
    assert owed == [0, 60, 120, 180]


@pytest.mark.parametrize(
    "news",
    [{"status": "COMPLETED"}, {"status": "INVALID"}, {"uid": "TAG2"}, {"spent": "PARKING_TIME"}],
    ids=str,
)
def test_what_is_more_than_an_amount_is_owed_at_once(news: dict[str, Any]) -> None:
    """Parking too: a meter that stands still says nothing more."""
    scene = Scenes(3600)
    assert scene.owed(0)
    assert not scene.owed(10)
    assert scene.owed(20, **news)


def test_an_end_is_owed_again_when_its_commit_had_failed() -> None:
    scene = Scenes(3600)
    assert scene.owed(10, status="COMPLETED")
    assert scene.owed(11, status="COMPLETED")


def test_a_partner_with_a_shorter_interval_has_it_written_more_often() -> None:
    scene = Scenes(2)
    scene.run.session_at = 0.0
    assert [at for at in range(5) if scene.writable(at)] == [2, 3, 4]


def test_a_partner_with_a_longer_one_leaves_it_to_others_to_read() -> None:
    scene = Scenes(3600)
    scene.run.session_at = 0.0
    assert not scene.writable(9)
    assert scene.writable(10)


def test_a_session_of_the_operators_own_token_has_everybodys_interval() -> None:
    scene = Scenes(2, replace(HOLDER, partner_id=None))
    scene.run.session_at = 0.0
    assert not scene.writable(9)
    assert scene.writable(10)
