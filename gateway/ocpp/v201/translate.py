"""OCPP 2.0.1 wire <-> domain."""

from collections.abc import Mapping
from typing import Any

from gateway import exact_json
from gateway.domain import timestamps
from gateway.domain.commands import CommandOutcome
from gateway.domain.events import (
    Booted,
    ChargingState,
    ConnectorState,
    ConnectorStatusReported,
    MeterReported,
    TransactionPhase,
    TransactionReported,
)
from gateway.domain.metering.meter import Measurand, ReadingContext, Sample
from gateway.domain.tokens import Authorization, AuthorizationStatus, TokenRef, TokenType, fitted
from gateway.ocpp import wire

Payload = dict[str, Any]

MAX_ID_TOKEN = 36  # identifierString[36]

# ConnectorStatusEnumType: five words; charging and suspended come with the transaction
# (ocpp-rules 21).
CONNECTOR_STATES: Mapping[str, ConnectorState] = {
    "Available": ConnectorState.AVAILABLE,  # nothing plugged in, free
    "Occupied": ConnectorState.OCCUPIED,  # plugged in or parked; more the transaction says
    "Reserved": ConnectorState.RESERVED,  # held for one driver
    "Unavailable": ConnectorState.UNAVAILABLE,  # out of service by command
    "Faulted": ConnectorState.FAULTED,  # cannot charge
}

# ChargingStateEnumType: the same words.
CHARGING_STATES: Mapping[str, ChargingState] = {
    "Charging": ChargingState.CHARGING,  # energy flows
    "EVConnected": ChargingState.EV_CONNECTED,  # cable in, not yet authorized or ready
    "SuspendedEV": ChargingState.SUSPENDED_EV,  # offered, not taken
    "SuspendedEVSE": ChargingState.SUSPENDED_EVSE,  # not offered
    "Idle": ChargingState.IDLE,  # no cable
}

# TransactionEventEnumType: the same words.
PHASES: Mapping[str, TransactionPhase] = {
    "Started": TransactionPhase.STARTED,
    "Updated": TransactionPhase.UPDATED,
    "Ended": TransactionPhase.ENDED,
}

# IdTokenEnumType -> the OCPI types such a token can have (ocpp-rules 25).
TOKEN_TYPES: Mapping[str, tuple[TokenType, ...]] = {
    "ISO14443": (TokenType.RFID,),  # a card's UID
    "ISO15693": (TokenType.RFID,),  # a card's UID
    "eMAID": (TokenType.EMAID, TokenType.OTHER),  # OCPI 2.2.1 has no type of its own for it
    # Made by a central system: what a remote start of ours has sent comes back as this.
    "Central": (TokenType.APP_USER, TokenType.AD_HOC_USER, TokenType.OTHER, TokenType.RFID),
    "KeyCode": (TokenType.OTHER,),  # typed in at the station
    "Local": (TokenType.AD_HOC_USER, TokenType.OTHER),  # made by the station, e.g. for a payment
    "MacAddress": (TokenType.OTHER,),  # the car's
    # 2.1, where the type is a free text; some 2.0.1 stations use these words too (ocpp-rules 32).
    "DirectPayment": (TokenType.AD_HOC_USER, TokenType.OTHER),  # a payment terminal's reference
    "EVCCID": (TokenType.OTHER,),  # the car's controller
    "VIN": (TokenType.OTHER,),  # the car's number
}
OF_NO_KNOWN_TYPE = (TokenType.OTHER,)  # "a predefined set of strings for more flexibility" (2.1)

NO_AUTHORIZATION = "NoAuthorization"  # the type of no token at all: always allowed

# OCPI token type -> IdTokenEnumType, for what we ask a station to start with.
ID_TOKEN_TYPES: Mapping[TokenType, str] = {
    TokenType.RFID: "ISO14443",  # the most common card; the station compares the UID
    TokenType.EMAID: "eMAID",
    TokenType.APP_USER: "Central",  # known to central systems only
    TokenType.AD_HOC_USER: "Central",
    TokenType.OTHER: "Central",
}

# AuthorizationStatusEnumType has all our words.
ID_TOKEN_STATUSES: Mapping[AuthorizationStatus, str] = {
    AuthorizationStatus.ACCEPTED: "Accepted",
    AuthorizationStatus.BLOCKED: "Blocked",
    AuthorizationStatus.EXPIRED: "Expired",
    AuthorizationStatus.INVALID: "Invalid",
    AuthorizationStatus.CONCURRENT_TX: "ConcurrentTx",
    AuthorizationStatus.NO_CREDIT: "NoCredit",
    AuthorizationStatus.NOT_ALLOWED_AT_LOCATION: "NotAtThisLocation",
}

