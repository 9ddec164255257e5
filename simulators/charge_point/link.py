"""The websocket of one station: connect, converse, lose it, come back, for as long as it runs.

Transaction messages outlive a lost socket (see outbox); everything else is dropped while offline,
because the station reports its present state after every reconnect.
"""

import asyncio
import base64
import random
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from simulators.charge_point.library import (
    CallRefusedError,
    DisconnectedError,
    Endpoint,
    NoAnswerError,
)
from simulators.charge_point.outbox import Outbox, TransactionMessage
from simulators.charge_point.settings import StationSettings

QUEUED_NOTICES = 1_000
OPEN_TIMEOUT = 20.0
CLOSE_TIMEOUT = 2.0

Notice = Callable[[Endpoint], Awaitable[None]]


@dataclass(frozen=True)
class Frame:
    direction: Literal["sent", "received"]
    text: str


@dataclass(frozen=True)
class Address:
    """Where and as whom to connect; a password means HTTP Basic (security profile 1)."""

    url: str
    identity: str
    subprotocol: str
    password: str | bytes | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None

    @property
    def uri(self) -> str:
        return f"{self.url.rstrip('/')}/{quote(self.identity, safe='')}"

    @property
    def headers(self) -> dict[str, str]:
        if self.password is None:
            return {}
        secret = self.password.encode() if isinstance(self.password, str) else self.password
        pair = base64.b64encode(self.identity.encode() + b":" + secret).decode()
        return {"Authorization": f"Basic {pair}"}


@dataclass(frozen=True)
class BackOff:
    """Real seconds to wait before the next attempt; doubles, with jitter, up to `most`."""

    first: float = 1.0
    most: float = 30.0

    def delay(self, failures: int, chance: random.Random) -> float:
        bound = min(self.most, self.first * float(1 << min(failures, 16)))
        return bound * chance.uniform(0.5, 1.0)


class Conversation(Protocol):
    """What the link asks of the station that owns it."""

    def endpoint(self, wire: "Socket") -> Endpoint: ...

    async def register(self, endpoint: Endpoint) -> None:
        """Returns once the CSMS may be spoken to."""

    def online(self) -> None: ...

    def offline(self, why: str) -> None: ...

    def refused(self, why: str) -> None: ...

    def distrusts(self, why: str) -> None:
        """The server's certificate was not believed."""

    def delivered(self) -> None: ...

    def call_failed(self, error: Exception) -> None: ...

    async def heartbeat(self, endpoint: Endpoint) -> None: ...


class Socket:
    """The connection as the `ocpp` package wants it, keeping the last frames for a look."""

    def __init__(self, connection: ClientConnection, frames: deque[Frame]) -> None:
        self._connection = connection
        self._frames = frames

    async def recv(self) -> str:
        frame = await self._connection.recv()
        text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
        self._frames.append(Frame("received", text))
        return text

    async def send(self, frame: str) -> None:
        self._frames.append(Frame("sent", frame))
        await self._connection.send(frame)

    def abort(self) -> None:
        """Loses the TCP connection without a closing handshake, as a power cut does."""
        self._connection.transport.abort()

    async def close(self) -> None:
        await self._connection.close()


