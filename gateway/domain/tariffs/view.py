"""Which of a party's tariffs somebody sees.

Most tariffs are for everybody. Of the others it is noted apart (`Audience`) whom they are for, so
that a page of locations can be shown to a partner without reading a tariff. A Connector then names
only those that the partner may see; and since "only one of each Tariff.type can be active at the
same time" (mod_locations), one of its own takes the place of everybody's for the same use. OCPI
2.1.1 has room for one, its `tariff_id`: the first is the one that the partner's tokens pay without
any preference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.tariffs.choice import PARTNERS

_USUAL = (None, "REGULAR")


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a tariff is for: these partners, None: everybody; and its type, None: or REGULAR.

    `dated`: it is not valid all the time. Of one that is gone no partner may learn.
    """

    partners: tuple[str, ...] | None = None
    type: str | None = None
    dated: bool = False

    @classmethod
    def of(cls, tariff: Mapping[str, Any]) -> "Audience":
        """As the operator wrote it."""
        partners, type_ = tariff.get(PARTNERS), tariff.get("type")
        if partners is None:
            return cls(type=None if type_ in _USUAL else type_)
        dated = "start_date_time" in tariff or "end_date_time" in tariff
        return cls(tuple(partners), None if type_ in _USUAL else type_, dated)

    @property
    def is_everybody(self) -> bool:
        """Whether nothing has to be noted."""
        return self.partners is None and self.type is None

    def includes(self, partner_id: str | None) -> bool:
        """Whether a partner may see it; None is everybody who is no partner."""
        return self.partners is None or partner_id in self.partners


@dataclass(frozen=True, slots=True)
class TariffView:
    """What one viewer sees; ids are folded. Views that show the same are equal."""

    hidden: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    lasting: frozenset[str] = frozenset()  # of its own, those that are always valid
    special: frozenset[tuple[str, str]] = frozenset()  # with the type that has a use of its own

    @classmethod
    def of(cls, audiences: Mapping[str, Audience], partner_id: str | None) -> "TariffView":
        """The view of a partner; None: of everybody who is no partner."""
        seen = {id_: one for id_, one in audiences.items() if one.includes(partner_id)}
        return cls(
            hidden=frozenset(audiences.keys() - seen.keys()),
            own=frozenset(id_ for id_, one in seen.items() if one.partners is not None),
            lasting=frozenset(
                id_ for id_, one in seen.items() if one.partners is not None and not one.dated
            ),
            special=frozenset((id_, one.type) for id_, one in seen.items() if one.type),
        )

    def sees(self, tariff_id: str) -> bool:
        """Whether it may be known that there is such a tariff."""
        return tariff_id.lower() not in self.hidden

    def location(self, document: dict[str, Any]) -> dict[str, Any]:
        """A Location as it is shown to the viewer."""
        if not (self.hidden or self.own or self.special) or "evses" not in document:
            return document
        evses = [
            evse | {"connectors": [self._connector(one) for one in evse["connectors"]]}
            for evse in document["evses"]
        ]
        return document | {"evses": evses}

    def _connector(self, connector: dict[str, Any]) -> dict[str, Any]:
        ids = connector.get("tariff_ids")
        if not ids:
            return connector
        types = dict(self.special)
        seen = [(one.lower(), one) for one in ids if self.sees(one)]
        replaced = {types.get(folded) for folded, _ in seen if folded in self.lasting}
        kept = [
            (folded in types, folded not in self.own, one)
            for folded, one in seen
            if folded in self.own or types.get(folded) not in replaced
        ]
        shown = [one for *_, one in sorted(kept, key=lambda one: one[:2])]
        if shown:
            return connector | {"tariff_ids": shown}
        return {name: value for name, value in connector.items() if name != "tariff_ids"}
