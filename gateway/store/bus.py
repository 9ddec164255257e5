"""Messages between the nodes of one gateway, over pub/sub.

Delivery is at most once: while a node is cut off from the server, what is published is lost to
it. So messages only wake somebody up or ask a question; the truth is in the store.
`on_resumed` tells when a gap is over.
"""

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from redis.asyncio import Redis

from gateway import exact_json
from gateway.store import keys, scripts
from gateway.store.errors import BusRefused, BusTimeout, StoreUnavailable
from gateway.store.server import Server, unopened_connection
from gateway.store.wire import ErrorReply, Wire, connect, pack

_log = structlog.get_logger(__name__)

_MAX_SERVED = 1_000
_IDLE_CHECK = 10.0
_CONNECT_DEADLINE = 2.0
_TOPIC_AT = len(keys.bus(""))

Callback = Callable[[Any], None]
Handler = Callable[[Any], Awaitable[Any]]


class Lease:
    """A right that one node has until it expires; renew it in good time."""

    def __init__(self, server: Server, key: str, holder: str, ttl: float) -> None:
        self._server = server
        self._key = key
        self._holder = holder
        self._ttl = ttl

    async def renew(self) -> bool:
        """Prolong by the full time; False if it was lost: stop what it covered."""
        ttl = int(self._ttl * 1000)
        return bool(await self._server.script(scripts.LEASE_RENEW, [self._key], self._holder, ttl))

    async def release(self) -> None:
        """Give it back at once; nothing happens if it was lost."""
        await self._server.script(scripts.LEASE_RELEASE, [self._key], self._holder)


