"""Reading and writing settings, in the words of each version and back."""

from decimal import Decimal

import pytest

from gateway.domain.commands import CommandOutcome
from gateway.domain.configuration import ReadSettings, WriteSettings
from gateway.domain.device_model import ReportBase, RequestBaseReport, components
from gateway.ocpp import schemas, v16, v21, v201
from gateway.ocpp.v201 import reports

THRESHOLD = "OCPPCommCtrlr.OfflineThreshold"
REMOTE = "AuthCtrlr.AuthorizeRemoteStart"


def asked(dialect, command):
    """The command in the dialect's words, which its schema must accept."""
    found = dialect.asks[type(command)](command)
    if found is not None:
        assert dialect.schemas.request(found.action).faults(found.payload) == []
    return found


def shape(name):
    component, variable = name.split(".")
    return {"component": {"name": component}, "variable": {"name": variable}}


@pytest.mark.parametrize("dialect", [v201.DIALECT, v21.DIALECT], ids=["2.0.1", "2.1"])
@pytest.mark.parametrize("names", [(THRESHOLD,), (THRESHOLD, REMOTE)])
def test_variables_are_asked_for_by_component_and_variable(dialect, names):
    """TC_B_06_CSMS, TC_B_07_CSMS"""
    found = asked(dialect, ReadSettings(names))

    assert found.action == "GetVariables"
    assert found.payload == {"getVariableData": [shape(name) for name in names]}


@pytest.mark.parametrize(
    "values", [{THRESHOLD: "123"}, {THRESHOLD: "123", REMOTE: "false"}], ids=["one", "two"]
)
def test_variables_are_set_by_component_and_variable(values):
    """TC_B_09_CSMS, TC_B_10_CSMS"""
    found = asked(v201.DIALECT, WriteSettings(values))

    assert found.action == "SetVariables"
    assert found.payload == {
        "setVariableData": [
            {**shape(name), "attributeValue": value} for name, value in values.items()
        ]
    }


def test_instance_evse_connector_and_attribute_are_told():
    found = asked(v201.DIALECT, ReadSettings(("C[i].V[j]@1.2#Target",)))

    assert found.payload == {
        "getVariableData": [
            {
                "component": {"name": "C", "instance": "i", "evse": {"id": 1, "connectorId": 2}},
                "variable": {"name": "V", "instance": "j"},
                "attributeType": "Target",
            }
        ]
    }


def test_values_come_back_under_the_names_that_were_asked():
    """ocpp-rules: stations echo names in a case of their own."""
    found = asked(v201.DIALECT, ReadSettings((THRESHOLD, REMOTE, "A.B", "A.C", "A.D")))
    reply = found.read(
        {
            "getVariableResult": [
                {**shape(REMOTE.upper()), "attributeStatus": "Accepted", "attributeValue": "true"},
                {**shape(THRESHOLD), "attributeStatus": "Accepted"},
                {**shape("A.B"), "attributeStatus": "UnknownComponent"},
                {**shape("A.C"), "attributeStatus": "UnknownVariable"},
                {**shape("A.D"), "attributeStatus": "Rejected"},
            ]
        }
    )

    assert reply.accepted
    assert reply.data == {
        "values": {REMOTE: "true", THRESHOLD: ""},
        "unknown": ["A.B", "A.C"],
        "readonly": [],
        "refused": {"A.D": "Rejected"},
    }


@pytest.mark.parametrize(
    ("words", "outcome", "status"),
    [
        (("Accepted", "Accepted"), CommandOutcome.ACCEPTED, "Accepted"),
        (("Accepted", "RebootRequired"), CommandOutcome.ACCEPTED, "RebootRequired"),
        (("RebootRequired", "Rejected"), CommandOutcome.REJECTED, "Rejected"),
        (("Accepted", "UnknownVariable"), CommandOutcome.REJECTED, "UnknownVariable"),
    ],
)
def test_the_answer_to_a_write_says_each_word_and_the_one_that_tells_most(words, outcome, status):
    found = asked(v201.DIALECT, WriteSettings({THRESHOLD: "1", REMOTE: "true"}))
    results = [
        {**shape(name), "attributeStatus": word}
        for name, word in zip((THRESHOLD, REMOTE), words, strict=True)
    ]

    reply = found.read({"setVariableResult": results})

    assert (reply.outcome, reply.status) == (outcome, status)
    assert reply.data["results"] == dict(zip((THRESHOLD, REMOTE), words, strict=True))


def test_a_name_that_is_none_of_2x_is_not_asked_for():
    assert asked(v201.DIALECT, ReadSettings(("HeartbeatInterval",))) is None
    assert asked(v201.DIALECT, WriteSettings({"HeartbeatInterval": "1"})) is None
    assert asked(v201.DIALECT, ReadSettings()) is None


@pytest.mark.parametrize("names", [(), ("A",), ("A", "B")])
def test_configuration_keys_are_asked_for_by_name_or_all(names):
    found = asked(v16.DIALECT, ReadSettings(names))

    assert found.action == "GetConfiguration"
    assert found.payload == ({"key": list(names)} if names else {})


def test_configuration_keys_come_back_under_the_names_that_were_asked():
    """ocpp-rules 17 (unknownKey) and 6 (numbers and booleans where text is due)."""
    found = asked(v16.DIALECT, ReadSettings(("One", "Two", "Three", "Four")))
    reply = found.read(
        {
            "configurationKey": [
                {"key": "ONE", "readonly": True, "value": "1"},
                {"key": "Two", "readonly": False},
                {"key": "Three", "readonly": False, "value": True},
            ],
            "unknownKey": ["four"],
        }
    )

    assert reply.data == {
        "values": {"One": "1", "Two": "", "Three": "true"},
        "unknown": ["Four"],
        "readonly": ["One"],
        "refused": {},
    }


