"""OCPI requests to partners: what is sent, once each, and how lists are read page by page."""

import base64
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prometheus_client import Histogram
from yarl import URL

from gateway import exact_json
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.ocpi.outgoing.answers import Meaning
from gateway.ocpi.outgoing.replies import (
    OcpiReply,
    PartnerError,
    Refused,
    Unauthorized,
    Unreachable,
    count,
    judged,
)
from gateway.ocpi.outgoing.safe_http import HttpFailure, SafeHttp
from gateway.ocpi.quirks import object_url, routed, wants_raw_token
from gateway.ocpi.versions import spoken_with

__all__ = [
    "OcpiClient",
    "OcpiReply",
    "PartnerError",
    "Refused",
    "Routing",
    "Unauthorized",
    "Unreachable",
    "authorization",
    "next_page",
]

_MAX_PAGES = 10_000
_PAGES_SECONDS = 900.0
_NEXT_LINK = re.compile(r'<([^<>]*)>[^<]*?;\s*rel\s*=\s*"?next"?', re.IGNORECASE)

_seconds = Histogram("gateway_ocpi_client_seconds", "Answer time of partners", ["method"])


@dataclass(frozen=True, slots=True)
class Routing:
    """The OCPI-from and OCPI-to headers (transport_and_format 4.2.2)."""

    from_party: Party
    to_party: Party

    def headers(self) -> dict[str, str]:
        """The four headers."""
        return {
            "OCPI-from-country-code": self.from_party.country_code,
            "OCPI-from-party-id": self.from_party.party_id,
            "OCPI-to-country-code": self.to_party.country_code,
            "OCPI-to-party-id": self.to_party.party_id,
        }


def authorization(token: str, *, raw: bool = False) -> str:
    """The Authorization header: the token's UTF-8 octets in base64 (TF 4.1.2)."""
    return f"Token {token if raw else base64.b64encode(token.encode()).decode()}"


class OcpiClient:
    """Sends OCPI requests through `SafeHttp`."""

    def __init__(
        self, http: SafeHttp, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._http = http
        self._now = now

    async def request(
        self,
        method: str,
        url: str,
        *,
        token: str,
        routing: Routing | None = None,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        timeout: float = 10,
        correlation_id: str | None = None,
        raw_token: bool = False,
        fresh: bool = False,
    ) -> OcpiReply:
        """Send one request and judge its answer; raises `PartnerError`.

        Every request has its own X-Request-ID; `correlation_id` is kept through a chain of
        requests and made here for the first (TF 4.1.5). `fresh`: see `SafeHttp.request`.
        """
        headers = {
            "Authorization": authorization(token, raw=raw_token),
            "Accept": "application/json",
            "X-Request-ID": str(uuid.uuid4()),
            "X-Correlation-ID": correlation_id or str(uuid.uuid4()),
            **(routing.headers() if routing is not None else {}),
        }
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = exact_json.dumps(body)
        if params:
            url = str(URL(url, encoded=True).update_query(params))
        try:
            with _seconds.labels(method).time():
                answer = await self._http.request(
                    method, url, headers=headers, body=content, timeout=timeout, fresh=fresh
                )
        except HttpFailure as failure:
            count(method, Meaning.UNREACHABLE)
            raise Unreachable(str(failure)) from failure
        return judged(method, url, answer, token, self._now())

    async def request_partner(
        self, partner: Partner, method: str, url: str, **options: Any
    ) -> OcpiReply:
        """`request` with the token, version and quirks of a registered partner."""
        return await self.request(method, url, **_for_partner(partner, options))

    def pages_of(
        self, partner: Partner, endpoint: str, **options: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """`pages` with the token, version and quirks of a registered partner."""
        return self.pages(object_url(partner, endpoint), **_for_partner(partner, options))

    async def pages(
        self,
        url: str,
        *,
        token: str,
        params: Mapping[str, str] | None = None,
        max_pages: int = _MAX_PAGES,
        max_seconds: float = _PAGES_SECONDS,
        **options: Any,
    ) -> AsyncIterator[dict[str, Any]]:
        """Every object of a paginated list, oldest first (TF 4.1.4); raises `PartnerError`.

        Follows `Link: rel=next` within the same origin only (S15), each page once. Running into
        `max_pages` or `max_seconds` raises `Unreachable`: an incomplete list is not a list.
        """
        origin = _origin(url)
        deadline = time.monotonic() + max_seconds
        seen: set[str] = set()
        page: str | None = url
        while page is not None:
            if page in seen or len(seen) >= max_pages or time.monotonic() > deadline:
                raise Unreachable(f"the pages do not come to an end after {len(seen)}")
            seen.add(page)
            first = len(seen) == 1
            reply = await self.request(
                "GET", page, token=token, params=params if first else None, **options
            )
            for item in reply.many():
                yield item
            page = next_page(page, reply.headers)
            if page is not None and _origin(page) != origin:
                raise Unreachable("the next page is at another origin")


def _for_partner(partner: Partner, options: dict[str, Any]) -> dict[str, Any]:
    if partner.outbound_token is None:
        raise Unauthorized("the partner has given us no token")
    return options | {
        "token": partner.outbound_token,
        "raw_token": wants_raw_token(spoken_with(partner), partner.quirks),
        "routing": options.get("routing") if routed(partner) else None,
    }


def _origin(url: str) -> URL:
    try:
        return URL(url, encoded=True).origin()
    except ValueError as error:
        raise Unreachable(f"not a URL of a list: {error}") from None


def next_page(page: str, headers: Mapping[str, str]) -> str | None:
    """The page that `Link` names as the next one; None at the end. Raises `Unreachable`."""
    found = _NEXT_LINK.search(headers.get("Link", ""))
    if found is None:
        return None
    try:
        return str(URL(page, encoded=True).join(URL(found[1], encoded=True)))
    except ValueError as error:
        raise Unreachable(f"the Link header is not a URL: {error}") from None
