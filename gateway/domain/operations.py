"""What a station was asked to do and then does in its own time, followed to its end.

An update of firmware, an upload of a log, a report in parts: the station's answer only says that
it will; notifications tell the rest. Each kind has one table of the words that a station may say
and where each leads. What a kind's table does not know is noted and changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.evse_status import EvseReports
from gateway.domain.happenings import Happening

MASK = "***"
_LONGEST_HISTORY = 100
# A station says "Uploaded" when the target has answered it; the file is here by then, or soon.
FILE_GRACE = timedelta(minutes=2)
NO_FILE = "no file came"


class OperationState(StrEnum):
    """How far an operation is."""

    REQUESTED = "requested"  # sent, or about to be; no answer yet
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    NO_NEWS = "no news"  # nothing was heard for longer than its kind allows


ENDS = frozenset(OperationState) - {OperationState.REQUESTED, OperationState.RUNNING}
# A station that gave up may try again, and one that fell silent may come back.
_MAY_GO_ON = frozenset({OperationState.FAILED, OperationState.NO_NEWS})

_RUNNING, _DONE, _FAILED = OperationState.RUNNING, OperationState.DONE, OperationState.FAILED

# FirmwareStatus (1.6, 7.25), FirmwareStatusEnumType (white paper 6.6; 2.0.1). The standards call
# each an intermediate state, a successful end state or a failure end state.
FIRMWARE_WORDS: Mapping[str, OperationState | None] = {
    "DownloadScheduled": _RUNNING,  # waits for retrieveDateTime
    "Downloading": _RUNNING,
    "DownloadPaused": _RUNNING,  # goes on later
    "Downloaded": _RUNNING,
    "DownloadFailed": _FAILED,
    "SignatureVerified": _RUNNING,
    "InvalidSignature": _FAILED,
    "InstallScheduled": _RUNNING,  # waits for installDateTime
    "Installing": _RUNNING,
    "InstallRebooting": _RUNNING,  # the boot that follows activates the new firmware
    "InstallVerificationFailed": _FAILED,
    "InstallationFailed": _FAILED,
    "Installed": _DONE,
    "Idle": None,  # the answer to a trigger while nothing runs
}

# DiagnosticsStatus (1.6, 7.24) and UploadLogStatusEnumType (white paper; 2.0.1).
UPLOAD_WORDS: Mapping[str, OperationState | None] = {
    "Uploading": _RUNNING,  # also said anew at each retry (errata 2.0.1, N01.FR.10)
    "Uploaded": _DONE,
    "UploadFailed": _FAILED,  # 1.6's word
    "UploadFailure": _FAILED,
    "BadMessage": _FAILED,  # the target did not understand the station
    "NotSupportedOperation": _FAILED,  # the target has no such operation
    "PermissionDenied": _FAILED,
    "AcceptedCanceled": OperationState.CANCELLED,  # a newer GetLog took its place
    "Idle": None,
}

# PublishFirmwareStatusEnumType (2.0.1): a local controller offers firmware to its stations.
PUBLISH_WORDS: Mapping[str, OperationState | None] = {
    "DownloadScheduled": _RUNNING,
    "Downloading": _RUNNING,
    "DownloadPaused": _RUNNING,
    "Downloaded": _RUNNING,
    "ChecksumVerified": _RUNNING,
    "Published": _DONE,
    "DownloadFailed": _FAILED,
    "InvalidChecksum": _FAILED,
    "PublishFailed": _FAILED,
    "Idle": None,
}

PART, LAST_PART = "part", "last part"
# Reports that come in parts; `tbc` (to be continued) tells which is the last.
PART_WORDS: Mapping[str, OperationState | None] = {PART: _RUNNING, LAST_PART: _DONE}


@dataclass(frozen=True, slots=True)
class OperationKind:
    """A kind: its words, and how long it may be without news before nobody waits any more.

    `patience` is how long that is after certain words instead. What follows an answer of some
    kinds are messages that a station also sends of its own accord: `awaits` names them, and
    `notices` says whether one of them is news.
    """

    name: str
    words: Mapping[str, OperationState | None]
    silence: timedelta
    patience: Mapping[str, timedelta] = field(default_factory=dict)
    awaits: "Awaits | None" = None
    notices: "Notices | None" = None


# An update waits for running transactions to end (L01.FR.06), and says nothing meanwhile.
FIRMWARE_UPDATE = OperationKind("firmware-update", FIRMWARE_WORDS, timedelta(hours=24))
FIRMWARE_PUBLISH = OperationKind("firmware-publish", PUBLISH_WORDS, timedelta(hours=6))
LOG_UPLOAD = OperationKind("log-upload", UPLOAD_WORDS, timedelta(hours=2))
DIAGNOSTICS = OperationKind("diagnostics", UPLOAD_WORDS, timedelta(hours=2))
CUSTOMER_INFORMATION = OperationKind("customer-information", PART_WORDS, timedelta(minutes=15))
MONITORING_REPORT = OperationKind("monitoring-report", PART_WORDS, timedelta(minutes=15))
# Over with the station's answer.
FIRMWARE_UNPUBLISH = OperationKind("firmware-unpublish", {}, timedelta(minutes=5))
MONITORING = OperationKind("monitoring", {}, timedelta(minutes=5))

KINDS = (
    FIRMWARE_UPDATE,
    FIRMWARE_PUBLISH,
    LOG_UPLOAD,
    DIAGNOSTICS,
    CUSTOMER_INFORMATION,
    MONITORING_REPORT,
    FIRMWARE_UNPUBLISH,
    MONITORING,
)

# A station's answer to the request itself.
ANSWERS: Mapping[CommandOutcome, OperationState] = {
    CommandOutcome.ACCEPTED: _RUNNING,
    CommandOutcome.REJECTED: OperationState.REJECTED,
    CommandOutcome.NOT_SUPPORTED: OperationState.REJECTED,
    CommandOutcome.EVSE_OCCUPIED: OperationState.REJECTED,
    CommandOutcome.EVSE_INOPERATIVE: OperationState.REJECTED,
    CommandOutcome.UNKNOWN_RESERVATION: OperationState.REJECTED,
    CommandOutcome.FAILED: _FAILED,
    # It may have taken the request all the same: notifications will tell, or nothing will.
    CommandOutcome.TIMEOUT: OperationState.REQUESTED,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an operation's history; `word` is the station's own where it has one."""

    at: datetime
    word: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing asked of one station.

    `parameters` are for the operator's eyes: what is secret in them is masked already.
    `not_before` is when the station begins at the earliest. `result` is what came of it.
    `ends_with` are the accepting answers that nothing follows. `looks_for` is what tells the
    messages of this operation from others; nobody is shown it.
    """

    id: str
    kind: str
    identity: str
    request_id: int
    created_at: datetime
    updated_at: datetime
    state: OperationState = OperationState.REQUESTED
    parameters: dict[str, Any] = field(default_factory=dict)
    history: tuple[Entry, ...] = ()
    not_before: datetime | None = None
    ended_at: datetime | None = None
    result: dict[str, Any] = field(default_factory=dict)
    ends_when_accepted: bool = False
    ends_with: tuple[str, ...] = ()
    looks_for: dict[str, Any] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether nothing more is expected."""
        return self.state in ENDS


