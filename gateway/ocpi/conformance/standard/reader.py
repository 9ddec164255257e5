"""Holds a body against the standard's tables: fields, types, cardinality, values of enums."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.ocpi.conformance.standard.plain_types import (
    Body,
    called,
    date_time,
    enum,
    form,
    integer,
    number,
    string,
    url,
)
from gateway.ocpi.conformance.standard.words import RULES

_ALIASES: Final = {
    "GenericChargingProfileResult": "ChargingProfileResult",
    "HubClientInfo": "ClientInfo",
    "Cdr": "CDR",
    "Evse": "EVSE",
}
_STRING: Final = re.compile(r"(CiString|string)(?:\((\d+)\))?")
_INT: Final = re.compile(r"int(?:\((\d+)\))?")
# 2.2.1 and later, PATCH in mod_locations, mod_sessions and mod_tokens: with last_updated
_DATED_PATCHES: Final = frozenset(("Location", "EVSE", "Connector", "Session", "Token"))
_PATCHES: Final = _DATED_PATCHES | {"Tariff", "Terminal"}


@dataclass(frozen=True)
class Reader:
    """One body in one version."""

    version: str
    tables: Body
    extra: bool

    def value(self, kind: str, value: object, path: str) -> Iterator[str]:
        kind = _ALIASES.get(kind, kind)
        if kind in self.tables["objects"]:
            yield from self._object(kind, value, path)
        elif kind in self.tables["enums"]:
            yield from enum(self.tables["enums"][kind], kind, value, path)
        else:
            yield from self._plain(kind, value, path)

    def patch(self, kind: str, body: object) -> Iterator[str]:
        kind = _ALIASES.get(kind, kind)
        if kind not in _PATCHES:
            raise ValueError(f"OCPI has no PATCH of a {kind}")
        given = isinstance(body, dict) and body.get("last_updated") is not None
        if self.version != "2.1.1" and kind in _DATED_PATCHES and not given:
            yield "$: a PATCH carries last_updated"
        yield from self._object(kind, body, "$", partial=True)

    def _object(
        self, kind: str, value: object, path: str, *, partial: bool = False
    ) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{path}: {called(value)} where a {kind} is due"
            return
        fields: dict[str, str] = self.tables["objects"][kind]["fields"]
        found: list[str] = []
        for name, type_ in fields.items():
            if name in value or not partial:
                found.extend(self._field(type_, value.get(name), f"{path}.{name}", name))
        if not self.extra:
            found.extend(f"{path}: unknown field {name}" for name in value if name not in fields)
        yield from found
        if not found:  # the rules may rely on the types
            present = {name: item for name, item in value.items() if item is not None}
            for rule in RULES.get(kind, ()):
                yield from (f"{path}: {broken}" for broken in rule(self.version, present))

    def _field(self, type_: str, value: object, path: str, name: str) -> Iterator[str]:
        base, card = (type_[:-1], type_[-1]) if type_[-1] in "?*+" else (type_, "1")
        if value is None:
            if card in "1+":
                yield f"{path}: missing"
            return
        if card in "1?":
            yield from self.value(base, value, path)
            yield from form(name, value, path)
            return
        if not isinstance(value, list):
            yield f"{path}: {called(value)} where a list of {base} is due"
            return
        if card == "+" and not value:
            yield f"{path}: empty, and at least one {base} is due"
        for at, item in enumerate(value):
            yield from self.value(base, item, f"{path}[{at}]")
            yield from form(name, item, f"{path}[{at}]")

    def _plain(self, kind: str, value: object, path: str) -> Iterator[str]:
        if kind == "any":
            return
        if match := _STRING.fullmatch(kind):
            length = int(match[2]) if match[2] else None
            ascii_only = match[1] == "CiString" or self.version == "2.1.1"
            yield from string(value, length, path, ascii_only=ascii_only)
        elif match := _INT.fullmatch(kind):
            yield from integer(value, match[1], path)
        else:
            yield from self._named(kind, value, path)

    def _named(self, kind: str, value: object, path: str) -> Iterator[str]:
        if kind == "number":
            yield from number(value, path)
        elif kind == "boolean":
            if not isinstance(value, bool):
                yield f"{path}: {called(value)} where a boolean is due"
        elif kind == "DateTime":
            yield from date_time(value, path, fractions=self.version != "2.1.1")
        elif kind == "URL":
            yield from url(value, path)
        else:
            raise KeyError(f"OCPI {self.version} knows no {kind}")
