"""What ends an operation on a station as a device, kind by kind."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from ocpp.v16 import enums as e16
from ocpp.v21 import enums as e21
from ocpp.v201 import enums as e201

from gateway.domain.charging_limits import (
    MAX_LIMITS,
    ChargingLimit,
    LimitCleared,
    with_limit,
    without_limit,
)
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.device_operations import (
    ARRIVES,
    AVAILABILITY,
    DEVICE_KINDS,
    REMOTE_START,
    REMOTE_STOP,
    RESET,
    TRIGGER,
)
from gateway.domain.events import (
    Booted,
    ConnectorState,
    ConnectorStatusReported,
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.evse_status import ConnectorReport, EvseReports
from gateway.domain.happenings import Happening
from gateway.domain.operations import (
    KINDS,
    News,
    Operation,
    OperationState,
    answered,
    as_of,
    noticed,
)
from gateway.domain.tokens import TokenRef
from gateway.ocpp.v16 import happenings as h16
from gateway.ocpp.v201 import happenings as h201

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
ACCEPTED = CommandReply(CommandOutcome.ACCEPTED, "Accepted")
SCHEDULED = CommandReply(CommandOutcome.ACCEPTED, "Scheduled")
TIMEOUT = CommandReply(CommandOutcome.TIMEOUT)
OUT, FREE = ConnectorState.UNAVAILABLE, ConnectorState.AVAILABLE


def asked(kind, parameters=None, **fields):
    return Operation("op", kind.name, "CP1", 7, T0, T0, parameters=parameters or {}, **fields)


def place(operative=False, evse_id=None, connector_id=None):
    wanted = {"operative": operative, "evse_id": evse_id, "connector_id": connector_id}
    return asked(AVAILABILITY, wanted)


def station(**states):
    """EvseReports by EVSE: `e1=[...]` are the states of its connectors."""
    return {
        int(name[1:]): EvseReports(
            {number: ConnectorReport(state, T0) for number, state in enumerate(listed, 1)}
        )
        for name, listed in states.items()
    }


def says(evse_id, connector_id=1, state=OUT):
    event = ConnectorStatusReported(evse_id, connector_id, state, T0)
    return Happening("StatusNotification", (event,), evse_id, connector_id)


def test_no_two_kinds_have_one_name():
    names = [kind.name for kind in (*KINDS, *DEVICE_KINDS)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("state", ConnectorState)
def test_every_state_of_a_connector_may_end_a_change_of_availability(state):
    assert AVAILABILITY.words[state] is OperationState.DONE


@pytest.mark.parametrize("kind", DEVICE_KINDS, ids=lambda kind: kind.name)
def test_what_is_noticed_is_waited_for(kind):
    assert (kind.awaits is None) == (kind.notices is None)


@pytest.mark.parametrize(
    "message",
    sorted({*e16.MessageTrigger, *e201.MessageTriggerEnumType, *e21.MessageTriggerEnumType}),
)
def test_every_trigger_brings_a_message_that_stations_send(message):
    awaited = TRIGGER.awaits(asked(TRIGGER, {"message": message}))
    sent = {*e16.Action, *e201.Action, *e21.Action}
    if message != "CustomTrigger":  # a vendor's own
        assert awaited & sent, awaited
    assert message not in ARRIVES or awaited == ARRIVES[message]


@pytest.mark.parametrize(
    ("wanted", "evses", "happening", "is_done"),
    [
        (place(evse_id=1), station(e1=[OUT]), says(1), True),
        (place(evse_id=1), station(e1=[OUT, FREE]), says(1), False),
        (place(evse_id=1), station(e1=[OUT, OUT]), says(1), True),
        (place(evse_id=1), station(e1=[OUT], e2=[OUT]), says(2), False),
        (place(evse_id=1, connector_id=2), station(e1=[FREE, OUT]), says(1, 2), True),
        (place(evse_id=1, connector_id=2), station(e1=[OUT, FREE]), says(1, 1), False),
        (place(), station(e0=[OUT], e1=[FREE]), says(0), True),
        (place(), station(e1=[OUT], e2=[FREE]), says(1), False),
        (place(), station(e1=[OUT], e2=[OUT]), says(2), True),
        (place(), {}, Happening("Heartbeat"), False),
        (place(True, 1), station(e1=[FREE]), says(1, state=FREE), True),
        (place(True, 1), station(e1=[ConnectorState.FAULTED]), says(1), True),
        (place(True, 1), station(e1=[OUT]), says(1), False),
        (place(True), station(e0=[FREE], e1=[OUT], e2=[FREE]), says(0, state=FREE), True),
    ],
)
def test_a_place_is_where_it_is_wanted_when_all_of_it_is(wanted, evses, happening, is_done):
    """ocpp-rules 8 and 30"""
    news = AVAILABILITY.notices(wanted, happening, evses)
    assert (news is not None) == is_done


def boot(reason=None):
    return Happening("BootNotification", (Booted("V", "M", reason=reason),))


@pytest.mark.parametrize("reason", [None, *e201.BootReasonEnumType])
def test_every_boot_but_a_triggered_one_ends_a_reset(reason):
    news = RESET.notices(asked(RESET), boot(reason), {})
    assert (news is None) == (reason == "Triggered")


def started(token="own1", evse_id=1):
    event = TransactionStarted(evse_id, TokenRef(token), T0, Decimal(0))
    return Happening("StartTransaction", (event,), evse_id, transaction_id="99")


def reported(phase=TransactionPhase.STARTED, transaction="t", **fields):
    event = TransactionReported(phase, transaction, 0, T0, "RemoteStart", **fields)
    return Happening("TransactionEvent", (event,))


@pytest.mark.parametrize(
    ("happening", "transaction_id"),
    [
        (started(), "99"),
        (started(evse_id=2), None),
        (started("other"), None),
        (reported(remote_start_id=7), "t"),
        (reported(remote_start_id=8), None),
        (reported(), None),
        (reported(token=TokenRef("OWN1"), evse_id=1), "t"),
        (reported(token=TokenRef("OWN1"), evse_id=1, remote_start_id=8), None),
        (reported(token=TokenRef("OWN1"), evse_id=2), None),
        (reported(transaction="early"), "early"),
        (Happening("Heartbeat"), None),
    ],
)
def test_a_remote_start_knows_its_transaction(happening, transaction_id):
    """ocpp-rules 15 and 26"""
    operation = asked(
        REMOTE_START,
        looks_for={"id_token": "OWN1", "evse_id": 1},
        result={"transaction_id": "early"},
    )
    news = REMOTE_START.notices(operation, happening, {})
    assert (news.result["transaction_id"] if news else None) == transaction_id


@pytest.mark.parametrize(
    ("happening", "is_done"),
    [
        (Happening("StopTransaction", (TransactionStopped("t", T0, Decimal(1)),)), True),
        (Happening("StopTransaction", (TransactionStopped("u", T0, Decimal(1)),)), False),
        (reported(TransactionPhase.ENDED), True),
        (reported(TransactionPhase.UPDATED), False),
        (reported(TransactionPhase.ENDED, "u"), False),
    ],
)
def test_a_remote_stop_ends_with_its_transaction(happening, is_done):
    operation = asked(REMOTE_STOP, {"transaction_id": "t"})
    assert (REMOTE_STOP.notices(operation, happening, {}) is not None) == is_done


def test_what_comes_before_the_answer_counts_once_it_is_no_refusal():
    early = noticed(asked(TRIGGER), TRIGGER, News("arrived"), T0)
    assert early.state is OperationState.REQUESTED
    refusal = CommandReply(CommandOutcome.REJECTED, "Rejected")
    assert answered(early, ACCEPTED, T0, TRIGGER).state is OperationState.DONE
    assert answered(early, TIMEOUT, T0, TRIGGER).state is OperationState.DONE
    assert answered(early, refusal, T0, TRIGGER).state is OperationState.REJECTED


def test_what_comes_after_no_answer_counts():
    """A station that took the request and never said so."""
    silent = answered(asked(TRIGGER), TIMEOUT, T0, TRIGGER)
    assert noticed(silent, TRIGGER, News("arrived"), T0).state is OperationState.DONE


def test_a_scheduled_reset_is_waited_for_longer_than_one_that_is_due():
    later = T0 + timedelta(hours=1)
    due = as_of(answered(asked(RESET), ACCEPTED, T0, RESET), RESET, later)
    scheduled = as_of(answered(asked(RESET), SCHEDULED, T0, RESET), RESET, later)
    assert due.state is OperationState.NO_NEWS
    assert scheduled.state is OperationState.RUNNING


def test_an_answer_that_nothing_follows_is_the_end():
    operation = asked(AVAILABILITY, ends_with=("Accepted",))
    assert answered(operation, ACCEPTED, T0, AVAILABILITY).state is OperationState.DONE
    assert answered(operation, SCHEDULED, T0, AVAILABILITY).state is OperationState.RUNNING


def test_a_message_names_its_place_in_each_versions_way():
    metered = h16.happening("MeterValues", {"connectorId": 2, "meterValue": []}, {})
    assert (metered.evse_id, metered.connector_id) == (2, None)
    metered = h201.happening("MeterValues", {"evseId": 2, "meterValue": []}, {})
    assert (metered.evse_id, metered.connector_id) == (2, None)
    place = {"evse": {"id": 2, "connectorId": 1}}
    event = {
        "eventType": "Updated",
        "timestamp": "2026-03-01T10:00:00Z",
        "triggerReason": "Trigger",
        "seqNo": 1,
        "transactionInfo": {"transactionId": "t"},
    }
    happening = h201.happening("TransactionEvent", event | place, {})
    assert (happening.evse_id, happening.connector_id) == (2, 1)
    assert h201.happening("TransactionEvent", event, {}).evse_id is None


# --- outside limits -----------------------------------------------------------------------


def limit(evse_id=0, source="EMS", minute=0):
    return ChargingLimit(evse_id, source, T0 + timedelta(minutes=minute))


def test_a_source_has_one_word_for_each_place():
    known = with_limit([limit(), limit(1), limit(source="SO")], limit(1, minute=5))
    assert known == [limit(), limit(source="SO"), limit(1, minute=5)]


def test_a_station_holds_a_bounded_number_of_limits():
    known = []
    for number in range(MAX_LIMITS + 3):
        known = with_limit(known, limit(number, minute=number))
    assert [one.evse_id for one in known] == list(range(3, MAX_LIMITS + 3))


def test_a_limit_is_cleared_by_source_and_place():
    known = [limit(), limit(1), limit(1, "SO")]
    assert without_limit(known, LimitCleared("EMS", 1)) == [limit(), limit(1, "SO")]
    assert without_limit(known, LimitCleared("EMS")) == [limit(1, "SO")]
    assert without_limit(known, LimitCleared("Other")) == known
