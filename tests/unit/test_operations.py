"""An operation from its request to its end, told by a station's own words."""

from datetime import UTC, datetime, timedelta

import pytest
from ocpp.v16 import enums as v16
from ocpp.v201 import enums as v201

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.operations import (
    ANSWERS,
    CUSTOMER_INFORMATION,
    ENDS,
    FIRMWARE_PUBLISH,
    FIRMWARE_UPDATE,
    LAST_PART,
    LOG_UPLOAD,
    PART,
    News,
    Operation,
    OperationState,
    addressed,
    answered,
    as_of,
    deadline,
    noted,
    received,
    told,
)

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
ACCEPTED = CommandReply(CommandOutcome.ACCEPTED, "Accepted")
RUNNING, DONE, FAILED = OperationState.RUNNING, OperationState.DONE, OperationState.FAILED


def asked(kind=FIRMWARE_UPDATE, request_id=7, at=T0, **fields):
    return Operation(f"op{request_id}", kind.name, "CP1", request_id, at, at, **fields)


def after(*words, kind=FIRMWARE_UPDATE, operation=None):
    current = answered(operation or asked(kind), ACCEPTED, T0)
    for number, word in enumerate(words, 1):
        current = told(current, kind, News(word, 7), T0 + timedelta(minutes=number))
    return current


def words_of(operation):
    return [entry.word for entry in operation.history]


@pytest.mark.parametrize("word", sorted({*v16.FirmwareStatus, *v201.FirmwareStatusEnumType}))
def test_every_firmware_status_leads_somewhere(word):
    assert word in FIRMWARE_UPDATE.words


@pytest.mark.parametrize("word", v201.PublishFirmwareStatusEnumType)
def test_every_publish_status_leads_somewhere(word):
    assert word in FIRMWARE_PUBLISH.words


@pytest.mark.parametrize(
    "word",
    sorted({*v16.DiagnosticsStatus, *v16.UploadLogStatus, *v201.UploadLogStatusEnumType}),
)
def test_every_upload_status_leads_somewhere(word):
    assert word in LOG_UPLOAD.words


@pytest.mark.parametrize("outcome", CommandOutcome)
def test_every_outcome_of_a_request_leads_somewhere(outcome):
    operation = answered(asked(), CommandReply(outcome, "word"), T0)
    assert operation.state is ANSWERS[outcome]
    assert words_of(operation) == ["word"]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Installed", DONE),
        ("DownloadFailed", FAILED),
        ("InvalidSignature", FAILED),
        ("InstallVerificationFailed", FAILED),
        ("InstallationFailed", FAILED),
    ],
)
def test_an_end_state_of_firmware_ends_the_update(word, state):
    """White paper 6.6 calls these end states. TC_L_06, TC_L_07, TC_L_08, TC_L_09_CSMS"""
    operation = after("Downloading", word)
    assert operation.state is state
    assert operation.ended_at == T0 + timedelta(minutes=2)


def test_no_other_word_of_firmware_ends_it():
    ends = {word for word, state in FIRMWARE_UPDATE.words.items() if state in ENDS}
    assert ends == {
        "Installed",
        "DownloadFailed",
        "InvalidSignature",
        "InstallVerificationFailed",
        "InstallationFailed",
    }


def test_a_whole_update_shows_every_step():
    """TC_L_01_CSMS, TC_L_02_CSMS, TC_L_03_CSMS"""
    steps = (
        "DownloadScheduled",
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "InstallScheduled",
        "Installing",
        "InstallRebooting",
        "Installed",
    )
    operation = after(*steps)
    assert words_of(operation) == ["Accepted", *steps]
    assert operation.state is DONE


def test_idle_is_noted_and_changes_nothing():
    operation = after("Downloading", "Idle")
    assert operation.state is RUNNING
    assert words_of(operation)[-1] == "Idle"


def test_an_unknown_word_is_noted_and_changes_nothing():
    assert after("Downloading", "Vendor-Step").state is RUNNING


def test_a_word_said_again_is_kept_once_and_counts_as_news():
    operation = after("Downloading", "Downloading", "Downloading")
    assert words_of(operation) == ["Accepted", "Downloading"]
    assert operation.updated_at == T0 + timedelta(minutes=3)


def test_a_history_has_a_bound():
    operation = after(*(f"w{number}" for number in range(300)))
    assert len(operation.history) == 100
    assert words_of(operation)[-1] == "w299"


def test_a_failed_upload_that_is_tried_again_goes_on():
    """Errata 2.0.1, N01.FR.10: "MAY send a new Uploading status upon each retry attempt"."""
    operation = after("Uploading", "UploadFailure", "Uploading", kind=LOG_UPLOAD)
    assert operation.state is RUNNING
    assert operation.ended_at is None
    assert told(operation, LOG_UPLOAD, News("Uploaded"), T0).state is DONE


FILE = {"bytes": 1, "sha256": "00", "id": "f"}


def uploaded(here=True):
    operation = asked(LOG_UPLOAD, parameters={"here": here})
    return after("Uploading", "Uploaded", kind=LOG_UPLOAD, operation=operation)


def test_an_upload_that_was_said_but_never_came_has_failed_after_a_grace():
    operation = uploaded()
    said = operation.updated_at
    assert as_of(operation, LOG_UPLOAD, said + timedelta(seconds=119)).state is RUNNING
    failed = as_of(operation, LOG_UPLOAD, said + timedelta(seconds=120))
    assert failed.state is FAILED
    assert words_of(failed)[-1] == "no file came"
    assert failed.ended_at == said + timedelta(seconds=120)


