"""Certificates that charge points have installed, asked of them live, and their renewal."""

from dataclasses import asdict
from typing import Any

from pydantic import Field

from gateway.admin.bodies import Body
from gateway.admin.calls import Answer, Call, Query, Route
from gateway.admin.errors import InTheWay, Invalid, NoAnswer, NotFound
from gateway.admin.services import Services
from gateway.domain.certificates import CertificateUse, HashData, InstalledCertificate, SigningUse
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.services.security.certificate_signing import CERTIFICATE, SIGNING
from gateway.services.security.certificates import (
    Ambiguous,
    LastRoot,
    NotAnswered,
    NotInstalled,
    UnusableCertificate,
)

# 1.6's word, which its operators know
_SYNONYMS = {"CentralSystemRootCertificate": CertificateUse.CSMS_ROOT.value}
_TIMEOUT = 100.0  # seconds: a station may be asked three times


class CertificateBody(Body):
    """`certificate` is one PEM certificate."""

    type: str = Field(description="CSMSRootCertificate, ManufacturerRootCertificate, ...")
    certificate: str = Field(max_length=10_000)


class RenewBody(Body):
    """Which certificate to renew; 1.6 has only the first."""

    type: SigningUse = SigningUse.CHARGING_STATION


class CertificateCalls:
    """`/charge-points/{identity}/certificates`."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._charge_points = services.charge_points
        self._certificates = services.certificates.installed

    async def listing(self, call: Call) -> Answer:
        """What is installed, and what was last issued."""
        record, use = (
            await self._charge_points.registered(call.path["identity"]),
            call.query.get("type"),
        )
        try:
            if use is None:
                found = await self._certificates.all(record.identity)
            else:
                found = await self._certificates.of_use(record.identity, _use(use))
        except NotAnswered as silent:
            raise await self._why(record, silent.reply) from None
        state = await self._store.party(record.party).stations.load(record.identity)
        return Answer(
            {
                "installed": [_shown(one) for one in found],
                "own": state.get(CERTIFICATE),
                "signing": state.get(SIGNING) is not None,
            }
        )

    async def install(self, call: Call) -> Answer:
        """Install a root certificate."""
        record, body = (
            await self._charge_points.registered(call.path["identity"]),
            call.read(CertificateBody),
        )
        use = _use(body.type)
        if use == CertificateUse.V2G_CHAIN:
            raise Invalid("A V2G certificate chain comes with its signing request")
        try:
            reply, hash_data = await self._certificates.install(
                record.identity, use, body.certificate
            )
        except UnusableCertificate as unusable:
            raise Invalid("The certificate is not one to install", [str(unusable)]) from None
        answer = await self._answer(record, reply)
        return Answer(answer | {"hash_data": None if hash_data is None else _hashes(hash_data)})

    async def delete(self, call: Call) -> Answer:
        """Delete an installed certificate, by the hash data that the charge point reports."""
        record = await self._charge_points.registered(call.path["identity"])
        try:
            reply = await self._certificates.delete(
                record.identity,
                call.path["serial_number"],
                call.query.get("issuer_key_hash"),
                confirmed=call.flag("confirm") is True,
            )
        except NotAnswered as silent:
            raise await self._why(record, silent.reply) from None
        except NotInstalled:
            raise NotFound("The charge point has no certificate of this serial number") from None
        except Ambiguous:
            raise InTheWay("Several have this serial number; add issuer_key_hash") from None
        except LastRoot as last:
            raise InTheWay(f"It is the last {last}; add confirm=true to delete it") from None
        return Answer(await self._answer(record, reply))

    async def renew(self, call: Call) -> Answer:
        """Have the charge point make a new key and ask for a certificate."""
        record = await self._charge_points.registered(call.path["identity"])
        body = RenewBody() if call.body is None else call.read(RenewBody)
        reply = await self._certificates.renew(record.identity, body.type)
        return Answer(await self._answer(record, reply))

    async def _answer(self, record: ChargePointRecord, reply: CommandReply) -> dict[str, Any]:
        """The charge point's own word; without one, why there is none."""
        if reply.status is None:
            raise await self._why(record, reply)
        return {"status": reply.status}

    async def _why(self, record: ChargePointRecord, reply: CommandReply) -> NoAnswer | InTheWay:
        if reply.outcome is CommandOutcome.TIMEOUT:
            return NoAnswer("The charge point did not answer in time")
        if reply.outcome is CommandOutcome.NOT_SUPPORTED:
            return InTheWay("The charge point does not know this message")
        if await self._store.party(record.party).stations.route(record.identity) is None:
            return InTheWay("The charge point is not connected")
        said = reply.status or reply.data.get("error")
        if said is None:
            return InTheWay("The message was not sent, or its answer could not be read")
        return InTheWay(f"The charge point refused the message: {said}")

    def routes(self) -> list[Route]:
        """The calls."""
        base = "/charge-points/{identity}/certificates"
        answers = {
            200: "the charge point's answer",
            404: "unknown charge point or certificate",
            409: "not connected, or it cannot do that",
            504: "no answer in time",
        }
        return [
            Route(
                "GET",
                base,
                "What the charge point has installed (asked now), and its own certificate",
                self.listing,
                query=(Query("type", "only this type"),),
                answers=answers | {200: "installed, own, signing"},
                timeout=_TIMEOUT,
            ),
            Route(
                "POST",
                base,
                "Install a root certificate",
                self.install,
                body=CertificateBody,
                answers=answers | {422: "not a certificate to install"},
                timeout=_TIMEOUT,
            ),
            Route(
                "DELETE",
                base + "/{serial_number}",
                "Delete an installed certificate; the last root of a type needs confirm=true",
                self.delete,
                query=(
                    Query("issuer_key_hash", "needed if several have this serial number"),
                    Query("confirm", "true: even the last root of its type", "boolean"),
                ),
                answers=answers,
                timeout=_TIMEOUT,
            ),
            Route(
                "POST",
                base + "/renew",
                "Have the charge point send a new certificate signing request",
                self.renew,
                body=RenewBody,
                answers=answers,
                timeout=_TIMEOUT,
            ),
        ]


def _use(text: str) -> str:
    use = _SYNONYMS.get(text, text)
    if use not in list(CertificateUse):
        raise Invalid("There is no such certificate type", [", ".join(CertificateUse)])
    return use


def _shown(one: InstalledCertificate) -> dict[str, Any]:
    return {
        "type": one.use,
        "hash_data": _hashes(one.hash_data),
        "children": [_hashes(child) for child in one.children],
    }


def _hashes(data: HashData) -> dict[str, str]:
    return asdict(data)
