"""One thing that is owed to a partner, and what it must not overtake."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from gateway.domain.bills.cdr_series import place_of
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.party import Party


@dataclass(frozen=True, slots=True)
class Owing:
    """One object of one party that is owed, as marked at `version`.

    `parts` are others that are told with it: a location that is PUT brings all of its EVSEs.
    """

    party: Party
    ref: ObjectRef
    version: int
    parts: tuple["Owing", ...] = ()

    @property
    def key(self) -> Hashable:
        """The object, whatever its version."""
        return self.party, self.ref

    @property
    def lane(self) -> Hashable:
        """What must not overtake each other: a location and its EVSEs, a session and its CDRs."""
        site = self.ref.kind in (ObjectKind.LOCATION, ObjectKind.EVSE)
        charge = self.ref.kind in (ObjectKind.SESSION, ObjectKind.CDR)
        if charge:
            return self.party, "charge", place_of(self.ref.id).session_id.lower()
        return self.party, "site" if site else self.ref.kind.value, self.ref.id.lower()


def whole_first(batch: Iterable[Owing]) -> list[Owing]:
    """The same in its order, EVSEs with their location where that is owed as well.

    Both were read before the location will be: it will say at least what they would have said.
    """
    batch = list(batch)
    whole = {one.lane for one in batch if one.ref.kind is ObjectKind.LOCATION}
    parts: dict[Hashable, list[Owing]] = defaultdict(list)
    for one in batch:
        if one.ref.kind is ObjectKind.EVSE and one.lane in whole:
            parts[one.lane].append(one)
    return [
        replace(one, parts=(*one.parts, *parts[one.lane]))
        if one.ref.kind is ObjectKind.LOCATION
        else one
        for one in batch
        if one.ref.kind is not ObjectKind.EVSE or one.lane not in whole
    ]


def going_before(owing: Owing) -> tuple[Owing, ...]:
    """What goes first if it is owed as well, in its order.

    Before a CDR its Session, before a Credit CDR the CDR that it credits, before a corrected CDR
    that Credit CDR ("After having sent the Credit CDR, the CPO can send a new CDR", mod_cdrs).
    """
    if owing.ref.kind is not ObjectKind.CDR:
        return ()
    place = place_of(owing.ref.id)
    before = [ObjectRef(ObjectKind.CDR, one.id) for one in place.earlier]
    session = ObjectRef(ObjectKind.SESSION, place.session_id)
    return tuple(replace(owing, ref=ref) for ref in (session, *before))
