"""Firmware files for charge points, and what charge points have put here."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated

from aiohttp import web
from pydantic import ConfigDict, Field, model_validator

from gateway.admin.bodies import Body
from gateway.admin.calls import NO_CONTENT, PAGING, Answer, Call, Route, listed
from gateway.admin.errors import BadRequest, BodyTooLarge, InsufficientStorage, Invalid, NotFound
from gateway.admin.lists import part
from gateway.admin.pipeline import answered_with, secure_headers
from gateway.admin.services import Services
from gateway.services.files.disk import NoRoom, TooLarge
from gateway.services.files.firmware_files import FirmwareFile, UnknownFirmware
from gateway.services.files.firmware_signature import MAX_SIGNATURE, BadSignature

_IDLE_SECONDS = 30.0
_WHOLE_SECONDS = 3_600.0
_HEADER_SAFE = re.compile(r"[^A-Za-z0-9._-]")


class SignatureBody(Body):
    """A certificate with the file's signature, or with the key to make it, which is not kept."""

    model_config = ConfigDict(strict=True)

    signing_certificate: Annotated[str, Field(max_length=20_000)] = Field(description="PEM")
    signature: Annotated[str, Field(max_length=MAX_SIGNATURE)] | None = Field(
        None, description="base64, over the whole file with SHA256"
    )
    signing_key: Annotated[str, Field(max_length=20_000)] | None = Field(
        None, description="PEM; the signature is made here: RSA-PSS, or ECDSA for EC keys"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> "SignatureBody":
        if (self.signature is None) == (self.signing_key is None):
            raise ValueError("give either signature or signing_key")
        return self


class FirmwareCalls:
    """`/firmware`."""

    def __init__(self, services: Services) -> None:
        self._files = services.transfers.firmware_files

    async def listing(self, call: Call) -> Answer:
        """All of them, by name."""
        files = await self._files.all()
        return listed(part(files, call.window(None)), len(files))

    async def put(self, request: web.Request) -> web.StreamResponse:
        """Take the body as the file, piece by piece."""
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                file = await self._files.put(request.match_info["name"], _body(request))
        except TooLarge as error:
            raise BodyTooLarge(str(error)) from None
        except NoRoom:
            raise InsufficientStorage("There is no room for the file") from None
        except ValueError as error:
            raise Invalid(str(error)) from None
        except (web.RequestPayloadError, ConnectionError, TimeoutError):
            raise BadRequest("The body did not arrive whole") from None
        return answered_with(Answer(await self._files.described(file), 201))

    async def delete(self, call: Call) -> Answer:
        """Remove one; updates that have not fetched it yet will fail."""
        await self._files.delete((await self._file(call)).name)
        return NO_CONTENT

    async def sign(self, call: Call) -> Answer:
        """Keep its signature, once it was found to be right."""
        file, body = await self._file(call), call.read(SignatureBody)
        try:
            made = await self._files.sign(
                file, body.signing_certificate, signature=body.signature, key=body.signing_key
            )
        except BadSignature as error:
            raise Invalid(str(error)) from None
        return Answer({**await self._files.described(file), "signature": made.signature})

    async def _file(self, call: Call) -> FirmwareFile:
        try:
            return await self._files.find(call.path["name"])
        except UnknownFirmware:
            raise NotFound("There is no such file") from None

    def routes(self) -> list[Route]:
        """The calls."""
        unknown = {404: "unknown file"}
        return [
            Route("GET", "/firmware", "Firmware files, by name", self.listing, query=PAGING),
            Route(
                "PUT",
                "/firmware/{name}",
                "Put a firmware file: the body is the file, of any type",
                stream=self.put,
                answers={201: "the file", 413: "too large", 422: "the name", 507: "no room"},
            ),
            Route(
                "DELETE",
                "/firmware/{name}",
                "Remove a firmware file and its signature",
                self.delete,
                answers={204: "removed", **unknown},
            ),
            Route(
                "PUT",
                "/firmware/{name}/signature",
                "Sign a firmware file, or bring its signature; both are checked",
                self.sign,
                body=SignatureBody,
                answers={200: "the file with its signature", **unknown, 422: "what is wrong"},
            ),
        ]


class UploadedFileCalls:
    """`/charge-points/{identity}/files`."""

    def __init__(self, services: Services) -> None:
        self._uploads = services.transfers.uploads
        self._charge_points = services.charge_points

    async def listing(self, call: Call) -> Answer:
        """Newest first."""
        files = await self._uploads.of(await self._charge_points.registered(call.path["identity"]))
        return listed(part(files, call.window(None)), len(files))

    async def get(self, request: web.Request) -> web.StreamResponse:
        """The file itself, to be saved and never to be shown."""
        record = await self._charge_points.registered(request.match_info["identity"])
        found = await self._uploads.path(record, request.match_info["id"])
        if found is None:
            raise NotFound("There is no such file")
        path, file = found
        name = _HEADER_SAFE.sub("_", file["name"])
        response = web.FileResponse(
            path,
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Disposition": f'attachment; filename="{name}"',
            },
        )
        secure_headers(response)
        async with asyncio.timeout(_WHOLE_SECONDS):  # the whole file is sent by this
            await response.prepare(request)
        return response

    async def delete(self, call: Call) -> Answer:
        """Remove one."""
        record = await self._charge_points.registered(call.path["identity"])
        if not await self._uploads.delete(record, call.path["id"]):
            raise NotFound("There is no such file")
        return NO_CONTENT

    def routes(self) -> list[Route]:
        """The calls."""
        base = "/charge-points/{identity}/files"
        unknown = {404: "unknown charge point or file"}
        return [
            Route(
                "GET",
                base,
                "Files that a charge point has put here, newest first",
                self.listing,
                query=PAGING,
                answers={200: "id, name, bytes, sha256, at, operation, available", **unknown},
            ),
            Route(
                "GET",
                base + "/{id}",
                "One file",
                stream=self.get,
                answers={200: "application/octet-stream", **unknown},
            ),
            Route(
                "DELETE",
                base + "/{id}",
                "Remove one file",
                self.delete,
                answers={204: "removed", **unknown},
            ),
        ]


async def _body(request: web.Request) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(_IDLE_SECONDS):
            chunk = await request.content.readany()
        if not chunk:
            return
        yield chunk
