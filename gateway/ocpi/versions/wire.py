"""What every OCPI version must be able to say: pure functions between canonical and wire."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.domain.party import Party

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wire:
    """One version's conversions. None: this version has no words for the object.

    `session` is given the Session and, where `embeds_location`, the canonical Location where it
    takes place (None if that is gone). `token_in` reads a partner's Token into canonical shape,
    without validating it; it is given the party that the token belongs to where the version's
    Token does not say so. Everything else writes canonical objects.
    """

    location: Callable[[Object], Object]
    evse: Callable[[Object], Object | None]
    connector: Callable[[Object], Object | None]
    session: Callable[[Object, Object | None], Object]
    cdr: Callable[[Object], Object | None]
    tariff: Callable[[Object], Object]
    token: Callable[[Object], Object]
    token_in: Callable[[Object, Party | None], Object]
    embeds_location: bool = False
