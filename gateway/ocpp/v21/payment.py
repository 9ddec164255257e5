"""What 2.1 adds to block C: settlements of ad hoc payments, VAT numbers, payment pages."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.payments import (
    Company,
    NotifyWebPayment,
    SettlementReported,
    SettlementStatus,
    VatNumberAsked,
)
from gateway.ocpp import wire
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.services.billing.payments import Payments
from gateway.services.stations.provisioning import Provisioning
from gateway.services.stations.station_state import StationState

# AddressType; ours are the same in other letters.
_ADDRESS = {
    "name": "name",
    "address1": "address1",
    "address2": "address2",
    "city": "city",
    "postalCode": "postal_code",
    "country": "country",
}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    both = (services.provisioning, services.payments)
    return {
        "NotifySettlement": partial(notify_settlement, *both),
        "VatNumberValidation": partial(vat_number_validation, *both),
    }


async def notify_settlement(
    provisioning: Provisioning, payments: Payments, state: StationState, payload: Payload
) -> Payload:
    """NotifySettlementRequest: kept, then answered with the operator's receipt, if there is one."""
    await provisioning.keep(state, "NotifySettlement", payload)
    receipt = await payments.settled(state, settlement(payload))
    if receipt is None:
        return {}
    said = {"receiptUrl": receipt.url, "receiptId": receipt.id}
    return {name: text for name, text in said.items() if text is not None}


async def vat_number_validation(
    provisioning: Provisioning, payments: Payments, state: StationState, payload: Payload
) -> Payload:
    """VatNumberValidationRequest: accepted only if somebody knows whose it is."""
    await provisioning.keep(state, "VatNumberValidation", payload)
    asked = VatNumberAsked(payload["vatNumber"], payload.get("evseId"))
    company = await payments.company(state, asked)
    said: Payload = {name: payload[name] for name in ("vatNumber", "evseId") if name in payload}
    if company is None:
        return {**said, "status": "Rejected"}
    return {**said, "status": "Accepted", "company": _address(company)}


def settlement(payload: Payload) -> SettlementReported:
    """NotifySettlementRequest in our words."""
    address = payload.get("vatCompany")
    return SettlementReported(
        psp_ref=payload["pspRef"],
        status=SettlementStatus(payload["status"]),
        amount=Decimal(payload["settlementAmount"]),
        at=wire.time(payload, "settlementTime"),
        transaction_id=payload.get("transactionId") or None,  # "can be empty"
        info=payload.get("statusInfo"),
        receipt_id=payload.get("receiptId"),
        receipt_url=payload.get("receiptUrl"),
        vat_number=payload.get("vatNumber"),
        company=None if address is None else _company(address),
    )


def _company(address: Payload) -> Company:
    return Company(
        **{ours: address[theirs] for theirs, ours in _ADDRESS.items() if theirs in address}
    )


def _address(company: Company) -> Payload:
    said = {theirs: getattr(company, ours) for theirs, ours in _ADDRESS.items()}
    return {name: text for name, text in said.items() if text is not None}


def notify_web_payment(command: NotifyWebPayment) -> Asked:
    """NotifyWebPaymentStartedRequest; its answer is empty."""
    payload = {"evseId": command.evse_id, "timeout": command.timeout}
    return Asked("NotifyWebPaymentStarted", payload, _taken)


def _taken(_answer: Payload) -> CommandReply:
    return CommandReply(CommandOutcome.ACCEPTED)


BLOCK = Block(routes, {NotifyWebPayment: notify_web_payment})
