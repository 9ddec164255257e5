"""Server-sent events: the live feed of the dashboard, for anybody's program."""

import asyncio
from typing import Any

from aiohttp import web

from gateway import exact_json
from gateway.admin.calls import Route
from gateway.admin.live import Event, Listener, LiveEvents
from gateway.admin.pipeline import secure_headers
from gateway.admin.resources.partners import PartnerCalls

_QUIET = 15.0  # seconds after which a comment shows that the stream lives
_WRITE_SECONDS = 30.0


class EventCalls:
    """`/events`."""

    def __init__(self, live: LiveEvents, partners: PartnerCalls) -> None:
        self._live = live
        self._partners = partners

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Events until the client goes or the gateway ends."""
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        secure_headers(response)
        listener = await self._live.listen(self._partners.everybody)
        try:
            await response.prepare(request)
            await self._write(response, listener)
        except (TimeoutError, ConnectionError):
            # the client is gone, or does not read: nothing more can be told
            if request.transport is not None:
                request.transport.abort()
        finally:
            await self._live.leave(listener)
        return response

    async def _write(self, response: web.StreamResponse, listener: Listener) -> None:
        chunk = b": hello\n\n"
        while True:
            async with asyncio.timeout(_WRITE_SECONDS):
                await response.write(chunk)
            events = await listener.take(_QUIET)
            if events is None:
                return
            chunk = b"".join(map(_encoded, events)) or b": still here\n\n"

    def routes(self) -> list[Route]:
        """The call."""
        return [
            Route(
                "GET",
                "/events",
                "Server-sent events: charge_point, location, transaction, session, cdr, partner "
                "(each the object as it is now), security_event (a critical one), "
                "charging_preferences (what a driver wants of a session), dropped (count: "
                "events this listener lost)",
                stream=self.stream,
                answers={200: "text/event-stream, until you close it"},
            )
        ]


def _encoded(event: Event) -> bytes:
    data: Any = event.data
    return b"event: %s\ndata: %s\n\n" % (event.kind.encode(), exact_json.dumps(data))
