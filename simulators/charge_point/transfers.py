"""Files over HTTP, as a station fetches and delivers them: bounded in size and in time."""

import ssl
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import aiohttp
from yarl import URL

MOST_DOWNLOADED = 64 * 1024 * 1024
"""bytes; a real station's flash is no larger"""
PATIENCE = aiohttp.ClientTimeout(total=120, sock_connect=10, sock_read=30)
CHUNK = 64 * 1024
SCHEMES = frozenset({"http", "https"})


class TransferError(Exception):
    """It did not work; `word` is the UploadLogStatusEnumType that says why most precisely."""

    def __init__(self, why: str, word: str = "UploadFailure") -> None:
        super().__init__(why)
        self.word = word


@dataclass(frozen=True)
class Transfers:
    """`tls` is whom an https server is checked against; None: the machine's roots."""

    tls: ssl.SSLContext | None = None
    multipart: bool = False
    """deliver by POST of a form, as some stations do, instead of by PUT"""

    async def download(self, location: str, most: int = MOST_DOWNLOADED) -> bytes:
        """The file's bytes. Raises TransferError."""
        url = _url(location)
        try:
            async with self._session() as session, session.get(url) as answer:
                _check(answer.status)
                return await _bounded(answer, most)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransferError(f"{type(error).__name__}: {error}") from error

    async def upload(self, location: str, name: str, body: bytes) -> None:
        """Puts the file under `location`, or posts it there. Raises TransferError."""
        url = _url(location)
        try:
            async with (
                self._session() as session,
                self._sending(session, url, name, body) as answer,
            ):
                _check(answer.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise TransferError(f"{type(error).__name__}: {error}") from error

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(ssl=self.tls if self.tls is not None else True)
        return aiohttp.ClientSession(connector=connector, timeout=PATIENCE)

    def _sending(
        self, session: aiohttp.ClientSession, url: URL, name: str, body: bytes
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self.multipart:
            form = aiohttp.FormData()
            form.add_field("file", body, filename=name, content_type="text/plain")
            return session.post(url, data=form)
        # A location with a query names the object itself; any other is the directory for it.
        return session.put(url if url.query else url / name, data=body)


def _url(location: str) -> URL:
    try:
        url = URL(location)
    except ValueError:
        url = URL()
    if url.scheme not in SCHEMES or url.host is None:
        raise TransferError(f"no http(s) URL: {location}", "NotSupportedOperation")
    return url


def _check(status: int) -> None:
    if status in (401, 403):
        raise TransferError(f"HTTP {status}", "PermissionDenied")
    if status == 400:
        raise TransferError(f"HTTP {status}", "BadMessage")
    if not 200 <= status < 300:
        raise TransferError(f"HTTP {status}")


async def _bounded(answer: aiohttp.ClientResponse, most: int) -> bytes:
    received = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        received += chunk
        if len(received) > most:
            raise TransferError(f"more than {most} bytes")
    return bytes(received)
