"""The party: whose charge points, locations and prices they are (OCPI country_code + party_id)."""

import re
from dataclasses import dataclass

_COUNTRY = re.compile(r"[A-Z]{2}")
_PARTY = re.compile(r"[A-Z0-9]{3}")


@dataclass(frozen=True, slots=True, order=True)
class Party:
    """An OCPI party. Both parts are CiStrings (types, 1.1): kept in upper case."""

    country_code: str
    party_id: str

    def __post_init__(self) -> None:
        """Raise `ValueError` unless this is ISO 3166 alpha-2 plus three letters or digits."""
        object.__setattr__(self, "country_code", self.country_code.upper())
        object.__setattr__(self, "party_id", self.party_id.upper())
        if not _COUNTRY.fullmatch(self.country_code) or not _PARTY.fullmatch(self.party_id):
            raise ValueError(f"not an OCPI party: {self.country_code!r} {self.party_id!r}")

    def __str__(self) -> str:
        return f"{self.country_code}*{self.party_id}"

    @classmethod
    def parse(cls, text: str) -> "Party":
        """Read the form `NL*ABC`; raises `ValueError`."""
        country_code, _, party_id = text.partition("*")
        return cls(country_code, party_id)
