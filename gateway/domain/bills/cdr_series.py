"""The ids of the CDRs of one session: the first, its Credit CDR, the corrected one, and so on.

A CDR "cannot be changed or replaced once sent"; instead it is credited, and a new one "with a new
unique ID" may follow (mod_cdrs, Credit CDRs). The first has the id of its Session. The others are
made of it: `<session>-0C` credits it, `<session>-1` is the corrected one, which `<session>-1C`
credits. So an id tells which CDRs must not overtake each other, and the same correction asked for
twice leads to the same id.

Ids have at most 36 characters ("Normal (non-credit) CDRs SHALL only have an ID with a maximum
length of 36"), Credit CDRs too: the Invoice Reconciliation module refers to them by 36. A UUID is
therefore written without its dashes.
"""

import re
from dataclasses import dataclass, replace
from itertools import pairwise, takewhile

LAST = 99
"""The highest number: nobody corrects a CDR more often."""

_LONGEST = 36
_GROUPS = (0, 8, 12, 16, 20, 32)  # where those of a UUID begin and end
_SERIES = re.compile(r"(?P<session>.+)-(?P<number>0|[1-9][0-9]?)(?P<credit>[Cc]?)", re.DOTALL)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_BARE_UUID = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CdrPlace:
    """A place in the series of one session."""

    session_id: str
    number: int = 0
    credit: bool = False

    @property
    def id(self) -> str:
        """The CDR's id."""
        if self.number == 0 and not self.credit:
            return self.session_id
        bare = self.session_id
        if _UUID.fullmatch(bare):
            bare = bare.replace("-", "")
        return f"{bare}-{self.number}{'C' if self.credit else ''}"

    @property
    def credited_by(self) -> "CdrPlace | None":
        """The Credit CDR of this one; None: there is none, or its id would be too long."""
        found = replace(self, credit=True)
        return None if self.credit or len(found.id) > _LONGEST else found

    @property
    def corrected_by(self) -> "CdrPlace | None":
        """The CDR that follows this one once it is credited; None as above."""
        found = CdrPlace(self.session_id, self.number + 1)
        ends = self.credit or found.number > LAST or len(found.id) > _LONGEST
        return None if ends else found

    @property
    def earlier(self) -> tuple["CdrPlace", ...]:
        """What a partner must have before it, the first one first."""
        every = (
            CdrPlace(self.session_id, number, credit)
            for number in range(self.number + 1)
            for credit in (False, True)
        )
        return tuple(takewhile(lambda one: one != self, every))


def place_of(cdr_id: str) -> CdrPlace:
    """Where an id stands. One that no session's series has made is a first one."""
    found = _SERIES.fullmatch(cdr_id)
    if found is None:
        return CdrPlace(cdr_id)
    session_id = found["session"]
    if _BARE_UUID.fullmatch(session_id):
        session_id = "-".join(session_id[first:end] for first, end in pairwise(_GROUPS))
    place = CdrPlace(session_id, int(found["number"]), bool(found["credit"]))
    return place if place.id.lower() == cdr_id.lower() else CdrPlace(cdr_id)


def is_correction(cdr_id: str) -> bool:
    """Whether it takes an earlier bill back or takes its place: what OCPI 2.1.1 cannot say."""
    place = place_of(cdr_id)
    return place.credit or place.number > 0
