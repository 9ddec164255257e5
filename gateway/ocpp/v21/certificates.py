"""What 2.1 adds to block M: request ids, longer answers, the status of certificate chains."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

from gateway.domain import timestamps
from gateway.domain.certificates import (
    CertificateState,
    CertificateStatus,
    CertificateStatusRequested,
    SendCertificate,
)
from gateway.ocpp import security_messages
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.v201 import certificates, security
from gateway.services.access.vehicle_certificates import VehicleCertificates
from gateway.services.stations.station_state import StationState

MAX_EXI_RESPONSE = 17_000
MAX_OCSP_RESULT = 18_000
_CHAIN_SECONDS = 20.0


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    vehicles = services.vehicle_certificates
    return {
        "Get15118EVCertificate": partial(certificates.ev_certificate, vehicles, MAX_EXI_RESPONSE),
        "GetCertificateStatus": partial(certificates.certificate_status, vehicles, MAX_OCSP_RESULT),
        "GetCertificateChainStatus": partial(chain_status, vehicles, services.now),
    }


async def chain_status(
    vehicles: VehicleCertificates,
    now: Callable[[], datetime],
    state: StationState,
    payload: Payload,
) -> Payload:
    """GetCertificateChainStatusRequest: OCSP responders are asked, revocation lists are not."""
    requests = payload["certificateStatusRequests"]
    answers = await asyncio.gather(*(_status(vehicles, asked) for asked in requests))
    return {
        "certificateStatus": [
            {
                "certificateHashData": asked["certificateHashData"],
                "source": asked["source"],
                "status": found.state.value,
                "nextUpdate": timestamps.to_text(found.next_update or now()),
            }
            for asked, found in zip(requests, answers, strict=True)
        ]
    }


async def _status(vehicles: VehicleCertificates, asked: Mapping[str, Any]) -> CertificateStatus:
    """What the first responder says that answers in time."""
    found = CertificateStatus(CertificateState.FAILED)
    if asked["source"] != "OCSP":
        return found
    named = security_messages.hash_data(asked["certificateHashData"])
    with suppress(TimeoutError):
        async with asyncio.timeout(_CHAIN_SECONDS):
            for url in asked["urls"]:
                found = await vehicles.status(CertificateStatusRequested(named, url))
                if found.state is not CertificateState.FAILED:
                    break
    return found


def certificate_signed(command: SendCertificate) -> Asked:
    """CertificateSignedRequest; the request's id is echoed (A02.FR.25)."""
    asked = security.certificate_signed(command)
    if command.request_id is not None:
        asked.payload["requestId"] = command.request_id
    return asked


BLOCK = Block(routes, {SendCertificate: certificate_signed})
