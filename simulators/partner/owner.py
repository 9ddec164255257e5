"""The party that an object belongs to, or that a message comes from or goes to."""

from dataclasses import dataclass

Key = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Owner:
    """The party in a URL, in routing headers, or in the object itself."""

    country_code: str
    party_id: str

    def __str__(self) -> str:
        return f"{self.country_code}*{self.party_id}"

    def key(self, object_id: str = "") -> Key:
        # a CiString compares case-insensitively, in URLs too
        return self.country_code.lower(), self.party_id.lower(), object_id.lower()

    def same(self, other: "Owner") -> bool:
        return self.key() == other.key()
