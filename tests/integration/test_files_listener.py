"""The files listener over real sockets, a real store and a real disk, with well and ill-meaning
stations."""

import asyncio
import errno
import gzip
import hashlib
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.commands import Command
from gateway.domain.diagnostics import GetLog, LogType
from gateway.domain.operations import LOG_UPLOAD, Operation
from gateway.domain.party import Party
from gateway.files import uploads
from gateway.files.server import FilesServer, create_app
from gateway.services.files import disk
from gateway.services.files.file_tickets import DOWNLOAD_TIME
from gateway.services.files.file_transfers import FileRules, FileTransfers
from gateway.services.stations.operations import Operations, Order
from gateway.services.stations.routing import StationRouter
from gateway.store import Store

NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
CAP = 100_000
CP1 = ChargePointRecord("CP1", Party("NL", "GWY"), SecurityProfile.BASIC_AUTH)
FIRMWARE = bytes(range(256)) * 1_000


@dataclass
class Listener:
    """A running listener, and what is behind it."""

    url: str
    port: int
    store: Store
    operations: Operations
    transfers: FileTransfers
    directory: Path
    http: aiohttp.ClientSession

    async def ticket(self) -> tuple[str, Operation]:
        """The URL of an upload, and the operation that waits for it."""

        def command(request_id: int) -> Command:
            return GetLog(request_id, LogType.DIAGNOSTICS, "")

        operation = await self.operations.start(CP1, Order(LOG_UPLOAD, command, {}))
        return await self.transfers.tickets.for_upload(CP1, operation.id), operation

    async def put(self, url: str, data: Any = b"log", **options: Any) -> int:
        async with self.http.put(url, data=data, **options) as answer:
            assert await answer.text() in (f"{answer.status}\n", "received\n")
            return answer.status

    async def firmware(self, name: str = "fw.bin", data: bytes = FIRMWARE) -> str:
        """A firmware file's URL."""
        file = await self.transfers.firmware_files.put(name, pieces(data))
        return await self.transfers.tickets.for_download(
            CP1, "op", name, file.version, DOWNLOAD_TIME
        )

    async def files(self) -> list[dict[str, Any]]:
        return await self.transfers.uploads.of(CP1)

    def left_behind(self) -> list[str]:
        uploads = self.directory / "uploads"
        return sorted(path.name for path in uploads.iterdir()) if uploads.exists() else []

    async def raw(self, head: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(head.replace("\n", "\r\n").encode())
        await writer.drain()
        return reader, writer


async def pieces(data: bytes) -> AsyncIterator[bytes]:
    yield data


@pytest.fixture
async def listener(store: Store, tmp_path: Path) -> AsyncIterator[Listener]:
    async with running(store, tmp_path) as started:
        yield started


@asynccontextmanager
async def running(store: Store, directory: Path, quota: int = 10 * CAP) -> AsyncIterator[Listener]:
    await store.charge_points.put(CP1)
    router = StationRouter(store, "node-1")
    operations = Operations(store, router, lambda: NOW)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    rules = FileRules(directory, url, CAP, quota, frozenset({"https"}))
    transfers = FileTransfers.make(store, operations, rules, lambda: NOW)
    app = create_app(transfers.tickets, transfers.uploads, transfers.firmware_files)
    server = FilesServer(app)
    await server.start("127.0.0.1", port)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)) as http:
        yield Listener(url, port, store, operations, transfers, directory, http)
    await server.close()
    await operations.close()


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.01)


async def test_an_upload_is_kept_and_told_to_its_operation(listener: Listener) -> None:
    url, operation = await listener.ticket()
    assert await listener.put(url, b"log" * 1000) == 200
    [file] = await listener.files()
    told = await listener.operations.get(CP1, operation.id)
    assert (file["bytes"], file["available"]) == (3000, True)
    assert file["sha256"] == hashlib.sha256(b"log" * 1000).hexdigest()
    assert told is not None
    assert told.result["file"]["id"] == file["id"]
    assert (listener.directory / "uploads" / file["id"]).read_bytes() == b"log" * 1000


