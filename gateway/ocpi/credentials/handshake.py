"""What one side of a registration learns of the other before it (credentials 7.1).

The versions that a platform lists, and what it says about the one that is going to be spoken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.domain import partner_quirks as quirk
from gateway.domain.partners import Endpoint, Partner
from gateway.ocpi import quirks
from gateway.ocpi.incoming.errors import ClientApiUnusable, NoMatchingEndpoints, UnsupportedVersion
from gateway.ocpi.outgoing.client import (
    OcpiClient,
    OcpiReply,
    PartnerError,
    Unauthorized,
    Unreachable,
)
from gateway.ocpi.versions import Version
from gateway.ocpi.versions.credentials import is_url

_MOST_ENTRIES = 200

Seen = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a partner's versions and version details say.

    `raw_token` is how it took its token, `seen` the quirks that it showed: name, and how.
    """

    version: Version
    endpoints: tuple[Endpoint, ...]
    raw_token: bool
    seen: tuple[Seen, ...] = ()

    @property
    def credentials_url(self) -> str | None:
        """Where its credentials module is; the role "is not relevant"."""
        return next((one.url for one in self.endpoints if one.identifier == "credentials"), None)

    def as_wanted(self, url: str) -> str:
        """An endpoint's URL, with the slash that the platform asked for elsewhere."""
        slash = any(name == quirk.TRAILING_SLASH for name, _ in self.seen)
        return f"{url}/" if slash and not url.endswith("/") else url


async def discover(
    client: OcpiClient, partner: Partner, versions_url: str, token: str, wanted: Sequence[Version]
) -> Discovery:
    """Fetch the versions, and the details of the first of `wanted` among them.

    Raises `ClientApiUnusable` (3001), `UnsupportedVersion` (3002), `NoMatchingEndpoints` (3003).
    Only `credentials` is expected of a partner: it is "required for all implementations", and
    whoever only pulls implements nothing else ("OCPI doesn't require parties to implement Push").
    """
    asking = _Asking(client, token)
    try:
        raw = all(quirks.wants_raw_token(version, partner.quirks) for version in wanted)
        listed = _listed(await asking.get(versions_url, raw))
        version = next((one for one in wanted if one.number in listed), None)
        if version is None:
            raise UnsupportedVersion(
                f"Your versions are {_enumerated(listed)}, not {_enumerated(wanted)}"
            )
        raw = quirks.wants_raw_token(version, partner.quirks)
        details = await asking.get(listed[version.number], raw)
    except PartnerError as error:
        raise ClientApiUnusable(f"Your versions could not be fetched: {error}") from None
    endpoints = _endpoints(version, details)
    seen = [*asking.seen, *_habits(version, details, endpoints)]
    deviation = quirks.token_quirk(version, asking.raw)
    if deviation is not None:
        seen.append((deviation, "it took its token in this form, not in that of the version"))
    found = Discovery(version, endpoints, asking.raw, tuple(seen))
    if found.credentials_url is None and quirks.needs_credentials_module(partner):
        raise NoMatchingEndpoints("Your version details list no credentials endpoint")
    return found


class _Asking:
    """GETs with one token, in whichever form the platform takes: "trial and error" (TF 4.1.2)."""

    def __init__(self, client: OcpiClient, token: str) -> None:
        self._client = client
        self._token = token
        self._refused: set[bool] = set()
        self.raw = False
        self.seen: list[Seen] = []

    async def get(self, url: str, raw: bool) -> OcpiReply:
        """The answer to the token in the form given, or else in the other one."""
        forms = [raw, not raw]
        if raw in self._refused:
            forms.reverse()
        try:
            return await self._in_form(url, forms[0])
        except Unauthorized:
            self._refused.add(forms[0])
            return await self._in_form(url, forms[1])

    async def _in_form(self, url: str, raw: bool) -> OcpiReply:
        try:
            reply = await self._client.request("GET", url, token=self._token, raw_token=raw)
        except Unreachable as error:
            if not error.wants_slash:
                raise
            reply = await self._client.request("GET", f"{url}/", token=self._token, raw_token=raw)
            self.seen.append((quirk.TRAILING_SLASH, f"{url} redirects to itself with a slash"))
        self.raw = raw
        return reply


def _listed(reply: OcpiReply) -> dict[str, str]:
    listed = {}
    for entry in reply.many()[:_MOST_ENTRIES]:
        url = entry.get("url")
        if is_url(url):
            listed[str(entry.get("version"))] = str(url)
    return listed


def _enumerated(versions: Any) -> str:
    numbers = [str(getattr(version, "number", version))[:20] for version in versions]
    return ", ".join(numbers) or "none"


def _endpoints(version: Version, details: OcpiReply) -> tuple[Endpoint, ...]:
    entries = (details.one() or {}).get("endpoints")
    found = tuple(
        Endpoint(
            entry["identifier"].lower(),
            # an endpoint of 2.1.1 has no role, whatever some platforms add
            str(entry.get("role", "")).upper() if version.has_roles else "",
            entry["url"],
        )
        for entry in (entries if isinstance(entries, list) else [])[:_MOST_ENTRIES]
        if isinstance(entry, dict)
        and isinstance(entry.get("identifier"), str)
        and is_url(entry.get("url"))
    )
    if not found:
        raise NoMatchingEndpoints("Your version details list no endpoints")
    return found


def _habits(version: Version, details: OcpiReply, endpoints: tuple[Endpoint, ...]) -> list[Seen]:
    seen = []
    if isinstance(details.data, list):
        seen.append((quirk.ARRAY_DATA, "its version details came in an array"))
    roles = {one.role for one in endpoints if one.identifier == "credentials"}
    if version.has_roles and roles == {"RECEIVER"}:
        seen.append((quirk.CREDENTIALS_RECEIVER, "its own credentials endpoint is a RECEIVER"))
    return seen
