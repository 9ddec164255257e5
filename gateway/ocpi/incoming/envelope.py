"""The one place where answers get their shape: {data, status_code, status_message, timestamp}."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web

from gateway import exact_json
from gateway.domain import timestamps
from gateway.ocpi.incoming.errors import OcpiError

SUCCESS = 1000
_NOTHING = object()
_TAG = re.compile(r'"[^"]*"')
_WORTH_COMPRESSING = 8192
_COMPRESSED_ASIDE = 65_536  # in a thread, so that nobody waits for a large page


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler returns. Without `data` the member is left out.

    "In such cases, platform sending the response leave the data field unset" (2.2.1 transport,
    response format), e.g. for PUT and PATCH.
    """

    data: Any = _NOTHING
    http_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def single(data: Any) -> Answer:
    """One object, with the ETag by which a client may ask whether it is still so (RFC 9110 8.8.3).

    Weak, and of the data alone: the envelope's timestamp is another with every answer.
    """
    digest = hashlib.blake2b(exact_json.dumps(data), digest_size=12).hexdigest()
    return Answer(data, headers={"ETag": f'W/"{digest}"'})


def success(answer: Answer, now: Callable[[], datetime]) -> web.Response:
    """Wrap an answer."""
    body: dict[str, Any] = {} if answer.data is _NOTHING else {"data": answer.data}
    body |= {"status_code": SUCCESS, "status_message": "Success"}
    return _response(body, answer.http_status, answer.headers, now)


def revalidate(request: web.Request, response: web.StreamResponse) -> None:
    """Send 304 and nothing else to a client that has the object as it is (If-None-Match).

    OCPI does not speak of it; a client that asks has the envelope of its first answer.
    """
    etag = response.headers.get("ETag")
    asked = request.headers.get("If-None-Match")
    if etag is None or asked is None or not isinstance(response, web.Response):
        return
    if asked.strip() == "*" or etag.removeprefix("W/") in _TAG.findall(asked):
        response.set_status(304)
        response.body = None
        del response.headers["Content-Type"]


def timestamp(moment: datetime) -> str:
    """Whole seconds: 2.1.1 knows no fractions, and the list of versions has no version."""
    return timestamps.to_text(moment.replace(microsecond=0)).replace(".000Z", "Z")


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
    body["timestamp"] = timestamp(now())
    return web.Response(
        status=http_status,
        body=exact_json.dumps(body),
        headers=dict(headers),
        content_type="application/json",
        zlib_executor_size=_COMPRESSED_ASIDE,
    )