class Link:
    def __init__(
        self,
        address: Address,
        conversation: Conversation,
        outbox: Outbox,
        settings: StationSettings,
        back_off: BackOff,
        chance: random.Random,
        kept_frames: int,
    ) -> None:
        self.address = address
        self.frames: deque[Frame] = deque(maxlen=kept_frames)
        self.endpoint: Endpoint | None = None
        """set while registered: calls may be made"""
        self._conversation = conversation
        self._outbox = outbox
        self._settings = settings
        self._back_off = back_off
        self._chance = chance
        self._socket: Socket | None = None
        self._may_connect = asyncio.Event()
        self._may_connect.set()
        self._pause = 0.0
        self._failures = 0
        self._notices: deque[Notice] = deque(maxlen=QUEUED_NOTICES)
        self._noticed = asyncio.Event()

    async def run(self) -> None:
        """Connects again and again until cancelled."""
        while True:
            await self._may_connect.wait()
            await asyncio.sleep(self._take_pause())
            await self._connect_once()
            await asyncio.sleep(self._back_off.delay(self._failures, self._chance))
            self._failures += 1

    def tell(self, notice: Notice) -> None:
        """Sends something that is worthless later; dropped while offline."""
        if self.endpoint is not None:
            self._notices.append(notice)
            self._noticed.set()

    async def send_raw(self, text: str) -> None:
        if self._socket is None:
            raise DisconnectedError("no connection")
        await self._socket.send(text)

    def drop(self, offline_for: float) -> None:
        self._pause = offline_for
        if self._socket is not None:
            self._socket.abort()

    async def close(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    def forbid(self) -> None:
        """Stays away from the network until `allow`."""
        self._may_connect.clear()
        self.drop(0.0)

    def allow(self) -> None:
        self._failures = 0
        self._may_connect.set()

    def _take_pause(self) -> float:
        pause, self._pause = self._pause, 0.0
        return pause

    async def _connect_once(self) -> None:
        try:
            connection = await self._open()
        except InvalidStatus as error:
            self._conversation.refused(f"HTTP {error.response.status_code}")
            return
        except ssl.SSLCertVerificationError as error:
            self._conversation.distrusts(error.verify_message)
            return
        except (OSError, InvalidHandshake, TimeoutError, EOFError) as error:
            self._conversation.refused(str(error) or type(error).__name__)
            return
        try:
            await self._converse(connection)
        finally:
            self._socket = None
            await connection.close()

    async def _open(self) -> ClientConnection:
        # OCPP-J 1.6 knows no compression; 2.0.1 part 4 §3.3 requires it of every CSMS.
        compression = None if self.address.subprotocol == "ocpp1.6" else "deflate"
        return await connect(
            self.address.uri,
            subprotocols=[Subprotocol(self.address.subprotocol)],
            additional_headers=self.address.headers,
            compression=compression,
            open_timeout=OPEN_TIMEOUT,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=self._settings.ping_interval or None,
            max_size=2**20,
            proxy=None,
            ssl=self.address.tls,
        )

    async def _converse(self, connection: ClientConnection) -> None:
        if connection.subprotocol != self.address.subprotocol:
            # OCPP-J 1.6 §3.2: an answer without the subprotocol means that there is none in common.
            self._conversation.refused("no common subprotocol")
            return
        self._socket = Socket(connection, self.frames)
        endpoint = self._conversation.endpoint(self._socket)
        why = "closed"
        try:
            await first_to_end(endpoint.serve(), self._speak(endpoint))
        except ConnectionClosed as closed:
            why = str(closed)
        except DisconnectedError:
            pass
        finally:
            self.endpoint = None
            self._notices.clear()
            self._conversation.offline(why)

    async def _speak(self, endpoint: Endpoint) -> None:
        await self._conversation.register(endpoint)
        self._failures = 0
        self.endpoint = endpoint
        self._conversation.online()
        await first_to_end(
            self._deliver_notices(endpoint),
            self._deliver_transactions(endpoint),
            self._beat(endpoint),
        )

    async def _deliver_notices(self, endpoint: Endpoint) -> None:
        while True:
            while not self._notices:
                self._noticed.clear()
                await self._noticed.wait()
            notice = self._notices.popleft()
            try:
                await notice(endpoint)
            except (CallRefusedError, NoAnswerError) as error:
                self._conversation.call_failed(error)

    async def _deliver_transactions(self, endpoint: Endpoint) -> None:
        while True:
            message = await self._outbox.head()
            try:
                answer = await endpoint.call(message.action, **message.fields())
            except NoAnswerError as error:
                self._conversation.call_failed(error)
            except CallRefusedError as error:
                self._conversation.call_failed(error)
                await self._after_refusal(message)
            else:
                self._outbox.remove(message)
                message.answered(answer)
                self._conversation.delivered()

    async def _after_refusal(self, message: TransactionMessage) -> None:
        """1.6 §3.7.1: TransactionMessageAttempts times, further apart each time."""
        message.refusals += 1
        if message.refusals >= self._settings.message_attempts:
            self._outbox.remove(message)
            message.given_up()
        else:
            await asyncio.sleep(self._settings.message_retry_interval * message.refusals)

    async def _beat(self, endpoint: Endpoint) -> None:
        # The first one at a random moment, so that a fleet that booted together spreads out.
        interval = max(1, self._settings.heartbeat_interval)
        await asyncio.sleep(interval * self._chance.uniform(0.5, 1.0))
        while True:
            try:
                await self._conversation.heartbeat(endpoint)
            except (CallRefusedError, NoAnswerError) as error:
                self._conversation.call_failed(error)
            await asyncio.sleep(max(1, self._settings.heartbeat_interval))


async def first_to_end(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Runs all until one ends, cancels the others, and raises what any of them raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
