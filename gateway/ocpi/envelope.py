"""The one place where answers get their shape: {data, status_code, status_message, timestamp}."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from gateway import exact_json
from gateway.domain import timestamps
from gateway.ocpi.errors import OcpiError

SUCCESS = 1000
_NOTHING = object()
_WORTH_COMPRESSING = 8192


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns. Without `data` the member is left out.

    "In such cases, platform sending the response leave the data field unset" (2.2.1 transport,
    response format), e.g. for PUT and PATCH.
    """

    data: Any = _NOTHING
    http_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def success(answer: Answer, now: Callable[[], datetime]) -> web.Response:
    """Wrap an answer."""
    body: dict[str, Any] = {} if answer.data is _NOTHING else {"data": answer.data}
    body |= {"status_code": SUCCESS, "status_message": "Success"}
    return _response(body, answer.http_status, answer.headers, now)


def compress(request: web.Request, response: web.StreamResponse) -> None:
    """Send a large answer gzipped to whoever takes it; a page of locations shrinks tenfold."""
    length = response.content_length
    accepted = request.headers.get("Accept-Encoding", "")
    if length is not None and length >= _WORTH_COMPRESSING and "gzip" in accepted:
        response.enable_compression(web.ContentCoding.gzip)


def failure(error: OcpiError, now: Callable[[], datetime]) -> web.Response:
    """Wrap an error; it contains no data."""
    body = {"status_code": error.status_code, "status_message": error.message}
    return _response(body, error.http_status, error.headers, now)


def _response(
    body: dict[str, Any],
    http_status: int,
    headers: Mapping[str, str],
    now: Callable[[], datetime],
) -> web.Response:
    body["timestamp"] = timestamps.to_text(now())
    return web.Response(
        status=http_status,
        body=exact_json.dumps(body),
        headers=dict(headers),
        content_type="application/json",
    )
