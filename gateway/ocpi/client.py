"""OCPI requests to partners: headers, envelope and errors in one place.

A request is sent once. What comes back is either an `OcpiReply` (2xx and a 1xxx status code) or
one of three errors that say what to do: wait (`Unreachable`), give this up (`Refused`), stop
talking to the partner until its token is sorted out (`Unauthorized`). Partners' habits are
tolerated: an absent `data`, an object wrapped in an array, errors without an envelope.
"""

import base64
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from prometheus_client import Counter, Histogram
from yarl import URL

from gateway import exact_json
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.ocpi.answers import Meaning, meaning, retry_after
from gateway.ocpi.authentication import RAW_TOKEN_QUIRK
from gateway.ocpi.safe_http import HttpAnswer, HttpFailure, SafeHttp

_MAX_PAGES = 10_000
_PAGES_SECONDS = 900.0
_NEXT_LINK = re.compile(r'<([^<>]*)>[^<]*?;\s*rel\s*=\s*"?next"?', re.IGNORECASE)

# OCPI has no code for it: a 2xxx with words (R14).
_ALREADY = re.compile(r"\balready\b|\bduplicate", re.IGNORECASE)

_requests = Counter(
    "gateway_ocpi_client_requests_total", "Requests to partners", ["method", "meaning"]
)
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


@dataclass(frozen=True, slots=True)
class OcpiReply:
    """A successful answer."""

    http_status: int
    status_code: int
    status_message: str | None
    data: Any
    headers: Mapping[str, str]

    def one(self) -> dict[str, Any] | None:
        """The object in `data`; some platforms wrap a single one in an array."""
        data = self.data
        if isinstance(data, list) and len(data) == 1:
            data = data[0]
        return data if isinstance(data, dict) else None

    def many(self) -> list[dict[str, Any]]:
        """The objects in `data`; one that is no object does not cost the others."""
        data = self.data if isinstance(self.data, list) else [self.data]
        return [item for item in data if isinstance(item, dict)]


class PartnerError(Exception):
    """A request to a partner did not succeed."""


class Unreachable(PartnerError):
    """No verdict: down, too slow, or an answer that is not OCPI. `retry_after` in seconds.

    `choked`: the partner's application failed on this very request (HTTP 500, OCPI 3xxx).
    """

    def __init__(
        self, message: str, *, retry_after: float | None = None, choked: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.choked = choked


class Refused(PartnerError):
    """The partner will not have it. `status_code` is None where it gave no OCPI envelope."""

    def __init__(
        self, http_status: int, status_code: int | None, message: str | None, meaning: Meaning
    ) -> None:
        code = "" if status_code is None else f", OCPI {status_code}"
        super().__init__(f"HTTP {http_status}{code}: {message or 'no reason given'}")
        self.http_status = http_status
        self.status_code = status_code
        self.message = message
        self.meaning = meaning

    @property
    def unknown_object(self) -> bool:
        """The partner does not hold the object that was addressed."""
        return self.meaning is Meaning.UNKNOWN_OBJECT

    @property
    def exists(self) -> bool:
        """The partner already holds what was to be created."""
        return self.meaning is Meaning.EXISTS or bool(_ALREADY.search(self.message or ""))


class Unauthorized(PartnerError):
    """HTTP 401: the partner does not know our token."""


def authorization(token: str, *, raw: bool = False) -> str:
    """The Authorization header: the token's UTF-8 octets in base64 (TF 4.1.2)."""
    return f"Token {token if raw else base64.b64encode(token.encode()).decode()}"


def join(endpoint: str, *segments: str) -> str:
    """Append path segments to an endpoint, which may or may not end with a slash.

    Ids may hold any printable character, slashes included, so each is percent-encoded.
    """
    base = endpoint.rstrip("/")
    return "/".join((base, *(quote(segment, safe="") for segment in segments)))


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
        version: str = "2.2.1",
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
            "Authorization": authorization(token, raw=raw_token or version.startswith("2.1")),
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
            _requests.labels(method, Meaning.UNREACHABLE.name.lower()).inc()
            raise Unreachable(str(failure)) from failure
        return self._judge(method, answer)

    async def request_partner(
        self, partner: Partner, method: str, url: str, **options: Any
    ) -> OcpiReply:
        """`request` with the token, version and quirks of a registered partner."""
        if partner.outbound_token is None:
            raise Unauthorized("the partner has given us no token")
        return await self.request(
            method,
            url,
            token=partner.outbound_token,
            version=partner.version or "2.2.1",
            raw_token=RAW_TOKEN_QUIRK in partner.quirks,
            **options,
        )

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
        origin = URL(url).origin()
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
            page = _next_page(page, reply.headers)
            if page is not None and URL(page, encoded=True).origin() != origin:
                raise Unreachable("the next page is at another origin")

    def _judge(self, method: str, answer: HttpAnswer) -> OcpiReply:
        envelope = _envelope(answer)
        code = _status_code(envelope)
        verdict = meaning(answer.status, code)
        _requests.labels(method, verdict.name.lower()).inc()
        message = envelope.get("status_message") if envelope else None
        text = message[:500] if isinstance(message, str) else None
        if verdict is Meaning.DONE and envelope is not None and code is not None:
            return OcpiReply(answer.status, code, text, envelope.get("data"), answer.headers)
        if verdict is Meaning.UNAUTHORIZED:
            raise Unauthorized(f"HTTP {answer.status}: {text or 'our token is not accepted'}")
        if verdict is Meaning.UNREACHABLE:
            wait = retry_after(answer.headers.get("Retry-After"), self._now())
            if answer.status not in (429, 503):
                wait = None
            detail = text or ("no OCPI envelope" if envelope is None else f"OCPI {code}")
            choked = answer.status == 500 or (answer.status < 300 and code is not None)
            raise Unreachable(f"HTTP {answer.status}: {detail}", retry_after=wait, choked=choked)
        raise Refused(answer.status, code, text, verdict)


def _envelope(answer: HttpAnswer) -> dict[str, Any] | None:
    if not answer.body.strip():
        # Seen of partners: success told by the HTTP status alone. Nothing contradicts it.
        return {"status_code": 1000} if 200 <= answer.status < 300 else None
    try:
        envelope = exact_json.loads(answer.body)
    except exact_json.InvalidJSON:
        return None
    return envelope if isinstance(envelope, dict) else None


def _status_code(envelope: dict[str, Any] | None) -> int | None:
    code = envelope.get("status_code") if envelope else None
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 4:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _next_page(page: str, headers: Mapping[str, str]) -> str | None:
    found = _NEXT_LINK.search(headers.get("Link", ""))
    if found is None:
        return None
    try:
        return str(URL(page, encoded=True).join(URL(found[1], encoded=True)))
    except ValueError as error:
        raise Unreachable(f"the Link header is not a URL: {error}") from None
