"""Firmware updates: fetch, check, install, reboot, each step told in the standard's order.

1.6 §6 (FirmwareStatus), security white paper L01 and 2.0.1 block L. What is "installed" is a new
version number; the file is really downloaded and its signature really verified.
"""

import asyncio
import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from simulators.charge_point.certificates import read_chain
from simulators.charge_point.connector import Connector
from simulators.charge_point.transfers import TransferError

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

FAILURES = (
    "DownloadFailed",
    "InvalidSignature",
    "InstallationFailed",
    "InstallVerificationFailed",
)
MANUFACTURER_ROOT = "ManufacturerRootCertificate"


@dataclass(frozen=True)
class FirmwarePlan:
    """What a station makes of an update: scripted by whoever tests with it."""

    version: str = "1.0.0"
    next_version: str | None = None
    """after an update; None: the last number of the version counts up"""
    fails: str | None = None
    """one of `FAILURES`"""
    install_seconds: float = 10.0
    """virtual"""


@dataclass(frozen=True)
class FirmwareOrder:
    """An UpdateFirmware; times on the CSMS's clock. Without `request_id` it is 1.6's plain one."""

    location: str
    retrieve_at: datetime
    install_at: datetime | None = None
    request_id: int | None = None
    certificate: str | None = None
    signature: str | None = None
    retries: int | None = None
    retry_interval: int | None = None


class StepFailedError(Exception):
    """The update ends here; the text is the FirmwareStatus that says so."""


class FirmwareUpdates:
    def __init__(self, station: "SimulatedChargePoint", plan: FirmwarePlan) -> None:
        self.plan = plan
        self.version = plan.version
        self._station = station
        self._running: asyncio.Task[None] | None = None
        self._installing = False
        self._last: tuple[str, int | None] = ("Idle", None)

    def order(self, order: FirmwareOrder) -> str:
        """An UpdateFirmwareStatusEnumType."""
        if order.signature is not None and not self._certificate_good(order.certificate or ""):
            # L01.FR.02 and FR.24 of the white paper
            self._station.security_event("InvalidFirmwareSigningCertificate")
            return "InvalidCertificate"
        ongoing = self._running is not None and not self._running.done()
        if ongoing and self._installing:
            return "Rejected"  # L01.FR.27
        if self._running is not None:
            self._running.cancel()
        self._running = self._station.soon(self._carry_out(order))
        return "AcceptedCanceled" if ongoing else "Accepted"  # L01.FR.26

    def tell_status(self, *, signed: bool = False) -> None:
        """Triggered: the last status, Idle once it was Installed (L01.FR.28 and .29)."""
        status, request_id = self._last
        if status in ("Idle", "Installed"):
            status, request_id = "Idle", None
        self._station.soon(self._say(status, request_id, signed=signed))

    # -- the steps

    async def _carry_out(self, order: FirmwareOrder) -> None:
        station = self._station
        try:
            image = await self._fetch(order)
            await self._verify(order, image)
            await self._wait_to_install(order)
            await self._install(order)
        except StepFailedError as failed:
            await self._tell(str(failed), order)
            return
        station.emit("firmware_installed", firmware=self.version)
        await self._tell("Installed", order)
        if station.version != "1.6":
            # In the list of critical events of the 2.0.1 appendices, not in the white paper's.
            station.security_event("FirmwareUpdated", self.version)

    async def _fetch(self, order: FirmwareOrder) -> bytes:
        station = self._station
        retrieve_at = station.to_station_time(order.retrieve_at)
        if retrieve_at > station.clock.now():
            await self._tell("DownloadScheduled", order)
            await station.clock.sleep_until(retrieve_at)
        await self._tell("Downloading", order)
        image = await self._download(order)
        await self._tell("Downloaded", order)
        return image

    async def _download(self, order: FirmwareOrder) -> bytes:
        for attempt in range((order.retries or 0) + 1):
            if attempt:
                await self._station.clock.sleep(order.retry_interval or 0)
            try:
                image = await self._station.transfers.download(order.location)
            except TransferError as error:
                self._station.note_error(error)
                continue
            if self.plan.fails != "DownloadFailed":
                return image
        raise StepFailedError("DownloadFailed")

    async def _verify(self, order: FirmwareOrder, image: bytes) -> None:
        if order.signature is None:
            return
        certificate = read_chain(order.certificate or "")[0]
        good = verifies(certificate, order.signature, image)
        if not good or self.plan.fails == "InvalidSignature":
            self._station.security_event("InvalidFirmwareSignature")  # L01.FR.03
            raise StepFailedError("InvalidSignature")
        await self._tell("SignatureVerified", order)

    async def _wait_to_install(self, order: FirmwareOrder) -> None:
        station = self._station
        told = False
        install_at = station.to_station_time(order.install_at) if order.install_at else None
        if install_at is not None and install_at > station.clock.now():
            await self._tell("InstallScheduled", order)
            told = True
            await station.clock.sleep_until(install_at)
        if station.ledger.running():
            if not told:
                await self._tell("InstallScheduled", order)
            await station.until(lambda: not station.ledger.running(), None)

    async def _install(self, order: FirmwareOrder) -> None:
        station = self._station
        self._installing = True
        closed = self._close_connectors()
        try:
            await self._tell("Installing", order)
            await station.clock.sleep(self.plan.install_seconds)
            if self.plan.fails in ("InstallationFailed", "InstallVerificationFailed"):
                raise StepFailedError(self.plan.fails)
            await self._tell("InstallRebooting", order)
            self.version = self.plan.next_version or _counted_up(self.version)
        finally:
            self._installing = False
            for connector in closed:
                station.apply_availability(connector, True)
        await station.reboot("FirmwareUpdate", "Reboot")

    def _close_connectors(self) -> list[Connector]:
        """L01.FR.07: nobody starts to charge meanwhile."""
        station = self._station
        free = [c for c in station.connectors.values() if c.operative and c.transaction is None]
        for connector in free:
            station.apply_availability(connector, False)
        return free

    async def _tell(self, status: str, order: FirmwareOrder) -> None:
        self._last = (status, order.request_id)
        self._station.emit("firmware", status=status)
        await self._say(status, order.request_id, signed=order.request_id is not None)

    async def _say(self, status: str, request_id: int | None, *, signed: bool) -> None:
        said = self._station.dialect.firmware_status(status, request_id, signed=signed)
        if said is not None:
            await self._station.say(said)

    def _certificate_good(self, pem: str) -> bool:
        try:
            chain = read_chain(pem)
        except ValueError:
            return False
        return self._station.certificates.trusts(chain, MANUFACTURER_ROOT, self._station.real_now())


def verifies(certificate: x509.Certificate, signature: str, image: bytes) -> bool:
    """Whether it is the file's signature: RSA-PSS, or on an elliptic curve ECDSA, with SHA256.

    The standard's EC-Schnorr (L01.FR.04) is in no library that we know.
    """
    key = certificate.public_key()
    try:
        raw = base64.b64decode(signature, validate=True)
        if isinstance(key, rsa.RSAPublicKey):
            pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO)
            key.verify(raw, image, pss, SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(raw, image, ec.ECDSA(SHA256()))
        else:
            return False
    except (InvalidSignature, binascii.Error):
        return False
    return True


def _counted_up(version: str) -> str:
    head, _, last = version.rpartition(".")
    if not last.isdecimal():
        return f"{version}.1"
    counted = str(int(last) + 1)
    return f"{head}.{counted}" if head else counted
