"""`dataclass` for the values that every message makes: frozen to the type checker only.

A frozen dataclass sets each of its fields through `object.__setattr__`, which makes it four times
as dear to create as a plain one; with a dozen of them in a meter reading that is a tenth of the
gateway's whole work. mypy refuses to assign to their fields all the same.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(*, frozen: bool, slots: bool) -> Callable[[type[Any]], type[Any]]:
        """As `dataclasses.dataclass`, comparable and hashable, without the run-time guard."""
        return dataclasses.dataclass(slots=slots, unsafe_hash=frozen)