@dataclass(frozen=True, slots=True)
class News:
    """What a station said of an operation; `request_id` None where the message has none."""

    word: str
    request_id: int | None = None
    detail: str | None = None
    result: dict[str, Any] = field(default_factory=dict)


Awaits = Callable[[Operation], frozenset[str]]
Notices = Callable[[Operation, Happening, Mapping[int, EvseReports]], News | None]


def noted(
    operation: Operation,
    at: datetime,
    word: str,
    detail: str | None = None,
    *,
    state: OperationState | None = None,
    result: Mapping[str, Any] | None = None,
) -> Operation:
    """One line more, and the state that it leads to. What is said twice is kept once."""
    entry = Entry(at, word, detail)
    history = operation.history
    if not history or (history[-1].word, history[-1].detail) != (word, detail):
        history = (*history, entry)[-_LONGEST_HISTORY:]
    new_state = operation.state if state is None else state
    ended_at = operation.ended_at if new_state is operation.state else at
    return replace(
        operation,
        history=history,
        updated_at=at,
        state=new_state,
        ended_at=ended_at if new_state in ENDS else None,
        result={**operation.result, **(result or {})},
    )


def answered(
    operation: Operation, reply: CommandReply, at: datetime, kind: OperationKind | None = None
) -> Operation:
    """The station's answer to the request. It never undoes what a notification has said."""
    word = reply.status or str(reply.outcome)
    error = reply.data.get("error")
    if operation.state is not OperationState.REQUESTED:
        return noted(operation, at, word, error)
    state = ANSWERS[reply.outcome]
    if reply.accepted and (operation.ends_when_accepted or reply.status in operation.ends_with):
        state = OperationState.DONE
    if kind is not None and state not in ENDS:
        early = [kind.words.get(entry.word) for entry in operation.history]
        state = next((one for one in early if one in ENDS), state) or state
    result = {name: value for name, value in reply.data.items() if name != "error"}
    return noted(operation, at, word, error, state=state, result=result)


