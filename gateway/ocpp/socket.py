"""One websocket of a charge point, as callbacks instead of a task that reads.

`websockets` gives the protocol; its own reader hands every frame through a queue and a task,
which costs more than all of our decoding, and its keepalive a second task per connection. Here a
complete message goes straight from the transport's callback to `on_message`, and one sweep of the
server pings the silent ones. A text that is one frame passes its parser by (`whole_frames`).

This is the only module that relies on the inside of `websockets`: `process_event`,
`data_received`, `connection_made` and `connection_lost` of its connection class, and where the
parser of its protocol stands.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Event, State
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

from gateway.ocpp.handshake import tidied_request_line
from gateway.ocpp.whole_frames import text_frame, text_of

log = structlog.get_logger(__name__)

MAX_REQUEST_LINE = 8_192  # bytes, as in the parser below
MAX_REASON = 40  # characters, so that it fits 123 bytes (RFC 6455 5.5) in any script
MAX_FRAGMENTS = 256  # of one message; its size has its own bound
MAX_UNSENT = 1 << 20  # bytes waiting for a station that does not read

_AWAITS_FRAME = StreamReader.at_eof.__code__  # where the parser stands between two frames


class ChargePointSocket(ServerConnection):
    """A server connection that hands messages to a listener.

    `heard` is the loop's time when bytes last came. `on_opening` is told True when the TCP
    connection is there and False when it is gone; if it answers False the connection is dropped.
    """

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        *,
        on_opening: Callable[["ChargePointSocket", bool], bool],
        **options: Any,
    ) -> None:
        super().__init__(protocol, server, **options)
        self.heard = self.loop.time()
        self.pinged: float | None = None
        self.on_message: Callable[[bytes, bool], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        self.admitted: object = None  # what the door decided, for whoever asked it
        self.agreed: str | None = None  # the subprotocol, in the station's spelling
        self._on_opening = on_opening
        self._request_line: bytes | None = b""
        self._early: list[tuple[bytes, bool]] = []
        self._fragments: list[bytes] | None = None
        self._is_text = True
        self._finished = False
        self._holds: set[str] | None = None

    # --- callbacks of the transport ---------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._on_opening(self, True):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_opening(self, False)
        super().connection_lost(exc)
        if self.on_lost is not None:
            self.on_lost()

    def data_received(self, data: bytes) -> None:
        self.heard = self.loop.time()
        self.pinged = None
        if self._request_line is not None:
            self._begin(data)
            return
        text = text_of(data)
        if text is not None and self._may_pass_by(len(text)):
            self._deliver(text, is_text=True)
        else:
            super().data_received(data)

    def _may_pass_by(self, size: int) -> bool:
        """Whether the parser would take one whole text now, and nothing else is begun."""
        protocol = self.protocol
        if self._fragments is not None or protocol.state is not State.OPEN:
            return False
        if protocol.max_message_size is not None and size > protocol.max_message_size:
            return False
        # the generator of the handshake waits in that of the frames, and that in one for bytes
        frames = getattr(protocol.parser, "gi_yieldfrom", None)
        waits = getattr(frames, "gi_yieldfrom", None)
        return getattr(waits, "gi_code", None) is _AWAITS_FRAME

    def _begin(self, data: bytes) -> None:
        """Hold the first line back until it is complete, to mend what the parser would refuse."""
        assert self._request_line is not None  # noqa: S101 - for the type checker
        data = self._request_line + data
        line, newline, rest = data.partition(b"\r\n")
        if not newline and len(data) < MAX_REQUEST_LINE:
            self._request_line = data
            return
        self._request_line = None
        super().data_received(tidied_request_line(line) + newline + rest if newline else data)

    def process_event(self, event: Event) -> None:
        if self.request is None or not isinstance(event, Frame):
            super().process_event(event)
            return
        if self._finished:
            return  # we have said goodbye; what still comes is not answered any more
        opcode = event.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if event.fin:
                self._deliver(event.data, opcode is Opcode.TEXT)
            else:
                self._fragments, self._is_text = [bytes(event.data)], opcode is Opcode.TEXT
        elif opcode is Opcode.CONT:
            self._continue(event)
        elif opcode is Opcode.PONG:
            self.acknowledge_pings(bytes(event.data))

    def _continue(self, frame: Frame) -> None:
        # The protocol below has checked that a message was begun.
        fragments = self._fragments or []
        fragments.append(bytes(frame.data))
        if frame.fin:
            self._fragments = None
            self._deliver(b"".join(fragments), self._is_text)
        elif len(fragments) >= MAX_FRAGMENTS:
            self.finish(CloseCode.POLICY_VIOLATION, "too many fragments")

    def _deliver(self, data: bytes | bytearray | memoryview, is_text: bool) -> None:
        if self.on_message is None:
            self._early.append((bytes(data), is_text))  # at most one read's worth: see `hold`
            self.hold("handshake")
            return
        try:
            self.on_message(bytes(data), is_text)
        except Exception:
            log.exception("reader failed")
            self.finish(CloseCode.INTERNAL_ERROR)

    # --- what the link uses -------------------------------------------------------------------

    def listen(
        self, on_message: Callable[[bytes, bool], None], on_lost: Callable[[], None]
    ) -> None:
        """Begin to hand over messages; those that came since the upgrade first."""
        self.on_message, self.on_lost = on_message, on_lost
        early, self._early = self._early, []
        for data, is_text in early:
            self._deliver(data, is_text)
        self.release("handshake")
        if self.protocol.state is State.CLOSED:
            on_lost()

    def forget_handshake(self) -> None:
        """Let go of the request's headers: the password is among them."""
        if self.request is not None:
            self.request.headers.clear()
        self.admitted = self.response = None

    @property
    def is_open(self) -> bool:
        """Whether a frame sent now can reach the station."""
        return self.protocol.state is State.OPEN

    def send_text(self, data: bytes) -> bool:
        """Send one text message without waiting; False when the socket is not open.

        A station that does not read is dropped once too much waits for it.
        """
        if not self.is_open:
            return False
        if self.protocol.extensions:
            self.protocol.send_text(data)
            self.send_data()
        else:
            self.transport.write(text_frame(data))
        if self.transport.get_write_buffer_size() > MAX_UNSENT:
            log.warning("station does not read", remote=self.remote_address)
            self.transport.abort()
        return True

    def send_ping(self) -> None:
        """Ask for a sign of life."""
        if self.is_open:
            self.pinged = self.loop.time()
            self.protocol.send_ping(b"")
            self.send_data()

    def finish(self, code: int, reason: str = "") -> None:
        """Send the close frame; the TCP connection goes when the station has answered it."""
        if not self.is_open:
            return
        self._finished = True
        self._fragments = None
        self.protocol.send_close(code, reason[:MAX_REASON])
        self.send_data()
        if self.close_timeout is not None:
            self.close_deadline = self.loop.time() + self.close_timeout
        for why in list(self._holds or ()):
            self.release(why)  # the station's own close frame must get through

    def hold(self, why: str) -> None:
        """Stop reading until `release` for every reason that was given."""
        if self.transport.is_closing():
            return
        if not self._holds:
            self._holds = set()
            self.transport.pause_reading()
        self._holds.add(why)

    def release(self, why: str) -> None:
        """Take one reason away."""
        if self._holds and why in self._holds:
            self._holds.discard(why)
            if not self._holds and not self.transport.is_closing():
                self.transport.resume_reading()

    @property
    def held(self) -> bool:
        """Whether reading has been stopped by us: silence then means nothing."""
        return bool(self._holds)
