"""The URLs of the open data feed, beside OCPI's and for everybody.

`/open-data/{version}/{module}.json` is the whole list, a plain array; `/open-data/{version}/
{module}` are pages of it, in the form of an OCPI Sender's list (transport_and_format:
Pagination).
"""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from gateway.ocpi.incoming import paging
from gateway.ocpi.incoming.envelope import compress, failure, timestamp
from gateway.ocpi.incoming.errors import OcpiError, TemporarilyUnavailable
from gateway.ocpi.open_data.edition import Edition, between
from gateway.ocpi.open_data.publisher import MODULES, Publisher
from gateway.ocpi.versions import VERSIONS

NAME = "open_data"
"""What the names of these routes begin with."""


def add_routes(
    app: web.Application,
    publisher: Publisher,
    public_url: Callable[[], str],
    now: Callable[[], datetime],
) -> None:
    """Add the feed to the partners' server."""
    feed = _Feed(publisher, public_url, now)
    for version in (one.number for one in VERSIONS):
        for module in MODULES:
            path, name = (
                f"/open-data/{version}/{module}",
                f"{NAME}-v{version.replace('.', '')}-{module}",
            )
            app.router.add_get(path, feed.pages(version, module), name=name)
            app.router.add_get(f"{path}.json", feed.file(version, module), name=f"{name}-file")


class _Feed:
    def __init__(
        self, publisher: Publisher, public_url: Callable[[], str], now: Callable[[], datetime]
    ) -> None:
        self._publisher = publisher
        self._public_url = public_url
        self._now = now

    def file(self, version: str, module: str) -> Handler:
        """The whole list; gzipped for whoever takes that."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                edition = self._edition(version, module)
            except OcpiError as error:
                return failure(error, self._now)
            return web.FileResponse(edition.path, headers=self._headers())

        return handle

    def pages(self, version: str, module: str) -> Handler:
        """A page of the list."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                edition = self._edition(version, module)
                response = self._page(request, edition)
            except OcpiError as error:
                return failure(error, self._now)
            response.headers.update(self._headers())
            compress(request, response)
            return response

        return handle

    def _edition(self, version: str, module: str) -> Edition:
        edition = self._publisher.edition(version, module)
        if edition is None:
            raise TemporarilyUnavailable("Not published yet")
        return edition

    def _page(self, request: web.Request, edition: Edition) -> web.Response:
        asked = paging.read(request.query)
        found = between(edition, asked.date_from, asked.date_to)
        objects = edition.read(found[asked.offset : asked.offset + asked.limit])
        now = timestamp(self._now()).encode()
        headers = {"X-Total-Count": str(len(found)), "X-Limit": str(paging.LIMIT)}
        following = asked.offset + asked.limit
        if following < len(found):
            query = urlencode(
                [*asked.filters, ("offset", following), ("limit", asked.limit)], safe=":"
            )
            url = f"{self._public_url()}{request.rel_url.raw_path}"
            headers["Link"] = f'<{url}?{query}>; rel="next"'
        return web.Response(
            body=b'{"data":[%b],"status_code":1000,"status_message":"Success","timestamp":"%b"}'
            % (b",".join(objects), now),
            headers=headers,
            content_type="application/json",
        )

    def _headers(self) -> dict[str, str]:
        # whoever wants to show the map on a page of his own may
        return {
            hdrs.CACHE_CONTROL: f"public, max-age={int(self._publisher.seconds)}",
            hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*",
        }
