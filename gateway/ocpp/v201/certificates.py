"""Block M, ISO 15118 certificate management, and the root certificates of all uses."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from gateway.domain.certificates import (
    CertificateStatusRequested,
    CertificateUse,
    ContractCertificateRequested,
    DeleteCertificate,
    InstallCertificate,
    InstalledCertificate,
    ListAllCertificates,
    ListCertificates,
)
from gateway.domain.commands import CommandReply
from gateway.ocpp import security_messages
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.services.access.vehicle_certificates import VehicleCertificates
from gateway.services.stations.station_state import StationState

MAX_EXI_RESPONSE = 7_500  # characters of base64
MAX_OCSP_RESULT = 5_500

# Never installed by us: the chain comes with CertificateSigned.
INSTALLABLE = frozenset(CertificateUse) - {CertificateUse.V2G_CHAIN}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    vehicles = services.vehicle_certificates
    return {
        "Get15118EVCertificate": partial(ev_certificate, vehicles, MAX_EXI_RESPONSE),
        "GetCertificateStatus": partial(certificate_status, vehicles, MAX_OCSP_RESULT),
    }


async def ev_certificate(
    vehicles: VehicleCertificates, longest: int, state: StationState, payload: Payload
) -> Payload:
    """Get15118EVCertificateRequest (M01, M02): the pool behind the hook answers, or Failed."""
    event = ContractCertificateRequested(
        payload["iso15118SchemaVersion"],
        payload["action"],
        payload["exiRequest"],
        payload.get("maximumContractCertificateChains"),
        tuple(payload.get("prioritizedEMAIDs") or ()),
    )
    answer = await vehicles.contract_certificate(state, event, longest)
    if answer is None:
        return {"status": "Failed", "exiResponse": ""}
    reply: Payload = {"status": "Accepted", "exiResponse": answer.exi_response}
    if answer.remaining_contracts is not None and event.maximum_contract_chains is not None:
        reply["remainingContracts"] = answer.remaining_contracts
    return reply


async def certificate_status(
    vehicles: VehicleCertificates, longest: int, state: StationState, payload: Payload
) -> Payload:
    """GetCertificateStatusRequest (M06): the responder's own answer, base64 of its DER."""
    result = await vehicles.ocsp_result(status_requested(payload["ocspRequestData"]), longest)
    return {"status": "Failed"} if result is None else {"status": "Accepted", "ocspResult": result}


def status_requested(data: Mapping[str, Any]) -> CertificateStatusRequested:
    """OCSPRequestDataType, as GetCertificateStatus and Authorize have it."""
    return CertificateStatusRequested(security_messages.hash_data(data), data["responderURL"])


def install_certificate(command: InstallCertificate) -> Asked | None:
    """InstallCertificateRequest (M05)."""
    if command.use not in INSTALLABLE:
        return None
    return security_messages.install_certificate(command.use, command)


def installed_certificate_ids(command: ListCertificates) -> Asked:
    """GetInstalledCertificateIdsRequest for one use (M03)."""
    payload = {"certificateType": [command.use]}
    return Asked("GetInstalledCertificateIds", payload, _listed)


def all_certificate_ids(_command: ListAllCertificates) -> Asked:
    """GetInstalledCertificateIdsRequest; without a type it is about all (TC_M_18_CSMS)."""
    return Asked("GetInstalledCertificateIds", {}, _listed)


def _listed(answer: Payload) -> CommandReply:
    found = [
        InstalledCertificate(
            one["certificateType"],
            security_messages.hash_data(one["certificateHashData"]),
            tuple(map(security_messages.hash_data, one.get("childCertificateHashData") or [])),
        )
        for one in answer.get("certificateHashDataChain") or []
    ]
    return security_messages.listing(str(answer.get("status")), found)


BLOCK = Block(
    routes,
    {
        InstallCertificate: install_certificate,
        DeleteCertificate: security_messages.delete_certificate,
        ListCertificates: installed_certificate_ids,
        ListAllCertificates: all_certificate_ids,
    },
)
