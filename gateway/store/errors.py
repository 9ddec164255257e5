"""What can go wrong in the store, as its callers must tell it apart."""


class StoreError(Exception):
    """The store cannot be used, or was used wrongly; the root of this package's errors."""


class StoreUnavailable(StoreError):
    """The server did not confirm. A write may or may not have been applied: ask again later."""


class SchemaMismatch(StoreError):
    """The data belongs to another version of the gateway."""


class Fenced(StoreError):
    """A newer connection of the same charge point has taken over; nothing was written."""

    def __init__(self, identity: str, epoch: int, current: int | None) -> None:
        super().__init__(f"{identity!r}: epoch {epoch} is over, the current one is {current}")
        self.identity = identity
        self.epoch = epoch
        self.current = current


class Conflict(StoreError):
    """An expectation of the change did not hold; nothing was written.

    `current` is what `field` of `key` holds instead, None if it holds nothing.
    """

    def __init__(self, key: str, field: str, current: bytes | None) -> None:
        super().__init__(f"{key} {field}: holds {current!r}")
        self.key = key
        self.field = field
        self.current = current


class BusError(StoreError):
    """A request to another node was not answered with a result."""


class BusTimeout(BusError):
    """The other node did not answer in time, or nobody listens under that name."""


class BusRefused(BusError):
    """The other node answered that its handler failed; the text is the handler's error."""
