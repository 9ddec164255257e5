"""The numbers of one transaction's events (2.x seqNo): which were heard, and whether all were.

What this holds does not depend on the order in which the events came. Numbers may start above 0
and go on over transactions (ocpp-rules 23). Some stations send 0 with every event: they cannot
count, and of them nobody can know whether an event is missing.
"""

from datetime import datetime

from gateway.domain.events import TransactionPhase
from gateway.domain.values import dataclass

MOST_RUNS = 1_000  # with more gaps than this a station counts otherwise than one by one


@dataclass(frozen=True, slots=True)
class Sequence:
    """What was heard so far.

    `seen` are runs of numbers, ascending, each with its first and last. `started` and `ended` are
    the numbers of those events. `latest` is the time of the last event by (time, number), and
    `latest_no` its number. `repeated`: a number came twice, with other content, or far too many
    are missing.
    """

    seen: tuple[tuple[int, int], ...] = ()
    started: int | None = None
    ended: int | None = None
    repeated: bool = False
    latest: datetime | None = None
    latest_no: int = -1

    def hearing(self, number: int, at: datetime, phase: TransactionPhase) -> "Sequence":
        """With one more event, which is no repetition of a known one."""
        last = self.seen[-1] if self.seen else None
        repeated = self.repeated
        if last is not None and number == last[1] + 1:  # in order: what almost every event is
            seen = (*self.seen[:-1], (last[0], number))
        elif self.knows(number) or len(self.seen) >= MOST_RUNS:
            seen, repeated = self.seen, True
        else:
            seen = _with(self.seen, number)
        newest = self.is_newer(at, number)
        return Sequence(
            seen,
            number if phase is TransactionPhase.STARTED else self.started,
            number if phase is TransactionPhase.ENDED else self.ended,
            repeated,
            at if newest else self.latest,
            number if newest else self.latest_no,
        )

    def knows(self, number: int) -> bool:
        """Whether an event with this number was heard."""
        return any(first <= number <= last for first, last in self.seen)

    def is_newer(self, at: datetime, number: int) -> bool:
        """Whether an event comes after all that were heard, by (time, number)."""
        return self.latest is None or (at, number) > (self.latest, self.latest_no)

    def is_next(self, at: datetime, number: int) -> bool:
        """Whether an event comes after all that were heard by its time, and by its number too.

        The numbers of a station that does not count say nothing.
        """
        above = not self.seen or number > self.seen[-1][1] or not self.counts
        return above and self.is_newer(at, number)

    @property
    def counts(self) -> bool:
        """Whether the numbers can be believed: none twice, Started lowest, Ended highest."""
        if self.repeated:
            return False
        below = self.started is not None and self.seen[0][0] < self.started
        above = self.ended is not None and self.seen[-1][1] > self.ended
        return not below and not above

    @property
    def complete(self) -> bool:
        """Whether every event from Started to Ended was heard."""
        return self.spans and self.counts and len(self.seen) == 1

    @property
    def spans(self) -> bool:
        """Whether both Started and Ended were heard."""
        return self.started is not None and self.ended is not None

    @property
    def settled(self) -> bool:
        """Whether there is nothing to wait for: complete, or nobody can know."""
        return self.complete or (self.spans and not self.counts)


def _with(seen: tuple[tuple[int, int], ...], number: int) -> tuple[tuple[int, int], ...]:
    """The runs with a number between, before or after them."""
    runs: list[tuple[int, int]] = []
    for first, last in sorted((*seen, (number, number))):
        if runs and first == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return tuple(runs)
