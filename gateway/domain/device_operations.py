"""The operations on a station as a device, and how each is seen to have come to its end.

A change of availability, a reset, a trigger, a remote start: no notification names them. What
ends them is that the station does what it was asked: it reports the state, boots, sends the
message, starts. Reports of display messages and charging profiles come in parts.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta

from gateway.domain.events import (
    Booted,
    ConnectorState,
    ConnectorStatusReported,
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.evse_status import EvseReports
from gateway.domain.happenings import Happening
from gateway.domain.operations import PART_WORDS, News, Operation, OperationKind, OperationState
from gateway.domain.tokens import TokenRef

_DONE = OperationState.DONE
_DAY = timedelta(hours=24)
_OF_ITS_OWN = "Triggered"  # BootReasonEnumType: an answer to TriggerMessage, nothing has booted

BOOTED, ARRIVED, STARTED, ENDED = "booted", "arrived", "started", "ended"
REMOTE_START_SECONDS = 300.0  # how long a remotely started driver has to plug in

# The messages that come where others than the one that was asked for by name may come.
_SIGN_CERTIFICATE = frozenset({"SignCertificate"})
ARRIVES: Mapping[str, frozenset[str]] = {
    "SignChargePointCertificate": _SIGN_CERTIFICATE,  # 1.6
    "SignChargingStationCertificate": _SIGN_CERTIFICATE,
    "SignCombinedCertificate": _SIGN_CERTIFICATE,
    "SignV2GCertificate": _SIGN_CERTIFICATE,
    "SignV2G20Certificate": _SIGN_CERTIFICATE,  # 2.1
    # a 2.x station may report the states of connectors as events
    "StatusNotification": frozenset({"StatusNotification", "NotifyEvent"}),
    # the white paper's update has a message of its own
    "FirmwareStatusNotification": frozenset(
        {"FirmwareStatusNotification", "SignedFirmwareStatusNotification"}
    ),
}


def _always(*messages: str) -> Callable[[Operation], frozenset[str]]:
    return lambda _operation: frozenset(messages)


# --- availability -------------------------------------------------------------------------


def _reports_availability(
    operation: Operation, happening: Happening, evses: Mapping[int, EvseReports]
) -> News | None:
    """The wanted state, once the station reports it of that place."""
    wanted = operation.parameters
    evse_id, connector_id = wanted.get("evse_id"), wanted.get("connector_id")
    for event in happening.events:
        if not isinstance(event, ConnectorStatusReported):
            continue
        here = evse_id is None or event.evse_id == evse_id
        if not here or connector_id not in (None, event.connector_id):
            continue
        if _is_out(evses, evse_id, connector_id) is not wanted["operative"]:
            return News(str(event.state))
    return None


def _is_out(
    evses: Mapping[int, EvseReports], evse_id: int | None, connector_id: int | None
) -> bool:
    """Whether a connector, an EVSE, or (both None) the whole station is out of service."""
    if connector_id is not None and evse_id is not None:
        report = evses.get(evse_id, EvseReports()).connectors.get(connector_id)
        return report is not None and report.state is ConnectorState.UNAVAILABLE
    if evse_id is not None:
        return _all_out(evses.get(evse_id, EvseReports()).states())
    station = evses.get(0, EvseReports()).states()
    connectors = [state for id_, one in evses.items() if id_ != 0 for state in one.states()]
    return _all_out(station) or _all_out(connectors)


def _all_out(states: list[ConnectorState]) -> bool:
    return bool(states) and all(state is ConnectorState.UNAVAILABLE for state in states)


AVAILABILITY = OperationKind(
    "availability",
    {str(state): _DONE for state in ConnectorState},
    timedelta(minutes=5),
    patience={"Scheduled": _DAY},  # until the transaction that runs has ended
    awaits=_always("StatusNotification", "NotifyEvent"),
    notices=_reports_availability,
)


# --- reset --------------------------------------------------------------------------------


def _boots(
    _operation: Operation, happening: Happening, _evses: Mapping[int, EvseReports]
) -> News | None:
    for event in happening.events:
        if isinstance(event, Booted) and event.reason != _OF_ITS_OWN:
            return News(BOOTED, detail=event.reason)
    return None


RESET = OperationKind(
    "reset",
    {BOOTED: _DONE},
    timedelta(minutes=15),
    patience={"Scheduled": _DAY},  # until the station is idle
    awaits=_always("BootNotification"),
    notices=_boots,
)


# --- trigger ------------------------------------------------------------------------------


def _awaits_message(operation: Operation) -> frozenset[str]:
    message = operation.parameters["message"]
    return ARRIVES.get(message, frozenset({message}))


def _sends_message(
    operation: Operation, happening: Happening, _evses: Mapping[int, EvseReports]
) -> News | None:
    """The message, of the place that was named, or naming none."""
    if happening.message not in _awaits_message(operation):
        return None
    wanted = operation.parameters
    same_evse = _agree(wanted.get("evse_id"), happening.evse_id)
    if not same_evse or not _agree(wanted.get("connector_id"), happening.connector_id):
        return None
    return News(ARRIVED, detail=happening.message)


def _agree(wanted: int | None, said: int | None) -> bool:
    return wanted is None or said is None or wanted == said


TRIGGER = OperationKind(
    "trigger",
    {ARRIVED: _DONE},
    timedelta(minutes=5),
    awaits=_awaits_message,
    notices=_sends_message,
)


# --- remote control -----------------------------------------------------------------------


def _starts(
    operation: Operation, happening: Happening, _evses: Mapping[int, EvseReports]
) -> News | None:
    """The transaction that was asked for: by its number (2.x), else by token and connector.

    A station that has begun it already gave its id with the answer (F02, ocpp-rules 26).
    """
    for event in happening.events:
        if isinstance(event, TransactionStarted):
            if _is_meant(operation, event.token, event.evse_id):
                return News(STARTED, result={"transaction_id": happening.transaction_id})
        elif isinstance(event, TransactionReported):
            number, known_id = event.remote_start_id, operation.result.get("transaction_id")
            is_alike = number is None and _is_meant(operation, event.token, event.evse_id)
            if is_alike or operation.request_id == number or event.transaction_id == known_id:
                return News(STARTED, result={"transaction_id": event.transaction_id})
    return None


def _is_meant(operation: Operation, token: TokenRef | None, evse_id: int | None) -> bool:
    """Whether a start without a number is this one (ocpp-rules 15)."""
    wanted = operation.looks_for
    if token is None or wanted["evse_id"] not in (None, evse_id):
        return False
    return token.uid.casefold() == str(wanted["id_token"]).casefold()


def _stops(
    operation: Operation, happening: Happening, _evses: Mapping[int, EvseReports]
) -> News | None:
    wanted = operation.parameters["transaction_id"]
    for event in happening.events:
        if isinstance(event, TransactionStopped) and event.transaction_id == wanted:
            return News(ENDED, detail=event.reason)
        if isinstance(event, TransactionReported) and event.transaction_id == wanted:
            is_over = event.phase is TransactionPhase.ENDED
            return News(ENDED, detail=event.stopped_reason) if is_over else None
    return None


REMOTE_START = OperationKind(
    "remote-start",
    {STARTED: _DONE},
    timedelta(seconds=REMOTE_START_SECONDS),
    awaits=_always("StartTransaction", "TransactionEvent"),
    notices=_starts,
)
REMOTE_STOP = OperationKind(
    "remote-stop",
    {ENDED: _DONE},
    timedelta(minutes=15),
    awaits=_always("StopTransaction", "TransactionEvent"),
    notices=_stops,
)

# --- over with the answer, and reports ----------------------------------------------------

UNLOCK = OperationKind("unlock", {}, timedelta(minutes=5))
PRIORITY_CHARGING = OperationKind("priority-charging", {}, timedelta(minutes=5))
DISPLAY_MESSAGE = OperationKind("display-message", {}, timedelta(minutes=5))
DISPLAY_MESSAGES = OperationKind("display-messages", PART_WORDS, timedelta(minutes=15))
CHARGING_PROFILES = OperationKind("charging-profiles", PART_WORDS, timedelta(minutes=15))

DEVICE_KINDS = (
    AVAILABILITY,
    RESET,
    TRIGGER,
    REMOTE_START,
    REMOTE_STOP,
    UNLOCK,
    PRIORITY_CHARGING,
    DISPLAY_MESSAGE,
    DISPLAY_MESSAGES,
    CHARGING_PROFILES,
)