@pytest.mark.parametrize("word", ["Accepted", "RebootRequired", "Rejected", "NotSupported"])
def test_one_configuration_key_is_changed_at_a_time(word):
    """ocpp-rules 17 (RebootRequired)"""
    found = asked(v16.DIALECT, WriteSettings({"A": "1"}))

    assert (found.action, found.payload) == ("ChangeConfiguration", {"key": "A", "value": "1"})
    reply = found.read({"status": word})
    assert (reply.status, reply.data) == (word, {"results": {"A": word}})
    assert reply.accepted == (word in ("Accepted", "RebootRequired"))
    assert asked(v16.DIALECT, WriteSettings({"A": "1", "B": "2"})) is None


@pytest.mark.parametrize("base", list(ReportBase))
def test_a_base_report_is_asked_for(base):
    """TC_B_12_CSMS, TC_B_13_CSMS: requestId is an integer of 0 or more."""
    found = asked(v201.DIALECT, RequestBaseReport(17, base))

    assert found.action == "GetBaseReport"
    assert found.payload == {"requestId": 17, "reportBase": base.value}


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        ("Accepted", CommandOutcome.ACCEPTED),
        ("EmptyResultSet", CommandOutcome.ACCEPTED),
        ("NotSupported", CommandOutcome.NOT_SUPPORTED),
        ("Rejected", CommandOutcome.REJECTED),
    ],
)
def test_every_answer_to_a_base_report_is_understood(word, outcome):
    found = asked(v201.DIALECT, RequestBaseReport(17))
    enum = schemas.v201().response("GetBaseReport")

    assert enum.faults({"status": word}) == []
    assert (found.read({"status": word}).outcome) is outcome


def notify_report(**members):
    payload = {"requestId": 1, "generatedAt": "2026-03-01T10:00:00Z", "seqNo": 0, **members}
    assert v201.DIALECT.schemas.request("NotifyReport").faults(payload) == []
    return reports.notify_report(payload)


@pytest.mark.parametrize("members", [{}, {"seqNo": -1}, {"seqNo": Decimal("0.0")}])
def test_whatever_the_schema_lets_through_is_a_part(members):
    """ocpp-rules 27, and seen on the wire: no reportData; the schema bounds no seqNo."""
    part = notify_report(**members)

    assert (part.request_id, part.items, part.more) == (1, [], False)
    assert part.seq_no in (0, None)


def test_a_reported_variable_has_the_standards_defaults():
    """ocpp-rules 30: no EVSE is the station itself."""
    data = {**shape(THRESHOLD), "variableAttribute": [{}]}
    (item,) = notify_report(reportData=[data]).items

    assert (item["evse"], item["connector"]) == (None, None)
    assert item["attributes"] == (
        {
            "type": "Actual",
            "value": None,
            "mutability": "ReadWrite",
            "persistent": False,
            "constant": False,
        },
    )


def test_a_variable_that_is_reported_twice_has_the_attributes_of_both():
    def told(**attribute):
        return reports.reported_variable({**shape(THRESHOLD), "variableAttribute": [attribute]})

    (component,) = components(
        [told(value="1"), told(type="MaxSet", value="9"), told(type="Actual", value="2")]
    )

    (variable,) = component.variables
    assert {one.type: one.value for one in variable.attributes} == {"Actual": "2", "MaxSet": "9"}


ATTEMPTS = "OCPPCommCtrlr.MessageAttempts[TransactionEvent]"
PAUSE = "OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]"


def test_values_without_their_instances_are_told_apart_by_their_order():
    """Some stations answer with the variable's name alone."""
    names = (ATTEMPTS, "Ctrlr[a].X", "Ctrlr[b].X", THRESHOLD)
    bare = ("OCPPCommCtrlr.MessageAttempts", "Ctrlr.X", "Ctrlr.X", THRESHOLD)
    results = [
        {**shape(name), "attributeStatus": "Accepted", "attributeValue": str(number)}
        for number, name in enumerate(bare)
    ]
    reply = asked(v201.DIALECT, ReadSettings(names)).read({"getVariableResult": results})
    assert reply.data["values"] == dict(zip(names, "0123", strict=True))


def test_words_for_written_settings_without_instances_are_told_apart_by_their_order():
    results = [
        {**shape("OCPPCommCtrlr.MessageAttempts"), "attributeStatus": "Accepted"},
        {**shape("OCPPCommCtrlr.MessageAttemptInterval"), "attributeStatus": "Rejected"},
    ]
    reply = asked(v201.DIALECT, WriteSettings({ATTEMPTS: "10", PAUSE: "60"})).read(
        {"setVariableResult": results}
    )
    assert reply.data["results"] == {ATTEMPTS: "Accepted", PAUSE: "Rejected"}


def test_a_result_of_another_variable_is_never_taken_for_the_one_in_its_place():
    result = {**shape("Other.Thing"), "attributeStatus": "Accepted", "attributeValue": "1"}
    reply = asked(v201.DIALECT, ReadSettings((ATTEMPTS,))).read({"getVariableResult": [result]})
    assert ATTEMPTS not in reply.data["values"]
