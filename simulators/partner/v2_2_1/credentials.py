"""OCPI 2.2.1 credentials and version_information_endpoint."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simulators.partner.v2_2_1.locations import BusinessDetails
from simulators.partner.v2_2_1.types import (
    CountryCode,
    DateTime,
    Int,
    OcpiObject,
    PartyId,
    Role,
    Url,
)

# "only contain printable non-whitespace ASCII characters", U+0021 to U+007E
CredentialsToken = Annotated[str, Field(strict=True, max_length=64, pattern=r"^[!-~]+$")]


class CredentialsRoleFields(OcpiObject):
    clause: ClassVar[str] = "2.2.1 credentials, CredentialsRole"

    party_id: PartyId
    country_code: CountryCode


class CredentialsRole(CredentialsRoleFields):
    role: Role
    business_details: BusinessDetails


class CredentialsFields(OcpiObject):
    clause: ClassVar[str] = "2.2.1 credentials, Credentials object"

    token: CredentialsToken
    url: Url


class Credentials(CredentialsFields):
    roles: Annotated[list[CredentialsRole], Field(min_length=1)]


class VersionReference(OcpiObject):
    clause: ClassVar[str] = "2.2.1 version_information_endpoint, Version"

    # custom and later versions are allowed to appear in the list
    version: Annotated[str, Field(strict=True, pattern=r"^\d+(\.\d+)+$")]
    url: Url


class EndpointFields(OcpiObject):
    clause: ClassVar[str] = "2.2.1 version_information_endpoint, Endpoint"

    # "the ModuleID enum can be extended with additional custom moduleIDs"
    identifier: Annotated[str, Field(strict=True, min_length=1)]
    url: Url


class Endpoint(EndpointFields):
    role: Literal["SENDER", "RECEIVER"]


class VersionDetails(OcpiObject):
    clause: ClassVar[str] = "2.2.1 version_information_endpoint, version details"

    version: Annotated[str, Field(strict=True)]
    endpoints: Annotated[list[Endpoint], Field(min_length=1)]


class Envelope(OcpiObject):
    """The response format around every answer; `data` is judged by who asked."""

    clause: ClassVar[str] = "2.2.1 transport_and_format, Response format"

    status_code: Annotated[Int, Field(ge=1000, le=4999)]
    status_message: Annotated[str, Field(strict=True)] | None = None
    timestamp: DateTime
