"""OCPI 2.3.0 credentials: the hub's id beside the roles, and a hub's clients among them."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from simulators.partner.v2_2_1 import credentials as v2_2_1
from simulators.partner.v2_3_0.locations import BusinessDetails
from simulators.partner.v2_3_0.types import Role

# "the two-letter country code and three-character party ID are concatenated"
HubPartyId = Annotated[str, Field(strict=True, pattern=r"^[A-Za-z]{2}[A-Za-z0-9]{3}$")]


class CredentialsRole(v2_2_1.CredentialsRoleFields):
    role: Role
    business_details: BusinessDetails


class Credentials(v2_2_1.CredentialsFields):
    hub_party_id: HubPartyId | None = None
    roles: Annotated[Sequence[CredentialsRole], Field(min_length=1)]
