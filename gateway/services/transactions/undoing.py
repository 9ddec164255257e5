"""Puts a cached record back when a change of it did not become durable."""

from gateway.domain.transactions import Transaction
from gateway.services.stations.station_state import RunningTransaction


class UndoneOnFailure:
    """A context in which a running transaction is changed and committed."""

    __slots__ = ("_before", "_run")

    def __init__(self, run: RunningTransaction, before: Transaction | None) -> None:
        self._run = run
        self._before = before

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Without the commit the record is what it was; a new one was never known."""
        if error is not None and self._before is not None:
            self._run.transaction = self._before
            self._run.forget_use()
