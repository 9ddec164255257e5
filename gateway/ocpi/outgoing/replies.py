"""What comes back from partners: an `OcpiReply`, or one of three errors that say what to do.

Wait (`Unreachable`), give this up (`Refused`), stop talking to the partner until its token is
sorted out (`Unauthorized`). Partners' habits are tolerated: an absent `data`, an object wrapped in
an array, errors without an envelope.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from prometheus_client import Counter
from yarl import URL

from gateway import exact_json
from gateway.ocpi.outgoing.answers import BEYOND_HUB, Meaning, meaning, retry_after
from gateway.ocpi.outgoing.safe_http import HttpAnswer

# OCPI has no code for it: a 2xxx with words (R14).
_ALREADY = re.compile(r"\balready\b|\bduplicate", re.IGNORECASE)

_LONGEST_MESSAGE = 500
_LONGEST_EXCERPT = 200
_READ_FOR_EXCERPT = 4000
_TAG = re.compile(r"<[^<>]*>")
_SECRET = re.compile(r"[\w+/=-]{24,}", re.ASCII)  # what may be a token, theirs or ours
_HIDDEN = "..."

_requests = Counter(
    "gateway_ocpi_client_requests_total", "Requests to partners", ["method", "meaning"]
)


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
    `wants_slash`: it answered with a redirect to the same URL with a slash. `beyond_hub`: a hub
    is there and could not reach the receiving party (OCPI 4002, 4003).
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        choked: bool = False,
        wants_slash: bool = False,
        beyond_hub: bool = False,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.choked = choked
        self.wants_slash = wants_slash
        self.beyond_hub = beyond_hub


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


def count(method: str, verdict: Meaning) -> None:
    """Count a request for the metrics."""
    _requests.labels(method, verdict.name.lower()).inc()


def judged(method: str, url: str, answer: HttpAnswer, token: str, now: datetime) -> OcpiReply:
    """The answer to a request that was made with this token; raises `PartnerError`."""
    envelope = _envelope(answer)
    code = _status_code(envelope)
    verdict = meaning(answer.status, code)
    count(method, verdict)
    message = envelope.get("status_message") if envelope else None
    text = _hiding(token, message)[:_LONGEST_MESSAGE] if isinstance(message, str) else None
    if verdict is Meaning.DONE and envelope is not None and code is not None:
        return OcpiReply(answer.status, code, text, envelope.get("data"), answer.headers)
    if verdict is Meaning.UNAUTHORIZED:
        raise Unauthorized(f"HTTP {answer.status}: {text or 'our token is not accepted'}")
    said = text or (_excerpt(answer.body, token) if code is None else None)
    if verdict is Meaning.UNREACHABLE:
        raise _unreachable(url, answer, code, said, now)
    raise Refused(answer.status, code, said, verdict)


def _unreachable(
    url: str, answer: HttpAnswer, code: int | None, said: str | None, now: datetime
) -> Unreachable:
    wait = None
    if answer.status in (429, 503):
        wait = retry_after(answer.headers.get("Retry-After"), now)
    detail = said or ("no OCPI envelope" if code is None else f"OCPI {code}")
    wants_slash = _redirects_to_slash(url, answer)
    if wants_slash:
        detail = "the same URL with a slash is wanted (quirk trailing_slash)"
    return Unreachable(
        f"HTTP {answer.status}: {detail}",
        retry_after=wait,
        choked=answer.status == 500 or (answer.status < 300 and code is not None),
        wants_slash=wants_slash,
        beyond_hub=answer.status < 300 and code in BEYOND_HUB,
    )


def _excerpt(body: bytes, token: str) -> str | None:
    """The beginning of a body that is no OCPI, for the operator: printable, without secrets.

    Some frameworks repeat the request in it, and in a POST of credentials that has a new token.
    """
    text = _TAG.sub(" ", body[:_READ_FOR_EXCERPT].decode(errors="replace"))
    text = _SECRET.sub(_HIDDEN, _hiding(token, text))
    shown = "".join(one if one.isprintable() else " " for one in text)
    return " ".join(shown.split())[:_LONGEST_EXCERPT].strip() or None


def _hiding(token: str, text: str) -> str:
    for secret in (token, b64encode(token.encode()).decode()):
        text = text.replace(secret, _HIDDEN) if secret else text
    return text


def _redirects_to_slash(url: str, answer: HttpAnswer) -> bool:
    location = answer.headers.get("Location")
    if answer.status // 100 != 3 or not location or url.endswith("/"):
        return False
    try:
        target = URL(url, encoded=True).join(URL(location, encoded=True))
    except ValueError:
        return False
    return str(target) == f"{url}/"


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
