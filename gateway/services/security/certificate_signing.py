"""SignCertificate: checked, signed by the authority, and answered with CertificateSigned.

A request is kept before it is accepted, so neither a crash nor an authority that is away loses
it: it is tried again with growing pauses, and whoever holds the charge point's next connection
goes on with it. What cannot be signed is refused at once (A02.FR.12); what was accepted and then
is not signed, or not taken, becomes a security event for the operator. Nothing ends in silence.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import structlog
from cryptography import x509
from prometheus_client import Counter

from gateway.domain.certificates import (
    MAX_CHAIN,
    CertificateSigningRequested,
    SendCertificate,
    SigningUse,
)
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.commands import CommandOutcome
from gateway.domain.party import Party
from gateway.domain.security_events import OwnEvent
from gateway.domain.timestamps import from_text, to_text
from gateway.services.ports import Station
from gateway.services.security.allowances import Allowances
from gateway.services.security.certificate_authority import (
    AuthorityUnavailable,
    CertificateAuthority,
    SigningOrder,
    SigningRefused,
)
from gateway.services.security.certificate_requests import BadRequest, checked
from gateway.services.security.certificate_templates import pem
from gateway.services.security.security_events import SecurityEvents
from gateway.services.stations import settings_access
from gateway.services.stations.initiative import Occasion
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import OCPP_16, StationState
from gateway.store import Fenced, Store, StoreError

log = structlog.get_logger(__name__)

SIGNING, CERTIFICATE = "signing", "certificate"  # the pieces of a station's state
_CALL_SECONDS = 30.0
_MAX_PAUSE = 300.0
_ATTEMPTS = 30  # about two hours with those pauses
_KEPT_FOR = timedelta(days=1)
# A charge point repeats a request after CertSigningWaitMinimum; one that asks more often is sick.
_BURST, _SECONDS_EACH = 10, 360.0

_REQUESTS = Counter(
    "gateway_certificate_requests_total", "Certificate signing requests", ["outcome"]
)


class CertificateSigning:
    """Certificate signing requests of the stations on this node."""

    def __init__(
        self,
        store: Store,
        router: StationRouter,
        authority: CertificateAuthority,
        security_events: SecurityEvents,
        organization: Callable[[Party], str],
        now: Callable[[], datetime],
        first_pause: float = 1.0,
    ) -> None:
        self._store = store
        self._router = router
        self._authority = authority
        self._events = security_events
        self._organization = organization
        self._now = now
        self._first_pause = first_pause
        self._allowances = Allowances(_BURST, _SECONDS_EACH)
        self._running: dict[str, tuple[StationState, asyncio.Task[None]]] = {}

    async def requested(self, state: StationState, event: CertificateSigningRequested) -> bool:
        """Whether the certificate will come (A02.FR.11); then it follows in the background."""
        use = event.use or SigningUse.CHARGING_STATION
        if not self._authority.signs(use):
            _REQUESTS.labels("refused").inc()
            log.info("nobody signs this certificate", charge_point=state.identity, use=use)
            return False
        if self._allowances.take(state.identity, self._now()) is None:
            return await self._refused(state, "it asks for certificates too often")
        if use == SigningUse.CHARGING_STATION:
            try:
                checked(event.csr, names_of(state.record), self._organization(state.party))
            except BadRequest as bad:
                return await self._refused(state, str(bad))
        pending = {
            "csr": event.csr,
            "use": event.use,
            "request_id": event.request_id,
            "at": to_text(self._now()),
        }
        self._stop(state.identity)
        await self._put(state, SIGNING, pending)
        self._begin(state, event)
        return True

    async def resume(self, state: StationState, station: Station, occasion: Occasion) -> None:
        """Go on with a request that an earlier connection or process has accepted."""
        running = self._running.get(state.identity)
        if running is not None and running[0] is state:
            return
        found = await self._store.party(state.party).stations.load(state.identity)
        pending = found.get(SIGNING)
        if pending is None:
            return
        if self._now() - from_text(pending["at"]) > _KEPT_FOR:
            await self._put(state, SIGNING, None)
            return
        event = CertificateSigningRequested(pending["csr"], pending["use"], pending["request_id"])
        self._begin(state, event)

    async def close(self) -> None:
        """Stop everything; what is not done stays pending."""
        running = [task for _, task in self._running.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _begin(self, state: StationState, event: CertificateSigningRequested) -> None:
        self._stop(state.identity)
        task = asyncio.create_task(self._answer(state, event), name="certificate signing")
        self._running[state.identity] = state, task
        task.add_done_callback(lambda done: self._finished(state.identity, done))

    def _stop(self, identity: str) -> None:
        """The newest request of a station is the one that counts."""
        earlier = self._running.pop(identity, None)
        if earlier is not None:
            earlier[1].cancel()

    def _finished(self, identity: str, task: "asyncio.Task[None]") -> None:
        running = self._running.get(identity)
        if running is not None and running[1] is task:
            del self._running[identity]
        if not task.cancelled() and task.exception() is not None:
            log.error("signing failed", charge_point=identity, exc_info=task.exception())

    async def _answer(self, state: StationState, event: CertificateSigningRequested) -> None:
        try:
            chain = await self._signed(state, event)
            if chain is not None:
                await self._send(state, event, chain)
        except Fenced:
            log.info("signing goes on with the newer connection", charge_point=state.identity)
        except StoreError as error:
            log.warning("signing waits", charge_point=state.identity, reason=repr(error))

    async def _signed(self, state: StationState, event: CertificateSigningRequested) -> str | None:
        """The chain, however long the authority takes to come back; None when there is none."""
        order = SigningOrder(state.identity, event.csr, event.use or SigningUse.CHARGING_STATION)
        for pause in itertools.islice(_pauses(self._first_pause), _ATTEMPTS):
            try:
                return await self._authority.sign(order)
            except SigningRefused as refused:
                await self._not_issued(state, f"the authority refused it: {refused}")
                return None
            except AuthorityUnavailable as away:
                _REQUESTS.labels("waiting").inc()
                log.error(
                    "certificate authority does not answer",
                    charge_point=state.identity,
                    reason=str(away),
                )
                if pause == self._first_pause:
                    await self._note(state, OwnEvent.CERTIFICATE_NOT_ISSUED, f"waiting: {away}")
            await asyncio.sleep(pause)
            if self._station(state) is None:
                return None  # it stays pending: the next connection goes on with it
        await self._not_issued(state, "the authority did not answer")
        return None

    async def _send(
        self, state: StationState, event: CertificateSigningRequested, chain: str
    ) -> None:
        station = self._station(state)
        if station is None:
            return
        fitting = fitted(chain, await _chain_limit(state, station))
        if fitting is None:
            await self._not_issued(state, "the chain is longer than the charge point takes")
            return
        command = SendCertificate(fitting, event.use, event.request_id)
        reply = await station.execute(command, _CALL_SECONDS)
        unheard = reply.outcome is CommandOutcome.FAILED and not reply.status and not reply.data
        if unheard or reply.outcome is CommandOutcome.TIMEOUT:
            return  # it stays pending: the next connection has it sent again
        leaf = x509.load_pem_x509_certificate(chain.encode())
        if reply.accepted:
            await self._installed(state, event.use, leaf)
        else:
            _REQUESTS.labels("not accepted").inc()
            said = reply.status or reply.outcome.value
            await self._note(state, OwnEvent.CERTIFICATE_NOT_ACCEPTED, f"it answered {said}")
        await self._put(state, SIGNING, None)

    async def _installed(
        self, state: StationState, use: str | None, leaf: x509.Certificate
    ) -> None:
        _REQUESTS.labels("installed").inc()
        log.info("certificate installed", charge_point=state.identity, use=use)
        if use not in (None, SigningUse.CHARGING_STATION):
            return
        end = leaf.not_valid_after_utc
        installed = {
            "serial_number": f"{leaf.serial_number:x}",
            "subject": leaf.subject.rfc4514_string(),
            "not_after": to_text(end),
            "at": to_text(self._now()),
        }
        await self._put(state, CERTIFICATE, installed)
        await self._store.certificates.expires(state.identity, end)

    def _station(self, state: StationState) -> Station | None:
        """The station, as long as this connection lasts."""
        here = self._router.local(state.identity)
        return here[1] if here is not None and here[0] is state else None

    async def _refused(self, state: StationState, why: str) -> bool:
        _REQUESTS.labels("refused").inc()
        await self._note(state, OwnEvent.SIGNING_REQUEST_REFUSED, why)
        return False

    async def _not_issued(self, state: StationState, why: str) -> None:
        _REQUESTS.labels("not issued").inc()
        await self._note(state, OwnEvent.CERTIFICATE_NOT_ISSUED, why)
        await self._put(state, SIGNING, None)

    async def _note(self, state: StationState, event: OwnEvent, info: str) -> None:
        await self._events.noted(state.identity, state.party, event, info)

    async def _put(self, state: StationState, field: str, value: dict[str, Any] | None) -> None:
        party = self._store.party(state.party)
        change = party.change(state.fence)
        party.stations.put(change, state.identity, field, value)
        await self._store.commit(change)


def names_of(record: ChargePointRecord) -> frozenset[str]:
    """What this charge point's certificate may be named after.

    Never the serial number that a station has told in its boot: it could tell another one's, and
    get a certificate to be that one.
    """
    return frozenset({record.certificate_name})


def fitted(chain: str, limit: int) -> str | None:
    """The chain within `limit` characters, if need be without its root; None when too long.

    The sub-CA certificates stay: CertificateSigned "SHALL also contain the necessary" ones.
    """
    if len(chain) <= limit:
        return chain
    certificates = x509.load_pem_x509_certificates(chain.encode())
    shorter = "".join(
        pem(one)
        for place, one in enumerate(certificates)
        if place == 0 or one.issuer != one.subject
    )
    return shorter if len(shorter) <= limit else None


async def _chain_limit(state: StationState, station: Station) -> int:
    """What the station says it takes, in the name of its version; the schema's bound at most."""
    name = (
        "CertificateSignedMaxChainSize"
        if state.protocol == OCPP_16
        else "SecurityCtrlr.MaxCertificateChainSize"
    )
    said = await settings_access.read(station, [name])
    text = said.values.get(name, "").strip()
    told = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    return min(told, MAX_CHAIN) if told > 0 else MAX_CHAIN


def _pauses(first: float) -> Iterator[float]:
    pause = first
    while True:
        yield pause
        pause = min(2 * pause, _MAX_PAUSE)
