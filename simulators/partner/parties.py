"""The parties behind our platform: one eMSP, or a hub and its clients."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from simulators.partner.exact_json import Json
from simulators.partner.owner import Owner
from simulators.partner.v2_2_1.types import format_datetime, parse_datetime
from simulators.partner.version import Version


@dataclass(frozen=True, slots=True)
class Party:
    """A party of ours; its status is only of interest behind a hub."""

    owner: Owner
    name: str
    role: str = "EMSP"
    status: str = "CONNECTED"
    last_updated: str = ""

    def as_role(self) -> Json:
        return {
            "role": self.role,
            "business_details": {"name": self.name},
            "party_id": self.owner.party_id,
            "country_code": self.owner.country_code,
        }

    def as_client_info(self) -> Json:
        return {
            "party_id": self.owner.party_id,
            "country_code": self.owner.country_code,
            "role": self.role,
            "status": self.status,
            "last_updated": self.last_updated,
        }


class Parties:
    """`hub` is the hub's own party; None when there is no hub."""

    def __init__(
        self, parties: list[Party], hub: Party | None, now: Callable[[], datetime]
    ) -> None:
        self._now = now
        self.hub = hub
        self.all: list[Party] = []
        for party in parties:
            self.put(party)

    @property
    def first(self) -> Owner:
        """For whom we speak when nothing says otherwise."""
        return self.all[0].owner

    def find(self, owner: Owner) -> Party | None:
        return next((party for party in self.all if party.owner.same(owner)), None)

    def put(self, party: Party) -> Party:
        """Add a party, or replace it, with a later last_updated."""
        held, moment = self.find(party.owner), self._now()
        if held is not None:
            moment = max(moment, parse_datetime(held.last_updated) + timedelta(milliseconds=1))
        dated = replace(party, last_updated=format_datetime(moment))
        if held is None:
            self.all.append(dated)
        else:
            self.all[self.all.index(held)] = dated
        return dated

    def is_hub(self, owner: Owner) -> bool:
        return self.hub is not None and self.hub.owner.same(owner)

    def credentials(self, version: Version, token: str, url: str) -> Json:
        """Our Credentials object."""
        if not version.has_roles:
            role = {**self.all[0].as_role(), "token": token, "url": url}
            return {name: value for name, value in role.items() if name != "role"}
        written: Json = {"token": token, "url": url}
        if self.hub is not None and version.hub_is_role:
            # "A Hub SHALL NOT report all the other connected parties as a role on the platform"
            return {**written, "roles": [self.hub.as_role()]}
        if self.hub is not None:
            owner = self.hub.owner
            written["hub_party_id"] = owner.country_code + owner.party_id
        return {**written, "roles": [party.as_role() for party in self.all]}
