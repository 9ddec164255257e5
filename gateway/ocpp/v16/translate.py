"""OCPP 1.6 wire <-> domain. In 1.6 one connector is one EVSE: `connectorId` is the EVSE's id."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import structlog

from gateway.domain import timestamps
from gateway.domain.commands import CommandOutcome
from gateway.domain.events import (
    Booted,
    ConnectorState,
    ConnectorStatusReported,
    MeterReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.metering.meter import Measurand, Reading, ReadingContext, Sample
from gateway.domain.tokens import Authorization, AuthorizationStatus, TokenRef, fitted
from gateway.ocpp import wire
from gateway.ocpp.dialect import Refused

log = structlog.get_logger(__name__)

Payload = dict[str, Any]

MAX_ID_TAG = 20  # CiString20Type

# ChargePointStatus (4.9): the same words on both sides, because the domain's are their union.
CONNECTOR_STATES: Mapping[str, ConnectorState] = {
    "Available": ConnectorState.AVAILABLE,  # free for a new user
    "Preparing": ConnectorState.PREPARING,  # tag or cable there, no transaction yet
    "Charging": ConnectorState.CHARGING,  # the contactor is closed
    "SuspendedEVSE": ConnectorState.SUSPENDED_EVSE,  # the EVSE offers no energy
    "SuspendedEV": ConnectorState.SUSPENDED_EV,  # the EV takes none
    "Finishing": ConnectorState.FINISHING,  # transaction over, cable or car still there
    "Reserved": ConnectorState.RESERVED,  # has its own word in OCPI too
    "Unavailable": ConnectorState.UNAVAILABLE,  # inoperative by command
    "Faulted": ConnectorState.FAULTED,  # inoperative by error
}

# AuthorizationStatus (7.2) has five words for our seven.
ID_TAG_STATUSES: Mapping[AuthorizationStatus, str] = {
    AuthorizationStatus.ACCEPTED: "Accepted",
    AuthorizationStatus.BLOCKED: "Blocked",
    AuthorizationStatus.EXPIRED: "Expired",
    AuthorizationStatus.INVALID: "Invalid",
    AuthorizationStatus.CONCURRENT_TX: "ConcurrentTx",
    # "Identifier has been blocked. Not allowed for charging": what an empty account amounts to.
    AuthorizationStatus.NO_CREDIT: "Blocked",
    # A known token that does not count here: the station must not take it for blocked elsewhere.
    AuthorizationStatus.NOT_ALLOWED_AT_LOCATION: "Invalid",
}

# RemoteStartStopStatus (7.39), for start and stop alike.
REMOTE_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,  # the station will try
    "Rejected": CommandOutcome.REJECTED,  # it says no more than that
}


def booted(payload: Payload) -> Booted:
    """BootNotification.req."""
    wire.tally.noticed += 1  # whoever boots is looked at
    return Booted(
        vendor=payload["chargePointVendor"],
        model=payload["chargePointModel"],
        # chargeBoxSerialNumber is deprecated but the only one that older stations send.
        serial_number=payload.get("chargePointSerialNumber")
        or payload.get("chargeBoxSerialNumber"),
        firmware_version=payload.get("firmwareVersion"),
        meter_serial_number=payload.get("meterSerialNumber") or None,
    )


def status(payload: Payload) -> ConnectorStatusReported:
    """StatusNotification.req."""
    return ConnectorStatusReported(
        evse_id=wire.evse_number(payload["connectorId"], "connectorId"),
        connector_id=1,
        state=CONNECTOR_STATES[payload["status"]],
        at=wire.optional_time(payload),
        error_code=payload["errorCode"],
        info=payload.get("info"),
    )


def token(id_tag: str) -> TokenRef:
    """An idTag; 1.6 does not say what kind of token it is."""
    return TokenRef(id_tag)


def started(payload: Payload) -> TransactionStarted:
    """StartTransaction.req."""
    return TransactionStarted(
        evse_id=wire.evse_number(payload["connectorId"], "connectorId"),
        token=token(payload["idTag"]),
        at=wire.time(payload),
        meter_start_wh=Decimal(wire.integer(payload, "meterStart")),
        reservation_id=wire.optional_integer(payload, "reservationId"),
    )


def stopped(payload: Payload) -> TransactionStopped:
    """StopTransaction.req; an empty idTag is an absent one."""
    id_tag = payload.get("idTag")
    return TransactionStopped(
        transaction_id=str(wire.integer(payload, "transactionId")),
        at=wire.time(payload),
        meter_stop_wh=Decimal(wire.integer(payload, "meterStop")),
        # it "MAY be omitted and the Reason SHOULD be assumed 'Local'" (4.10): kept as it was said.
        reason=payload.get("reason"),
        token=token(id_tag) if id_tag else None,
        readings=_history(payload.get("transactionData", ())),
    )


def _history(meter_values: Any) -> tuple[Reading, ...]:
    """transactionData; a value without a readable time must not lose the stop (ocpp-rules 10)."""
    kept: list[Reading] = []
    for meter_value in meter_values:
        try:
            kept.extend(wire.readings((meter_value,), sample))
        except Refused as refused:
            log.warning("meter value left out of a stop", reason=str(refused))
    return tuple(kept)


def metered(payload: Payload) -> MeterReported:
    """MeterValues.req; without transactionId none is guessed (ocpp-rules 12)."""
    transaction_id = wire.optional_integer(payload, "transactionId")
    if transaction_id is None:
        wire.tally.noticed += 1  # it may be meant for one
    return MeterReported(
        wire.evse_number(payload["connectorId"], "connectorId"),
        wire.readings(payload["meterValue"], sample),
        None if transaction_id is None else str(transaction_id),
    )


def sample(sampled: Payload) -> Sample:
    """A SampledValue with the defaults of 7.43 (ocpp-rules 11)."""
    get = sampled.get
    named = get("measurand")
    measurand = wire.MEASURANDS[named] if named else Measurand.ENERGY_IMPORT_REGISTER
    taken = get("context")
    context = wire.CONTEXTS[taken] if taken else ReadingContext.PERIODIC
    text = sampled["value"]
    if get("format") == "SignedData":
        # "opaque" (3.16): a data set, its hex or base64, or JSON around it; never a number.
        signed = wire.signed(text)
        return Sample(measurand, None, context, get("phase"), get("location", "Outlet"), signed)
    value = wire.number(text)
    if value is not None:
        value = wire.in_base_unit(value, get("unit"))
    return Sample(measurand, value, context, get("phase"), get("location", "Outlet"))


def id_tag_info(authorization: Authorization) -> Payload:
    """IdTagInfo (7.25): expiry and parent only when known and when they fit."""
    info: Payload = {}
    if authorization.expires_at is not None:
        info["expiryDate"] = timestamps.to_text(authorization.expires_at)
    if authorization.group:
        # fitted alike in every answer: the station only compares it
        info["parentIdTag"] = fitted(authorization.group, MAX_ID_TAG)
    info["status"] = ID_TAG_STATUSES[authorization.status]
    return info
