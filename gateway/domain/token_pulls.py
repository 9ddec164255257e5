"""When the tokens of a partner are fetched: all of them, or what has changed.

The pull is "for getting in-sync with the server, or to get a list of all tokens (from a server
without Push mode) every X hours" (OCPI mod_tokens 12.1.2). Two rhythms: the whole list once a day,
which finds what was lost; and more often only what has changed since the last pull, for partners
that push nothing. Both are moved by up to a tenth, always the same for one partner, so that many
partners are not asked at once and every node finds the same moment.
"""

import zlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

_TENTH = 0.1
_CRC_VALUES = 2**32


class PullKind(StrEnum):
    """The whole list, or with `date_from`."""

    FULL = "full"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class PullRhythm:
    """Seconds between two pulls, and before each further try of one that failed.

    `changes` 0: never. `overlap` is how far the next pull reaches back before the start of the
    last one, for a clock of the partner's that is late.
    """

    full: float = 86_400.0
    changes: float = 3_600.0
    overlap: timedelta = timedelta(minutes=10)
    pauses: tuple[float, ...] = (1.0, 5.0, 30.0, 120.0, 600.0)


@dataclass(frozen=True, slots=True)
class PullReport:
    """How a pull ended: of what the partner sent, what was new to us and what was no Token.

    `missing` are tokens of ours that a full list did not have; `withdrawn` those that are no
    longer valid for that.
    """

    kind: PullKind
    started: datetime
    ended: datetime
    received: int = 0
    changed: int = 0
    skipped: int = 0
    missing: int = 0
    withdrawn: int = 0


@dataclass(frozen=True, slots=True)
class PullFailure:
    """What went wrong, for the how many-th time, and when it is tried again.

    `wanted` is the wish that was then the latest: a newer one is not kept waiting.
    """

    count: int
    at: datetime
    again: datetime
    wanted: int
    error: str


@dataclass(frozen=True, slots=True)
class PullState:
    """What all nodes know of the pulls from one partner.

    `wanted` counts the wishes for a full pull (a registration, the operator's), `answered` is the
    last of them that was fulfilled. `full` and `latest` are when the last full pull, and the last
    one of any kind, began.
    """

    wanted: int = 0
    answered: int = 0
    full: datetime | None = None
    latest: datetime | None = None
    last: PullReport | None = None
    failure: PullFailure | None = field(default=None)

    def due(self, partner_id: str, now: datetime, rhythm: PullRhythm) -> PullKind | None:
        """Which pull is due now."""
        failure = self.failure
        if failure and now < failure.again and self.wanted <= failure.wanted:
            return None
        if self.full is None or self.latest is None or self.wanted > self.answered:
            return PullKind.FULL
        if now >= _after(self.full, rhythm.full, partner_id):
            return PullKind.FULL
        if rhythm.changes and now >= _after(self.latest, rhythm.changes, partner_id):
            return PullKind.CHANGES
        return None

    def failed(
        self, now: datetime, wanted: int, error: str, pauses: tuple[float, ...]
    ) -> PullFailure:
        """One more failure, of a pull that was begun when `wanted` was the latest wish."""
        before = self.failure.count if self.failure else 0
        pause = pauses[min(before, len(pauses) - 1)]
        return PullFailure(before + 1, now, now + timedelta(seconds=pause), wanted, error)


def _after(moment: datetime, seconds: float, partner_id: str) -> datetime:
    share = zlib.crc32(partner_id.encode()) / _CRC_VALUES
    return moment + timedelta(seconds=seconds * (1 + _TENTH * share))