def told(operation: Operation, kind: OperationKind, news: News, at: datetime) -> Operation:
    """A notification. An end state holds, but for one that a station may go on after.

    A file that it says it has put here is done when it is here.
    """
    state = kind.words.get(news.word)
    if operation.ended and operation.state not in _MAY_GO_ON:
        state = None
    if state is _DONE and _wants_file(operation):
        state = _RUNNING
    return noted(operation, at, news.word, news.detail, state=state, result=news.result)


def received(
    operation: Operation, kind: OperationKind, file: Mapping[str, Any], at: datetime
) -> Operation:
    """The file is here: done, if the station has said its last word already."""
    detail = f"{file['bytes']} bytes, sha256 {file['sha256']}, file {file['id']}"
    state = _DONE if _lacks_file(operation, kind) else None
    return noted(operation, at, "received", detail, state=state, result={"file": dict(file)})


def _wants_file(operation: Operation) -> bool:
    return bool(operation.parameters.get("here")) and "file" not in operation.result


def _lacks_file(operation: Operation, kind: OperationKind) -> bool:
    """Whether the station's last word was that the file is here, and it is not."""
    if not _wants_file(operation):
        return False
    said = (kind.words.get(entry.word) for entry in reversed(operation.history))
    return next((state for state in said if state is not None), None) is _DONE


def noticed(operation: Operation, kind: OperationKind, news: News, at: datetime) -> Operation:
    """What a station did, and may have done of its own accord.

    Before its answer it is only noted: it counts once the answer is no refusal.
    """
    unanswered = all(entry.word != CommandOutcome.TIMEOUT for entry in operation.history)
    if operation.state is OperationState.REQUESTED and unanswered:
        return noted(operation, at, news.word, news.detail, result=news.result)
    return told(operation, kind, news, at)


def superseded(operation: Operation, by: Operation, at: datetime) -> Operation:
    """The station dropped it for a newer request (AcceptedCanceled)."""
    detail = f"for request {by.request_id}"
    return noted(operation, at, "superseded", detail, state=OperationState.CANCELLED)


def deadline(operation: Operation, kind: OperationKind) -> datetime:
    """When to stop waiting for news."""
    if _lacks_file(operation, kind):
        return operation.updated_at + FILE_GRACE
    last = operation.history[-1].word if operation.history else ""
    patience = kind.patience.get(last, kind.silence)
    return max(operation.updated_at, operation.not_before or operation.updated_at) + patience


def as_of(operation: Operation, kind: OperationKind, now: datetime) -> Operation:
    """The operation as it is at `now`: over, if nothing was heard of it for too long.

    A file that has come is a success, whatever the station left unsaid; one that has not is none,
    whatever the station said.
    """
    last = deadline(operation, kind)
    if operation.ended or now < last:
        return operation
    if _lacks_file(operation, kind):
        return noted(operation, last, NO_FILE, state=_FAILED)
    has_come = "file" in operation.result
    state = OperationState.DONE if has_come else OperationState.NO_NEWS
    return replace(operation, state=state, ended_at=last)


def addressed(operations: list[Operation], request_id: int | None) -> Operation | None:
    """Which of the operations of a kind, newest first, a notification is about.

    1.6's FirmwareStatusNotification and DiagnosticsStatusNotification carry no request id: the
    newest unfinished one is meant; failing that the newest, if a station may go on after its end.
    """
    if request_id is not None:
        return next((one for one in operations if one.request_id == request_id), None)
    unfinished = next((one for one in operations if not one.ended), None)
    if unfinished is not None or not operations:
        return unfinished
    newest = operations[0]
    return newest if newest.state in _MAY_GO_ON else None