@pytest.mark.parametrize("later", [timedelta(seconds=1), timedelta(hours=1)])
def test_a_file_that_comes_after_the_stations_word_makes_it_done(later):
    operation = uploaded()
    at = operation.updated_at + later
    for known in (operation, as_of(operation, LOG_UPLOAD, at)):
        assert received(known, LOG_UPLOAD, FILE, at).state is DONE


def test_a_file_that_comes_before_the_stations_word_waits_for_it():
    operation = answered(asked(LOG_UPLOAD, parameters={"here": True}), ACCEPTED, T0)
    here = received(operation, LOG_UPLOAD, FILE, T0)
    assert here.state is RUNNING
    assert told(here, LOG_UPLOAD, News("Uploaded", 7), T0).state is DONE


def test_a_file_that_goes_elsewhere_is_there_by_the_stations_word():
    assert uploaded(here=False).state is DONE


def test_an_answer_after_the_stations_word_does_not_make_up_a_file():
    operation = told(asked(LOG_UPLOAD, parameters={"here": True}), LOG_UPLOAD, News("Uploaded"), T0)
    late = answered(operation, ACCEPTED, T0)
    assert late.state is RUNNING
    assert as_of(late, LOG_UPLOAD, T0 + timedelta(minutes=3)).state is FAILED


def test_what_is_done_stays_done():
    assert after("Installed", "Downloading", "DownloadFailed").state is DONE


@pytest.mark.parametrize("status", ["Rejected", "InvalidCertificate", "RevokedCertificate"])
def test_a_refusal_ends_it_in_the_stations_own_word(status):
    """TC_L_04_CSMS, TC_L_05_CSMS, TC_N_34_CSMS"""
    operation = answered(asked(), CommandReply(CommandOutcome.REJECTED, status), T0)
    assert operation.state is OperationState.REJECTED
    assert words_of(operation) == [status]


def test_an_answer_that_comes_after_the_first_notification_takes_nothing_back():
    operation = told(asked(), FIRMWARE_UPDATE, News("Downloading", 7), T0)
    assert answered(operation, CommandReply(CommandOutcome.TIMEOUT), T0).state is RUNNING


def test_an_acceptance_ends_what_nothing_follows():
    """TC_N_32_CSMS: clear without a report."""
    operation = asked(CUSTOMER_INFORMATION, ends_when_accepted=True)
    assert answered(operation, ACCEPTED, T0).state is DONE


def test_without_an_answer_it_may_still_be_told_of():
    operation = answered(asked(), CommandReply(CommandOutcome.TIMEOUT), T0)
    assert operation.state is OperationState.REQUESTED
    assert told(operation, FIRMWARE_UPDATE, News("Downloading", 7), T0).state is RUNNING


def test_silence_ends_it_at_its_deadline():
    operation = after("Downloading")
    last = deadline(operation, FIRMWARE_UPDATE)
    assert as_of(operation, FIRMWARE_UPDATE, last - timedelta(seconds=1)).state is RUNNING
    over = as_of(operation, FIRMWARE_UPDATE, last + timedelta(days=3))
    assert over.state is OperationState.NO_NEWS
    assert over.ended_at == last


def test_silence_before_a_scheduled_start_is_no_silence():
    later = T0 + timedelta(days=10)
    operation = after(operation=asked(not_before=later))
    assert as_of(operation, FIRMWARE_UPDATE, later).state is RUNNING


def test_news_after_no_news_goes_on_with_it():
    silent = as_of(after("Downloading"), FIRMWARE_UPDATE, T0 + timedelta(days=30))
    later = T0 + timedelta(days=31)
    operation = told(silent, FIRMWARE_UPDATE, News("Installed"), later)
    assert operation.state is DONE
    assert operation.ended_at == later


def test_a_file_that_came_is_a_success_whatever_the_station_leaves_unsaid():
    operation = noted(after(kind=LOG_UPLOAD), T0, "received", result={"file": {"id": "f"}})
    assert as_of(operation, LOG_UPLOAD, T0 + timedelta(days=1)).state is DONE


def test_a_request_id_finds_its_operation_even_an_ended_one():
    old, new = after("Installed", operation=asked(request_id=1)), asked(request_id=2)
    assert addressed([new, old], 1) is old
    assert addressed([new, old], 3) is None


def test_without_a_request_id_the_newest_unfinished_one_is_meant():
    """1.6: FirmwareStatusNotification and DiagnosticsStatusNotification name no request."""
    done = after("Installed", operation=asked(request_id=3))
    running, older = asked(request_id=2), asked(request_id=1)
    assert addressed([done, running, older], None) is running


def test_without_a_request_id_a_failed_newest_one_may_go_on_but_no_other():
    failed = after("DownloadFailed", operation=asked(request_id=2))
    done = after("Installed", operation=asked(request_id=3))
    assert addressed([failed, done], None) is failed
    assert addressed([done, failed], None) is None
    assert addressed([], None) is None


def test_a_report_is_done_with_its_last_part():
    """TC_N_27_CSMS, TC_N_28_CSMS, TC_N_30_CSMS, TC_N_31_CSMS: with data or without."""
    operation = after(PART, PART, kind=CUSTOMER_INFORMATION)
    assert operation.state is RUNNING
    news = News(LAST_PART, 7, result={"report": {"complete": True}})
    done = told(operation, CUSTOMER_INFORMATION, news, T0)
    assert done.state is DONE
    assert done.result == {"report": {"complete": True}}