# RequestStartStopStatusEnumType, for start and stop alike.
REQUEST_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,  # the station will try
    "Rejected": CommandOutcome.REJECTED,  # why is in statusInfo, in free words
}


def booted(payload: Payload) -> Booted:
    """BootNotificationRequest."""
    wire.tally.noticed += 1  # whoever boots is looked at
    station = payload["chargingStation"]
    return Booted(
        vendor=station["vendorName"],
        model=station["model"],
        serial_number=station.get("serialNumber"),
        firmware_version=station.get("firmwareVersion"),
        reason=payload["reason"],
    )


def status(payload: Payload) -> ConnectorStatusReported:
    """StatusNotificationRequest; evseId 0 is the station itself (ocpp-rules 30)."""
    return ConnectorStatusReported(
        evse_id=wire.evse_number(payload["evseId"], "evseId"),
        connector_id=wire.evse_number(payload["connectorId"], "connectorId"),
        state=CONNECTOR_STATES[payload["connectorStatus"]],
        at=wire.optional_time(payload),
    )


def needs_no_authorization(payload: Payload) -> bool:
    """Whether the message's idToken says that nobody needs to be asked (ocpp-rules 25)."""
    id_token = payload.get("idToken")
    return id_token is not None and id_token["type"] == NO_AUTHORIZATION


def token(id_token: Payload | None) -> TokenRef | None:
    """An IdToken; NoAuthorization is the absence of one."""
    if id_token is None or id_token["type"] == NO_AUTHORIZATION:
        return None
    types = TOKEN_TYPES.get(id_token["type"], OF_NO_KNOWN_TYPE)
    return TokenRef(id_token["idToken"], types)


def transaction(payload: Payload) -> TransactionReported:
    """TransactionEventRequest; anything optional may be absent in any event (ocpp-rules 22)."""
    info = payload["transactionInfo"]
    evse = payload.get("evse")
    charging_state = info.get("chargingState")
    return TransactionReported(
        phase=PHASES[payload["eventType"]],
        transaction_id=info["transactionId"],
        seq_no=wire.integer(payload, "seqNo"),
        at=wire.time(payload),
        trigger=payload["triggerReason"],
        evse_id=wire.evse_number(evse["id"], "evse/id") if evse else None,
        connector_id=wire.optional_integer(evse, "connectorId") if evse else None,
        token=token(payload.get("idToken")),
        charging_state=CHARGING_STATES[charging_state] if charging_state else None,
        remote_start_id=wire.optional_integer(info, "remoteStartId"),
        reservation_id=wire.optional_integer(payload, "reservationId"),
        stopped_reason=info.get("stoppedReason"),
        offline=payload.get("offline", False),
        readings=wire.readings(payload.get("meterValue", ()), sample),
    )


def metered(payload: Payload) -> MeterReported:
    """MeterValuesRequest: outside of transactions, and never attached to one by guess."""
    return MeterReported(
        wire.evse_number(payload["evseId"], "evseId"), wire.readings(payload["meterValue"], sample)
    )


def sample(sampled: Payload) -> Sample:
    """A SampledValueType: value x 10^multiplier, default unit Wh (ocpp-rules 24).

    A signed value is kept whole, with its key, encoding and signing method, as JSON text.
    """
    get = sampled.get
    named = get("measurand")
    taken = get("context")
    signed = get("signedMeterValue")
    value = wire.bounded(wire.exact(sampled["value"]))
    unit = get("unitOfMeasure")
    if unit and value is not None:
        value = wire.in_base_unit(value, unit.get("unit"), int(unit.get("multiplier", 0)))
    return Sample(
        wire.MEASURANDS[named] if named else Measurand.ENERGY_IMPORT_REGISTER,
        value,
        wire.CONTEXTS[taken] if taken else ReadingContext.PERIODIC,
        get("phase"),
        get("location", "Outlet"),
        wire.signed(exact_json.dumps(signed).decode()) if signed else None,
    )


def id_token_info(authorization: Authorization) -> Payload:
    """IdTokenInfoType: expiry and group only when known."""
    info: Payload = {"status": ID_TOKEN_STATUSES[authorization.status]}
    if authorization.expires_at is not None:
        info["cacheExpiryDateTime"] = timestamps.to_text(authorization.expires_at)
    if authorization.language:
        info["language1"] = authorization.language
    if authorization.evse_ids:
        info["evseId"] = list(authorization.evse_ids)
    if authorization.group:
        group = fitted(authorization.group, MAX_ID_TOKEN)
        info["groupIdToken"] = {"idToken": group, "type": "Central"}
    return info
