"""ISO 15118: contract certificates through the operator's hook, and certificate status by OCSP."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from gateway.domain.certificates import (
    CertificateState,
    CertificateStatus,
    CertificateStatusRequested,
    ContractCertificateRequested,
)
from gateway.services.security.ocsp import Responders
from gateway.services.stations.station_state import StationState

log = structlog.get_logger(__name__)

_HOOK_SECONDS = 25.0  # a vehicle waits 60 s at most in ISO 15118, a station 30 s for us

# AuthorizeCertificateStatusEnumType, the worst of a chain first.
_WORST_FIRST = (
    (CertificateState.REVOKED, "CertificateRevoked"),
    (CertificateState.UNKNOWN, "NoCertificateAvailable"),  # its issuer never made it
    (CertificateState.FAILED, "CertChainError"),  # nobody could vouch for it
)


@dataclass(frozen=True, slots=True)
class ContractCertificate:
    """What the pool answers: EXI in base64, and in 2.1 how many more contracts there are."""

    exi_response: str
    remaining_contracts: int | None = None


Hook = Callable[[str, ContractCertificateRequested], Awaitable[ContractCertificate | None]]
"""`async (identity, request) -> ContractCertificate`, None when there is none."""


class VehicleCertificates:
    """What vehicles and their contracts need of certificates."""

    def __init__(
        self, responders: Responders, hook: Hook | None = None, timeout: float = _HOOK_SECONDS
    ) -> None:
        self._responders = responders
        self._hook = hook
        self._timeout = timeout

    async def contract_certificate(
        self, state: StationState, event: ContractCertificateRequested, longest: int
    ) -> ContractCertificate | None:
        """The contract certificate that the operator's pool has for this vehicle, or None."""
        if self._hook is None:
            return None
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._hook(state.identity, event)
        except Exception as error:  # whatever the operator's code raises, the vehicle is answered
            log.error(
                "contract certificate hook failed", charge_point=state.identity, reason=repr(error)
            )
            return None
        if answer is not None and len(answer.exi_response) > longest:
            log.error("contract certificate is too long", charge_point=state.identity)
            return None
        return answer

    async def ocsp_result(self, asked: CertificateStatusRequested, longest: int) -> str | None:
        """The responder's answer in base64, None when there is none that a station can take."""
        found = await self._responders.status(asked)
        if found.response is None:
            return None
        text = base64.b64encode(found.response).decode()
        return text if len(text) <= longest else None

    async def status(self, asked: CertificateStatusRequested) -> CertificateStatus:
        """What is known of one certificate."""
        return await self._responders.status(asked)

    async def status_of(self, chain: Sequence[CertificateStatusRequested]) -> str:
        """The `certificateStatus` of Authorize (C07): one bad certificate spoils the chain."""
        if not chain:
            return "NoCertificateAvailable"
        found = await asyncio.gather(*(self._responders.status(one) for one in chain))
        states = {one.state for one in found}
        return next((word for state, word in _WORST_FIRST if state in states), "Accepted")
