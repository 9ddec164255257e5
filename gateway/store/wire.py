"""One raw connection to the server, for the two busy paths: commits and the bus.

redis-py's own connection costs several coroutine switches per reply. Here replies go from the
socket's callback straight to whoever waits. URLs, credentials and TLS are still redis-py's: a
connection of its pool, never opened, is the description of where to connect.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, cast

import hiredis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.connection import UnixDomainSocketConnection as UnixConnection

from gateway.store.change import Value

# hiredis declares a tuple of one element
pack: Callable[[tuple[Value, ...]], bytes] = cast(Any, hiredis.pack_command)

ErrorReply = hiredis.ReplyError
"""What the server answers instead of a result; the text begins with the error's code."""


class Wire(asyncio.Protocol):
    """An open connection; every reply goes to `on_reply`, its end once to `on_lost`."""

    def __init__(self) -> None:
        self.on_reply: Callable[[Any], None] = _ignore
        self.on_lost: Callable[[Exception], None] = _ignore
        self.alive = False
        self._reader = hiredis.Reader()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast(asyncio.WriteTransport, transport)
        self.alive = True

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not False:
                self.on_reply(reply)
        except hiredis.ProtocolError as error:
            self._end(ConnectionError(f"not a Redis reply: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._end(exc or ConnectionResetError("the server closed the connection"))

    def send(self, packed: bytes) -> None:
        """Write bytes; nothing is waited for."""
        if self._transport is None or not self.alive:
            raise ConnectionError("the connection is closed")
        self._transport.write(packed)

    def close(self) -> None:
        """Close at once; what was not yet sent is lost."""
        self.on_reply = self.on_lost = _ignore
        self._end(ConnectionError("closed"))

    def _end(self, error: Exception) -> None:
        if self.alive:
            self.alive = False
            if self._transport is not None:
                self._transport.abort()
            self.on_lost(error)


class Replies:
    """Lets a few commands be awaited in order, as the set-up of a connection needs."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._replies: asyncio.Queue[Any] = asyncio.Queue()
        wire.on_reply = wire.on_lost = self._replies.put_nowait

    async def call(self, *command: Value) -> Any:
        """Send a command and wait for its reply; raises its error."""
        self._wire.send(pack(command))
        reply = await self._replies.get()
        if isinstance(reply, Exception):
            raise reply
        return reply


async def connect(target: AbstractConnection, set_up: Sequence[tuple[Value, ...]] = ()) -> Wire:
    """Connect as `target` would, authenticate, choose the database, then run `set_up`.

    Raises OSError or ErrorReply. The caller bounds the time.
    """
    loop = asyncio.get_running_loop()
    wire: Wire
    if isinstance(target, UnixConnection):
        _, wire = await loop.create_unix_connection(Wire, target.path)
    elif isinstance(target, Connection):
        tls = target.ssl_context.get() if isinstance(target, SSLConnection) else None
        _, wire = await loop.create_connection(Wire, target.host, int(target.port), ssl=tls)
    else:
        raise TypeError(f"cannot connect to a {type(target).__name__}")
    try:
        replies = Replies(wire)
        if target.password is not None:
            name = (target.username,) if target.username else ()
            await replies.call("AUTH", *name, target.password)
        if target.db:
            await replies.call("SELECT", target.db)
        for command in set_up:
            await replies.call(*command)
    except BaseException:
        wire.close()
        raise
    wire.on_reply = wire.on_lost = _ignore
    return wire


def _ignore(_: object) -> None:
    """Nobody listens yet, or any more."""