async def test_post_with_a_form_is_taken_too(listener: Listener) -> None:
    url, _ = await listener.ticket()
    form = aiohttp.FormData()
    form.add_field("note", "not the file")
    form.add_field("file", b"log" * 1000, filename="cp1.zip", content_type="application/zip")
    async with listener.http.post(url, data=form) as answer:
        assert answer.status == 200
    [file] = await listener.files()
    assert (file["name"], file["bytes"]) == ("cp1.zip", 3000)


@pytest.mark.parametrize(
    ("tail", "shown"),
    [
        ("/cp1.log", "cp1.log"),
        ("/", "file"),
        ("/..%2f..%2f..%2fetc%2fpasswd", "passwd"),
        ("/%2e%2e/%2e%2e/x", "x"),
        ("/..%5c..%5cboot.ini", "boot.ini"),
        ("/%01%1b[31mred.log", "_31mred.log"),
        ("/%3Cscript%3E.log", "_script_.log"),
        ("/" + "a" * 300, "a" * 100),
    ],
)
async def test_a_name_from_a_station_is_shown_and_never_a_path(
    listener: Listener, tail: str, shown: str
) -> None:
    url, _ = await listener.ticket()
    assert await listener.put(URL(url + tail, encoded=True)) == 200  # type: ignore[arg-type]
    [file] = await listener.files()
    assert file["name"] == shown
    assert listener.left_behind() == [file["id"]]


async def test_a_ticket_counts_once(listener: Listener) -> None:
    url, _ = await listener.ticket()
    assert await listener.put(url) == 200
    assert await listener.put(url) == 410
    assert await listener.put(url + "/other.log") == 410
    assert len(await listener.files()) == 1


async def test_of_many_uploads_with_one_ticket_at_once_one_is_taken(listener: Listener) -> None:
    url, _ = await listener.ticket()
    statuses = await asyncio.gather(*(listener.put(url, b"x" * 50_000) for _ in range(10)))
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 409, 410}
    assert len(await listener.files()) == 1


async def test_a_broken_upload_leaves_nothing_and_may_be_repeated(listener: Listener) -> None:
    url, _ = await listener.ticket()
    path = url.removeprefix(listener.url)
    _, writer = await listener.raw(f"PUT {path} HTTP/1.1\nHost: x\nContent-Length: 1000\n\nhalf")
    await until(lambda: len(listener.left_behind()) == 1)
    writer.close()
    await writer.wait_closed()
    await until(lambda: listener.left_behind() == [])

    async def taken() -> bool:
        return await listener.put(url) == 200

    async with asyncio.timeout(10):
        while not await taken():  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.01)
    assert len(await listener.files()) == 1


async def test_an_expired_ticket_is_as_unknown_as_any_other(listener: Listener) -> None:
    url, _ = await listener.ticket()
    [key] = [key async for key in listener.store.redis.scan_iter("gw:ticket:*")]
    await listener.store.redis.pexpire(key, 1)
    await asyncio.sleep(0.01)
    assert await listener.put(url) == 404


async def test_no_ticket_is_in_the_store_in_clear(listener: Listener) -> None:
    url, _ = await listener.ticket()
    word = url.rsplit("/", 1)[1].encode()
    async for key in listener.store.redis.scan_iter("*"):
        assert word not in key
        if await listener.store.redis.type(key) == b"string":
            assert word not in (await listener.store.redis.get(key) or b"")


async def test_an_announced_body_beyond_the_cap_is_refused_unread(listener: Listener) -> None:
    url, _ = await listener.ticket()
    path = url.removeprefix(listener.url)
    reader, writer = await listener.raw(
        f"PUT {path} HTTP/1.1\nHost: x\nContent-Length: {10**12}\n\n"
    )
    async with asyncio.timeout(10):
        assert b" 413 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert listener.left_behind() == []


