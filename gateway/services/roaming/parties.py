"""The parties of this platform, whose charge points and locations partners meet here."""

from dataclasses import dataclass

from gateway.domain.party import Party


@dataclass(frozen=True, slots=True)
class PartyInfo:
    """A party and the name that partners see in our credentials."""

    party: Party
    business_name: str


class PartyBook:
    """All parties whose charge points this platform runs."""

    def __init__(self, first: PartyInfo, *others: PartyInfo) -> None:
        self._parties = {info.party: info for info in (first, *others)}
        self.default = first.party

    def all(self) -> list[PartyInfo]:
        """The parties, the first one first."""
        return list(self._parties.values())

    def knows(self, party: Party) -> bool:
        """Whether this is one of ours."""
        return party in self._parties
