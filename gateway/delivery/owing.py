"""One thing that is owed to a partner, and what it must not overtake."""

from collections.abc import Hashable
from dataclasses import dataclass

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.party import Party


@dataclass(frozen=True, slots=True)
class Owing:
    """One object of one party that is owed, as marked at `version`."""

    party: Party
    ref: ObjectRef
    version: int

    @property
    def key(self) -> Hashable:
        """The object, whatever its version."""
        return self.party, self.ref

    @property
    def lane(self) -> Hashable:
        """What must not overtake each other: a location and its EVSEs, a session and its CDR."""
        site = self.ref.kind in (ObjectKind.LOCATION, ObjectKind.EVSE)
        charge = self.ref.kind in (ObjectKind.SESSION, ObjectKind.CDR)
        group = "site" if site else "charge" if charge else self.ref.kind.value
        return self.party, group, self.ref.id.lower()
