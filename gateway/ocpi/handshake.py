"""What the two sides of a registration learn about each other (credentials 7.1)."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from gateway.domain.partners import Endpoint, PartnerRole
from gateway.domain.party import Party
from gateway.ocpi.client import OcpiClient, OcpiReply, PartnerError, Unauthorized
from gateway.ocpi.errors import (
    ClientApiUnusable,
    InvalidParameters,
    NoMatchingEndpoints,
    UnsupportedVersion,
)

# best first
VERSIONS = ("2.2.1",)

_LONGEST_TOKEN = 255
_LONGEST_URL = 2048
_MOST_ENTRIES = 200


@dataclass(frozen=True, slots=True)
class Credentials:
    """The Credentials object that a partner gave us."""

    token: str
    url: str
    roles: tuple[PartnerRole, ...]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a partner's versions and version details say. `raw_token`: how it wants its token."""

    version: str
    endpoints: tuple[Endpoint, ...]
    raw_token: bool


def read_credentials(body: dict[str, Any]) -> Credentials:
    """Check a Credentials object. Raises `InvalidParameters`."""
    token = body.get("token")
    if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN or not _visible(token):
        raise InvalidParameters("token is not 1 to 64 printable non-whitespace ASCII characters")
    url = body.get("url")
    if not _is_url(url):
        raise InvalidParameters("url is not an http(s) URL")
    roles = body.get("roles")
    if not isinstance(roles, list) or not 0 < len(roles) <= _MOST_ENTRIES:
        raise InvalidParameters("roles is not a list of CredentialsRoles")
    return Credentials(token, str(url), tuple(_role(role) for role in roles))


def _role(value: Any) -> PartnerRole:
    try:
        details = value.get("business_details") or {}
        party = Party(str(value["country_code"]), str(value["party_id"]))
        return PartnerRole(str(value["role"])[:20].upper(), party, str(details.get("name", "")))
    except (AttributeError, KeyError, ValueError) as error:
        raise InvalidParameters(f"roles: {error}") from None


def _visible(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


def _is_url(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > _LONGEST_URL:
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


async def discover(
    client: OcpiClient, versions_url: str, token: str, *, only: str | None = None
) -> Discovery:
    """Fetch the versions and the details of the best mutual one (or of `only`).

    Raises `ClientApiUnusable` (3001), `UnsupportedVersion` (3002), `NoMatchingEndpoints` (3003).
    A partner that refuses the Base64 form of its token is asked again with the token as it is.
    """
    try:
        reply, raw = await _first(client, versions_url, token)
        listed = {
            str(entry.get("version")): entry.get("url") for entry in reply.many()[:_MOST_ENTRIES]
        }
        for version in (only,) if only else VERSIONS:
            if _is_url(listed.get(version)):
                details = await client.request(
                    "GET", str(listed[version]), token=token, raw_token=raw
                )
                return Discovery(version, _endpoints(details), raw)
    except PartnerError as error:
        raise ClientApiUnusable(f"Your versions could not be fetched: {error}") from None
    raise UnsupportedVersion("Your versions list none that we speak")


async def _first(client: OcpiClient, url: str, token: str) -> tuple[OcpiReply, bool]:
    try:
        return await client.request("GET", url, token=token), False
    except Unauthorized:
        return await client.request("GET", url, token=token, raw_token=True), True


def _endpoints(details: OcpiReply) -> tuple[Endpoint, ...]:
    data = details.one() or {}
    entries = data.get("endpoints")
    found = tuple(
        Endpoint(entry["identifier"].lower(), str(entry.get("role", "")).upper(), entry["url"])
        for entry in (entries if isinstance(entries, list) else [])[:_MOST_ENTRIES]
        if isinstance(entry, dict)
        and isinstance(entry.get("identifier"), str)
        and _is_url(entry.get("url"))
    )
    if not found:
        raise NoMatchingEndpoints("Your version details list no endpoints")
    return found