class Bus:
    """Topics that all nodes hear, requests to one node, and leases."""

    def __init__(self, redis: Redis, server: Server, node_id: str) -> None:
        self._redis = redis
        self._server = server
        self._node = keys.node(node_id)
        self._callbacks: dict[str, list[Callback]] = {}
        self._resumed: list[Callable[[], None]] = []
        self._handlers: dict[str, Handler] = {}
        self._replies: dict[str, asyncio.Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._session = secrets.token_hex(8)
        self._serving: set[asyncio.Task[None]] = set()
        self._heard = False
        self._listener: asyncio.Task[None] | None = None
        self._wire: Wire | None = None

    async def start(self) -> None:
        """Subscribe; raises StoreUnavailable."""
        try:
            self._wire = await self._subscribed()
        except (ErrorReply, OSError, TimeoutError) as error:
            raise StoreUnavailable(f"{type(error).__name__}: {error}") from error
        self._listener = asyncio.create_task(self._listen(self._wire), name="store bus")

    async def close(self) -> None:
        """Stop listening and serving; waiting requests end with BusTimeout."""
        tasks = [*self._serving, *([self._listener] if self._listener else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._wire is not None:  # a listener that was cancelled before it began closes nothing
            self._wire.close()
        for future in self._replies.values():
            if not future.done():
                future.set_exception(BusTimeout("the bus was closed"))

    async def publish(self, topic: str, message: Any) -> None:
        """Tell all nodes, this one included; raises StoreUnavailable."""
        await self._server.command("PUBLISH", keys.bus(topic), exact_json.dumps(message))

    def subscribe(self, topic: str, callback: Callback) -> Callable[[], None]:
        """Call back for every message of a topic; the callback must not block."""
        self._callbacks.setdefault(topic, []).append(callback)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._callbacks.get(topic, []).remove(callback)

        return unsubscribe

    def on_resumed(self, callback: Callable[[], None]) -> None:
        """Call back when messages may have been missed: the subscription was down and is back."""
        self._resumed.append(callback)

    def serve(self, topic: str, handler: Handler) -> None:
        """Answer the requests of a topic that are addressed to this node."""
        self._handlers[topic] = handler

    async def request(self, node_id: str, topic: str, message: Any, timeout: float) -> Any:
        """Ask one node and return its answer.

        Raises BusTimeout if none came within `timeout` seconds or nobody has that node id,
        BusRefused if the handler failed, StoreUnavailable.
        """
        number = f"{self._session}-{next(self._numbers)}"
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._replies[number] = future
        request = {
            "request": number,
            "reply_to": self._node,
            "topic": topic,
            "timeout": int(timeout * 1000),
            "message": message,
        }
        try:
            async with asyncio.timeout(timeout):
                if not await self._send(keys.node(node_id), request):
                    raise BusTimeout(f"no node {node_id!r} is listening")
                return await future
        except TimeoutError:
            raise BusTimeout(f"node {node_id!r} did not answer {topic!r} in {timeout} s") from None
        finally:
            del self._replies[number]

    async def reaches(self, node_id: str) -> bool:
        """Whether a node is listening to requests now: one that was killed no longer does."""
        _, listening = await self._server.command("PUBSUB", "NUMSUB", keys.node(node_id))
        return int(listening) > 0

    async def lease(self, name: str, ttl: float) -> Lease | None:
        """Take a lease for `ttl` seconds; None while another node has it.

        What an earlier life of this node still holds, after a crash, is taken over at once.
        """
        key, life = keys.lease(name), f"{self._node}/{self._session}-"
        holder = f"{life}{next(self._numbers)}"
        taken = await self._server.script(
            scripts.LEASE_TAKE, [key], holder, int(ttl * 1000), f"{self._node}/", life
        )
        return Lease(self._server, key, holder, ttl) if taken else None

    async def _send(self, channel: str, message: dict[str, Any]) -> int:
        return int(await self._server.command("PUBLISH", channel, exact_json.dumps(message)))

    async def _subscribed(self) -> Wire:
        async with asyncio.timeout(_CONNECT_DEADLINE):
            wire = await connect(
                unopened_connection(self._redis),
                [("PSUBSCRIBE", keys.BUS_PATTERN), ("SUBSCRIBE", self._node)],
            )
        wire.on_reply = self._hear
        return wire

    async def _listen(self, wire: Wire) -> None:
        while True:
            await self._until_lost(wire)
            wire.close()
            wire = self._wire = await self._resubscribed()
            _log.info("bus is back")
            self._call_all(self._resumed)

    async def _until_lost(self, wire: Wire) -> None:
        """Return when the connection has ended, or its peer has fallen silent."""
        lost = asyncio.Event()
        wire.on_lost = lambda _: lost.set()
        while wire.alive and not lost.is_set():
            self._heard = False
            try:
                wire.send(pack(("PING",)))
                async with asyncio.timeout(_IDLE_CHECK):
                    await lost.wait()
            except TimeoutError:
                if not self._heard:
                    break
        _log.warning("bus lost")

    async def _resubscribed(self) -> Wire:
        pause = 0.05
        while True:
            try:
                return await self._subscribed()
            except (ErrorReply, OSError, TimeoutError) as error:
                _log.warning("bus not reachable", detail=f"{type(error).__name__}: {error}")
            await asyncio.sleep(pause)
            pause = min(2.0, pause * 2)

    def _hear(self, reply: Any) -> None:
        self._heard = True
        try:
            match reply:
                case [b"pmessage", _, channel, data]:
                    self._dispatch(channel.decode(), exact_json.loads(data))
                case [b"message", _, data]:
                    self._receive(exact_json.loads(data))
        except Exception:
            _log.exception("bus message not understood")

    def _dispatch(self, channel: str, message: Any) -> None:
        self._call_all(self._callbacks.get(channel[_TOPIC_AT:], []), message)

    def _call_all(self, callbacks: list[Callable[..., None]], *arguments: Any) -> None:
        for callback in list(callbacks):
            try:
                callback(*arguments)
            except Exception:
                _log.exception("bus callback failed")

    def _receive(self, message: dict[str, Any]) -> None:
        if "request" not in message:
            self._reply_received(message)
        elif len(self._serving) >= _MAX_SERVED:
            _log.warning("bus request dropped, too many at once", topic=message["topic"])
        else:
            task = asyncio.create_task(self._answer(message))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    def _reply_received(self, message: dict[str, Any]) -> None:
        future = self._replies.get(message["reply"])
        if future is None or future.done():
            return  # came too late
        if "error" in message:
            future.set_exception(BusRefused(message["error"]))
        else:
            future.set_result(message["result"])

    async def _answer(self, request: dict[str, Any]) -> None:
        reply: dict[str, Any] = {"reply": request["request"]}
        handler = self._handlers.get(request["topic"])
        try:
            if handler is None:
                reply["error"] = f"this node does not serve {request['topic']!r}"
            else:
                async with asyncio.timeout(request["timeout"] / 1000):
                    reply["result"] = await handler(request["message"])
        except TimeoutError:
            return  # nobody waits any more
        except Exception as error:
            _log.exception("bus handler failed", topic=request["topic"])
            reply["error"] = f"{type(error).__name__}: {error}"
        try:
            await self._send(request["reply_to"], reply)
        except StoreUnavailable as error:
            _log.warning("bus reply not sent", detail=str(error))
