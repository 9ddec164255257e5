"""What every OCPI version must be able to say: pure functions between canonical and wire."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wire:
    """One version's conversions. None: this version has no words for the object.

    `token_in` reads a partner's Token into canonical shape, without validating it; everything
    else writes canonical objects.
    """

    version: str
    location: Callable[[Object], Object]
    evse: Callable[[Object], Object | None]
    connector: Callable[[Object], Object | None]
    session: Callable[[Object], Object]
    cdr: Callable[[Object], Object]
    tariff: Callable[[Object], Object]
    token: Callable[[Object], Object]
    token_in: Callable[[Object], Object]
