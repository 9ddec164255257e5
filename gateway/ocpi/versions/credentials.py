"""The Credentials object of each version (credentials 7.3.1; 2.1.1 credentials 2.1).

From 2.2.1 on it lists the roles of a platform. In 2.1.1 it is one party, whose codes "a client
will use when pushing client owned objects": a 2.1.1 partner knows us as one party, and sees what
belongs to that one. 2.3.0 names the hub in `hub_party_id` and its clients among the roles; 2.2.1
has the role HUB instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog

from gateway.domain.partners import PartnerRole
from gateway.domain.party import Party
from gateway.ocpi.incoming.errors import InvalidParameters
from gateway.ocpi.versions.version import Version
from gateway.services.roaming.parties import PartyInfo

_LONGEST_TOKEN = 255
_LONGEST_URL = 2048
_LONGEST_NAME = 100
_MOST_ROLES = 10_000  # a 2.3.0 hub lists every platform behind it

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a partner gave us. `hub_party`: it passes on messages, and this is its own party."""

    token: str
    url: str
    roles: tuple[PartnerRole, ...]
    hub_party: Party | None = None


def write(version: Version, token: str, url: str, ours: Sequence[PartyInfo]) -> dict[str, Any]:
    """Our Credentials; where there are no roles, `ours` is exactly one party."""
    credentials: dict[str, Any] = {"token": token, "url": url}
    if version.has_roles:
        return credentials | {"roles": [{"role": "CPO", **_party(own)} for own in ours]}
    (own,) = ours
    return credentials | _party(own)


def _party(own: PartyInfo) -> dict[str, Any]:
    return {
        "party_id": own.party.party_id,
        "country_code": own.party.country_code,
        "business_details": own.business_details,
    }


def read(version: Version, body: dict[str, Any]) -> Credentials:
    """Check a Credentials object. Raises `InvalidParameters`."""
    token, url = body.get("token"), body.get("url")
    if not isinstance(token, str) or not 0 < len(token) <= _LONGEST_TOKEN or not _visible(token):
        raise InvalidParameters("token is not 1 to 64 printable non-whitespace ASCII characters")
    if not is_url(url):
        raise InvalidParameters("url is not an http(s) URL")
    # one party of a CPO's partner in 2.1.1, which knows no other pair of roles
    roles = _roles(body.get("roles")) if version.has_roles else (_role(body, "EMSP"),)
    return Credentials(token, str(url), roles, _hub_party(body, roles))


def _roles(value: Any) -> tuple[PartnerRole, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_ROLES:
        raise InvalidParameters("roles is not a list of CredentialsRoles")
    roles: dict[PartnerRole, None] = {}
    refusal: InvalidParameters | None = None
    for entry in value:
        try:
            roles[_role(entry, None)] = None
        except InvalidParameters as error:
            # one client of a hub that is no party does not cost the others
            _log.warning("role skipped", reason=error.message)
            refusal = error
    if refusal is not None and not roles:
        raise refusal
    return tuple(roles)


def _role(value: Any, role: str | None) -> PartnerRole:
    try:
        details = value.get("business_details") or {}
        party = Party(str(value["country_code"]), str(value["party_id"]))
        name = str(details.get("name", ""))[:_LONGEST_NAME]
        return PartnerRole(role or str(value["role"])[:20].upper(), party, name)
    except KeyError as error:
        raise InvalidParameters(f"{error.args[0]} is missing") from None
    except (AttributeError, ValueError) as error:
        raise InvalidParameters(f"a role is not understood: {error}") from None


def _hub_party(body: dict[str, Any], roles: Sequence[PartnerRole]) -> Party | None:
    """2.3.0: "country code and three-character party ID are concatenated" in hub_party_id."""
    given = body.get("hub_party_id")
    if given is None:
        return next((role.party for role in roles if role.role == "HUB"), None)
    try:
        return Party(str(given)[:2], str(given)[2:])
    except ValueError:
        raise InvalidParameters("hub_party_id is not a country code and a party id") from None


def _visible(text: str) -> bool:
    return all("!" <= character <= "~" for character in text)


def is_url(value: Any) -> bool:
    """Whether this can be a URL of a partner; what it leads to is checked when it is called."""
    if not isinstance(value, str) or len(value) > _LONGEST_URL:
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
