"""What several integration tests need: a store server to ill-treat, a TLS certificate, time."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.domain.events import (
    MeterReported,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.tokens import Authorization
from gateway.services.stations.station_state import StationState
from gateway.services.transactions.events import TransactionAnswer
from gateway.services.transactions.service import StartAnswer, TransactionService
from gateway.store.embedded import EmbeddedServer


class ToldNow(TransactionService):
    """As told by stations that are connected: our clock is never behind what happens there."""

    _now: Any

    async def reported(self, state: StationState, event: TransactionReported) -> TransactionAnswer:
        self._now.reach(event.at)
        return await super().reported(state, event)

    async def started(self, state: StationState, event: TransactionStarted) -> StartAnswer:
        self._now.reach(event.at)
        return await super().started(state, event)

    async def stopped(self, state: StationState, event: TransactionStopped) -> Authorization | None:
        self._now.reach(event.at)
        return await super().stopped(state, event)

    async def metered(self, state: StationState, event: MeterReported) -> None:
        self._now.reach(*(one.at for one in event.readings))
        await super().metered(state, event)


@pytest.fixture
def told_now() -> type[TransactionService]:
    """The service of transactions, whose clock has a method `reach`."""
    return ToldNow


@pytest.fixture
async def server(tmp_path: Path, store_server_binary: Path | None) -> AsyncIterator[EmbeddedServer]:
    """A store server of this test's own."""
    started = await EmbeddedServer.start(tmp_path, store_server_binary)
    yield started
    await started.stop()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path
