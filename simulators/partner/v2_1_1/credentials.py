"""OCPI 2.1.1 credentials and version_information_endpoint: one party, endpoints without roles."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from simulators.partner.v2_1_1.locations import BusinessDetails
from simulators.partner.v2_1_1.types import Id3
from simulators.partner.v2_2_1.credentials import CredentialsToken, EndpointFields
from simulators.partner.v2_2_1.types import CountryCode, Int, OcpiObject, Url
from simulators.partner.v2_2_1.types import DateTime as EnvelopeTime


class Credentials(OcpiObject):
    clause: ClassVar[str] = "2.1.1 credentials, Credentials object"

    token: CredentialsToken
    url: Url
    business_details: BusinessDetails
    party_id: Id3
    country_code: CountryCode


class VersionDetails(OcpiObject):
    clause: ClassVar[str] = "2.1.1 version_information_endpoint, version details"

    version: Annotated[str, Field(strict=True)]
    endpoints: Annotated[Sequence[EndpointFields], Field(min_length=1)]


class Envelope(OcpiObject):
    clause: ClassVar[str] = "2.1.1 transport_and_format, Response format"

    status_code: Annotated[Int, Field(ge=1000, le=3999)]
    status_message: Annotated[str, Field(strict=True)] | None = None
    # the list of versions is served in no version, so that it may well carry a fraction
    timestamp: EnvelopeTime
