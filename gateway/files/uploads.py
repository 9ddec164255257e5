"""PUT and POST of a file by a station, raw or as multipart/form-data: chargers do both."""

import asyncio
from collections.abc import AsyncIterator

import structlog
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.services.files.disk import NoRoom, TooLarge
from gateway.services.files.file_tickets import UPLOAD, FileTickets, InUse, Spent
from gateway.services.files.uploads import EmptyFile, ForgottenStation, TooBusy, Uploads

_log = structlog.get_logger(__name__)

_CHUNK = 64 * 1024
_IDLE_SECONDS = 30.0  # between two pieces of a body
_WHOLE_SECONDS = 3_600.0
_MULTIPART_EXTRA = 64 * 1024  # what boundaries and part headers may add to the file


class Refused(Exception):
    """An upload that comes to nothing; the station is told the status alone."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class UploadRequests:
    """Takes files with a ticket."""

    def __init__(self, tickets: FileTickets, uploads: Uploads) -> None:
        self._tickets = tickets
        self._uploads = uploads

    async def take(self, request: web.Request) -> web.Response:
        """200 once the file is safe here; what the others mean is in docs/operate.md."""
        ticket = await self._tickets.find(UPLOAD, request.match_info["ticket"])
        if ticket is None:
            raise Refused(404)
        if ticket.used:
            raise Refused(410)
        length = request.content_length
        if length is not None and length > self._uploads.max_bytes + _MULTIPART_EXTRA:
            raise Refused(413)
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                name, chunks = await _opened(request)
                await self._uploads.take(ticket, chunks, name)
        except tuple(_REFUSALS) as error:
            _log.info("upload refused", charge_point=ticket.identity, reason=repr(error))
            raise _refusal(error) from None
        return web.Response(text="received\n")


# What may come of an upload, and the status that says it.
_REFUSALS: dict[type[Exception], int] = {
    TooLarge: 413,
    NoRoom: 507,
    Spent: 410,
    InUse: 409,
    TooBusy: 503,
    EmptyFile: 400,
    ForgottenStation: 404,
    TimeoutError: 408,
    web.RequestPayloadError: 400,  # the connection broke, or the body is damaged
    ConnectionError: 400,
    ValueError: 400,  # multipart that is none
    HttpProcessingError: 400,  # multipart whose parts have broken headers
}


def _refusal(error: Exception) -> Refused:
    status = next(code for kind, code in _REFUSALS.items() if isinstance(error, kind))
    return Refused(status)


async def _opened(request: web.Request) -> tuple[str, AsyncIterator[bytes]]:
    """The name that the station gives to its file, and the file's bytes as they come."""
    name = request.match_info.get("name", "")
    if request.content_type != "multipart/form-data":
        return name, _raw(request)
    part = await _file_part(request)
    return name or part.filename or part.name or "", _of_part(part)


async def _raw(request: web.Request) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(_IDLE_SECONDS):
            chunk = await request.content.readany()
        if not chunk:
            return
        yield chunk


async def _file_part(request: web.Request) -> BodyPartReader:
    """The first part that has a file name, else the only part there is."""
    async with asyncio.timeout(_IDLE_SECONDS):
        reader = await request.multipart()
        for _ in range(20):
            part = await reader.next()
            if isinstance(part, BodyPartReader) and (part.filename or part.name == "file"):
                return part
            if part is None:
                break
    raise ValueError("no part of the body is a file")


async def _of_part(part: BodyPartReader) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(_IDLE_SECONDS):
            chunk = await part.read_chunk(_CHUNK)
        if not chunk:
            return
        yield bytes(chunk)
