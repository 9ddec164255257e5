"""Who gets through the door: everything that is decided before the upgrade.

Every refusal for want of credentials looks the same, whether the charge point is unknown,
disabled, or its password wrong: a 404 for the unknown ones, which OCPP-J suggests, would tell
which identities exist.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

import structlog
from prometheus_client import Counter
from websockets.http11 import Request, Response

from gateway.domain.charge_points import ChargePointRecord, PresentedCertificate
from gateway.ocpp.handshake import basic_credentials, identity_of
from gateway.ocpp.limits import LoginLimiter
from gateway.ocpp.socket import ChargePointSocket
from gateway.services.security.logins import Attempt, ConnectionRefused, Login, Logins
from gateway.store import StoreError

log = structlog.get_logger(__name__)

LOGINS = Counter("gateway_ocpp_logins", "Upgrade requests of charge points", ["outcome"])

_LEGACY = ("TLSv1", "TLSv1.1")
_VERIFYING = 16  # passwords verified at the same time; the rest wait for their turn


@dataclass(frozen=True, slots=True)
class Admitted:
    """A charge point that may connect, where it comes from, and what it proved itself with."""

    record: ChargePointRecord
    remote: str
    certificate: PresentedCertificate | None = None
    legacy_tls: bool = False


class Admission:
    """Decides about upgrade requests."""

    def __init__(self, logins: Logins, limiter: LoginLimiter) -> None:
        self._logins = logins
        self._limiter = limiter
        self._verifying = asyncio.Semaphore(_VERIFYING)

    async def decide(self, socket: ChargePointSocket, request: Request) -> Admitted | Response:
        """The charge point, or what to answer instead of an upgrade."""
        address = _address(socket)
        identity = identity_of(request.path)
        if identity is None:
            LOGINS.labels("no identity").inc()
            return socket.respond(HTTPStatus.NOT_FOUND, "No charge point here.\n")
        attempt = _attempt(socket, request, identity)
        proof = attempt.certificate if attempt.password is None else attempt.password
        now = socket.loop.time()
        if not self._limiter.allows(address, identity, proof, now):
            LOGINS.labels("too many").inc()
            return too_many(socket)
        try:
            login = await self._verified(attempt)
        except ConnectionRefused as refused:
            self._limiter.failed(address, identity, proof, now)
            LOGINS.labels("refused").inc()
            log.warning(
                "charge point refused",
                charge_point=identity,
                reason=refused.reason,
                remote=address,
            )
            return _unauthorized(socket)
        except StoreError as error:
            LOGINS.labels("store away").inc()
            log.error("charge point turned away", charge_point=identity, reason=repr(error))
            return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Try again later.\n")
        self._limiter.succeeded(identity, proof)
        LOGINS.labels("accepted").inc()
        return Admitted(login.record, address, login.certificate, attempt.legacy_tls)

    async def _verified(self, attempt: Attempt) -> Login:
        async with self._verifying:
            return await self._logins.authenticate(attempt)


def _attempt(socket: ChargePointSocket, request: Request, identity: str) -> Attempt:
    """What is shown. A client certificate is what TLS says; a header is anybody's word."""
    password, well_formed = _password(request, identity)
    tls = socket.transport.get_extra_info("ssl_object")
    if tls is None:
        return Attempt(identity, password, well_formed=well_formed)
    return Attempt(
        identity,
        password,
        secure=True,
        legacy_tls=tls.version() in _LEGACY,
        certificate=tls.getpeercert(binary_form=True),
        well_formed=well_formed,
    )


def _password(request: Request, identity: str) -> tuple[bytes | None, bool]:
    """The password, and whether the header is fit to be verified.

    The user name must be the identity, to the letter (A00.FR.204 and .207).
    """
    headers = request.headers.get_all("Authorization")
    if not headers:
        return None, True
    credentials = basic_credentials(headers[0]) if len(headers) == 1 else None
    if credentials is None:
        return None, False
    user, password = credentials
    return password, user == identity.encode()


def too_many(socket: ChargePointSocket) -> Response:
    """The answer to one attempt too many."""
    response = socket.respond(HTTPStatus.TOO_MANY_REQUESTS, "Try again later.\n")
    response.headers["Retry-After"] = "60"
    return response


def _unauthorized(socket: ChargePointSocket) -> Response:
    response = socket.respond(HTTPStatus.UNAUTHORIZED, "Unauthorized.\n")
    response.headers["WWW-Authenticate"] = 'Basic realm="OCPP", charset="UTF-8"'
    return response


def _address(socket: ChargePointSocket) -> str:
    # Headers such as X-Forwarded-For are anybody's word: the socket's own address counts.
    remote = socket.remote_address
    return str(remote[0]) if remote else "unknown"