async def test_an_endless_body_ends_at_the_cap_and_leaves_nothing(listener: Listener) -> None:
    url, _ = await listener.ticket()
    path = url.removeprefix(listener.url)
    reader, writer = await listener.raw(
        f"PUT {path} HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n"
    )
    piece = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
    for _ in range(CAP // 10_000 + 2):
        writer.write(piece)
    await writer.drain()
    async with asyncio.timeout(10):
        assert b" 413 " in await reader.readline()
    writer.close()
    await until(lambda: listener.left_behind() == [])
    assert await listener.put(url) == 200


async def test_a_compressed_bomb_is_counted_unpacked(listener: Listener) -> None:
    url, _ = await listener.ticket()
    bomb = gzip.compress(bytes(100 * CAP))
    assert len(bomb) < CAP
    assert await listener.put(url, bomb, headers={"Content-Encoding": "gzip"}) in (400, 413)
    assert listener.left_behind() == []


async def test_a_body_that_stops_coming_is_given_up(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S16: nobody holds a connection and a half-written file for ever."""
    monkeypatch.setattr(uploads, "_IDLE_SECONDS", 0.05)
    url, _ = await listener.ticket()
    path = url.removeprefix(listener.url)
    reader, writer = await listener.raw(
        f"PUT {path} HTTP/1.1\nHost: x\nContent-Length: 1000\n\nhalf"
    )
    async with asyncio.timeout(10):
        assert b" 408 " in await reader.readline()
    writer.close()
    await writer.wait_closed()
    assert listener.left_behind() == []


async def test_an_empty_body_does_not_use_the_ticket_up(listener: Listener) -> None:
    url, _ = await listener.ticket()
    assert await listener.put(url, b"") == 400
    assert listener.left_behind() == []
    assert await listener.put(url) == 200


async def test_a_form_without_a_file_is_refused(listener: Listener) -> None:
    url, _ = await listener.ticket()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert await listener.put(url, b"--y\r\nnonsense", headers=headers) == 400
    assert await listener.put(url) == 200


@pytest.mark.parametrize(
    "header",
    [
        b'Content-Disposition: form-data; name="file"; filename="a\r\nb"',
        b"no header at all",
        b"Content-Disposition" + b"x" * 10_000 + b": form-data",
        b"X" * 10_000,
    ],
)
async def test_a_part_with_a_broken_header_is_refused(listener: Listener, header: bytes) -> None:
    """S18"""
    url, _ = await listener.ticket()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    body = b"--x\r\n" + header + b"\r\n\r\ncontent\r\n--x--\r\n"
    assert await listener.put(url, body, headers=headers) == 400
    assert listener.left_behind() == []
    assert await listener.put(url) == 200


async def test_a_full_disk_says_so_and_leaves_nothing(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, operation = await listener.ticket()

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(disk, "_write", full)
        assert await listener.put(url) == 507
    assert listener.left_behind() == []
    told = await listener.operations.get(CP1, operation.id)
    assert told is not None
    assert "file" not in told.result
    assert await listener.put(url) == 200


async def test_a_full_quota_makes_room_by_the_oldest(store: Store, tmp_path: Path) -> None:
    async with running(store, tmp_path, quota=2 * CAP) as listener:
        for number in range(5):
            url, _ = await listener.ticket()
            assert await listener.put(url, bytes([number]) * (CAP // 2 + 20_000)) == 200
        available = [file["available"] for file in await listener.files()]
        assert len(listener.left_behind()) == 2
        assert available.count(True) == 2


async def test_a_removed_charge_point_takes_its_tickets_along(listener: Listener) -> None:
    url, _ = await listener.ticket()
    await listener.store.charge_points.delete("CP1")
    assert await listener.put(url) == 404


@pytest.mark.parametrize(
    "path",
    ["/", "/files", "/files/", "/files/u/", "/files/d/", "/files/d/x", "/files/firmware/fw.bin"],
)
async def test_there_is_nothing_to_list(listener: Listener, path: str) -> None:
    await listener.firmware()
    async with listener.http.get(listener.url + path) as answer:
        assert answer.status == 404
        assert await answer.text() == "404\n"


async def test_the_wrong_method_is_told_the_right_ones(listener: Listener) -> None:
    url, _ = await listener.ticket()
    async with listener.http.get(url) as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "POST,PUT"


async def test_firmware_comes_whole_or_in_part_as_often_as_needed(listener: Listener) -> None:
    url = await listener.firmware()
    async with listener.http.get(url) as answer:
        assert await answer.read() == FIRMWARE
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with listener.http.get(url, headers={"Range": "bytes=1000-"}) as answer:
        assert answer.status == 206
        assert await answer.read() == FIRMWARE[1000:]
    async with listener.http.get(url, headers={"Range": "bytes=999999999-"}) as answer:
        assert answer.status == 416
    async with listener.http.head(url) as answer:
        assert answer.status == 200
        assert int(answer.headers["Content-Length"]) == len(FIRMWARE)


@pytest.mark.parametrize("name", ["other.bin", "..%2fsecret-key", "%2e%2e", "fw.bin%00", "FW.BIN"])
async def test_a_ticket_opens_its_own_file_only(listener: Listener, name: str) -> None:
    url = await listener.firmware()
    await listener.transfers.firmware_files.put("other.bin", pieces(b"other"))
    wrong = URL(url.rsplit("/", 1)[0] + "/" + name, encoded=True)
    async with listener.http.get(wrong) as answer:
        assert (answer.status, await answer.text()) == (404, "404\n")


async def test_another_file_under_the_same_name_is_not_served(listener: Listener) -> None:
    """A station that resumes must not get the end of another file."""
    url = await listener.firmware()
    await listener.transfers.firmware_files.put("fw.bin", pieces(FIRMWARE + b"more"))
    async with listener.http.get(url) as answer:
        assert answer.status == 404


async def test_a_link_in_the_directory_leads_nowhere(listener: Listener) -> None:
    url = await listener.firmware()
    file = listener.directory / "firmware" / "fw.bin"
    secret = listener.directory / "secret-key"
    secret.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(secret)
    async with listener.http.get(url) as answer:
        assert answer.status == 404


async def test_an_upload_ticket_fetches_nothing_and_a_download_ticket_puts_nothing(
    listener: Listener,
) -> None:
    upload, _ = await listener.ticket()
    download = await listener.firmware()
    word = download.split("/")[-2]
    assert await listener.put(f"{listener.url}/files/u/{word}") == 404
    async with listener.http.get(upload.replace("/u/", "/d/") + "/fw.bin") as answer:
        assert answer.status == 404


async def test_more_uploads_than_may_run_at_once_are_sent_away(listener: Listener) -> None:
    """S16: each waits for the rest of its body; the next one is told to come back."""
    opened = []
    for _ in range(32):
        url, _ = await listener.ticket()
        path = url.removeprefix(listener.url)
        opened.append(
            await listener.raw(f"PUT {path} HTTP/1.1\nHost: x\nContent-Length: 1000\n\nhalf")
        )
    await until(lambda: len(listener.left_behind()) == 32)
    url, _ = await listener.ticket()
    assert await listener.put(url) == 503
    for _, writer in opened:
        writer.close()
    await until(lambda: listener.left_behind() == [])
    assert await listener.put(url) == 200


async def test_what_a_killed_process_left_half_written_goes_with_the_next_upload(
    listener: Listener,
) -> None:
    uploads_dir = listener.directory / "uploads"
    uploads_dir.mkdir()
    old, fresh = uploads_dir / ".draft-of-the-dead", uploads_dir / ".draft-of-another-node"
    for draft in (old, fresh):
        draft.write_bytes(b"half")
    os.utime(old, (0, 0))
    url, _ = await listener.ticket()
    assert await listener.put(url) == 200
    assert not old.exists()
    assert fresh.exists()
