"""A boot over a client certificate (security profile 3): whose it is, and whether it counts."""

from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.domain.boot import RegistrationStatus
from gateway.domain.security_events import OwnEvent
from gateway.ocpp.dialect import Handler, Payload
from gateway.ocpp.handlers import boot_answer
from gateway.services.security.certificate_renewal import CertificateRenewal
from gateway.services.security.security_events import SecurityEvents
from gateway.services.stations.provisioning import BootDecision
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import OCPP_16, StationState
from gateway.store import Fenced

log = structlog.get_logger(__name__)

RENEWAL_SECONDS = 30  # until a station whose certificate has expired boots again


class CertifiedBoot:
    """BootNotification for stations that have shown a client certificate."""

    def __init__(
        self,
        boot: Handler,
        router: StationRouter,
        renewal: CertificateRenewal,
        events: SecurityEvents,
        now: Callable[[], datetime],
    ) -> None:
        self._boot = boot
        self._router = router
        self._renewal = renewal
        self._events = events
        self._now = now

    async def handle(self, state: StationState, payload: Payload) -> Payload:
        """Let those through that are who their certificate says; raises `Fenced` for others."""
        certificate = state.certificate
        if certificate is None:
            return await self._boot(state, payload)
        if state.protocol != OCPP_16:
            serial_number = payload["chargingStation"].get("serialNumber")
            if serial_number != certificate.common_name:
                # 2.0.1 B01.FR.11 and .12: close, and nothing of it is kept
                raise await self._refused(state)
        if certificate.expired:
            return self._renew(state)
        return await self._boot(state, payload)

    async def _refused(self, state: StationState) -> Fenced:
        """The connection is closed; what is to be raised, so that nothing more is done or said."""
        info = "BootNotification names another serial number than the certificate"
        await self._events.noted(
            state.identity, state.party, OwnEvent.CLIENT_CERTIFICATE_REFUSED, info
        )
        here = self._router.local(state.identity)
        if here is not None and here[0] is state:
            await here[1].close("serial number and certificate differ")
        return Fenced(state.identity, state.fence.epoch, None)

    def _renew(self, state: StationState) -> Payload:
        """2.0.1 A00.FR.429: Pending, and a new certificate before anything else."""
        state.boot_accepted, state.boot_answer = False, RegistrationStatus.PENDING
        here = self._router.local(state.identity)
        if here is not None and here[0] is state:
            self._renewal.expired(*here)
        log.warning("booted with an expired certificate", charge_point=state.identity)
        return boot_answer(BootDecision(RegistrationStatus.PENDING, RENEWAL_SECONDS, self._now()))
