"""Which of a transaction's flags hold its CDR, given what the operator has released (ADR 0012).

Every holding flag has a name for settings, commands and the API: that of its constant in `flags`,
in lower case, with hyphens. `GATEWAY_CDR_RELEASE` lists those that never hold; by hand an operator
releases one transaction from all that it has. Without a place or a price there is no bill that
could be released.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from gateway.domain import flags

NAME_OF: Mapping[str, str] = MappingProxyType(
    {
        flag: constant.lower().replace("_", "-")
        for constant, flag in vars(flags).items()
        if isinstance(flag, str) and flag in flags.HOLDING
    }
)
"""The names of the holding flags."""

UNRELEASABLE = frozenset({flags.NO_LOCATION, flags.NOT_PRICED, flags.NO_TARIFF})

RELEASABLE = flags.HOLDING - UNRELEASABLE
"""What a release by hand lets pass: `held_by(flags, RELEASABLE)`."""

_FLAG_OF = {name: flag for flag, name in NAME_OF.items()}

NOTHING: frozenset[str] = frozenset()


def held_by(found: Iterable[str], released: frozenset[str] = NOTHING) -> tuple[str, ...]:
    """The flags that hold a CDR, in the order in which they were found; empty: none does."""
    holding = flags.HOLDING - (released & RELEASABLE)
    return tuple(flag for flag in found if flag in holding)


def releases(names: str) -> frozenset[str]:
    """The flags of names that are listed with commas, as `GATEWAY_CDR_RELEASE` has them.

    Raises `ValueError`, which says what is wrong, for a name that there is not, and for one
    without whose matter there is no bill.
    """
    return frozenset(_released(name.strip()) for name in names.split(",") if name.strip())


def _released(name: str) -> str:
    flag = _FLAG_OF.get(name)
    if flag is None:
        known = ", ".join(sorted(NAME_OF[one] for one in RELEASABLE))
        raise ValueError(f"nothing holds a CDR that is called {name!r}; what does: {known}")
    if flag in UNRELEASABLE:
        raise ValueError(f"{name!r} cannot be released: without it there is no bill")
    return flag
