"""What all versions do alike: keeping, telling the time, answering a boot, reading a status."""

from collections.abc import Callable, Mapping
from datetime import datetime

from gateway.domain import timestamps
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.configuration import TAKEN, Written
from gateway.ocpp.dialect import Handler, Payload
from gateway.services.stations.provisioning import BootDecision, Provisioning
from gateway.services.stations.station_state import StationState


def keeping(provisioning: Provisioning, action: str, answer: Payload) -> Handler:
    """Keep every message of this action for the operator; some stations exit when refused."""

    async def keep(state: StationState, payload: Payload) -> Payload:
        await provisioning.keep(state, action, payload)
        return answer

    return keep


def keeping_all(provisioning: Provisioning, answers: Mapping[str, Payload]) -> dict[str, Handler]:
    """The routes of messages that are only kept, each with its answer."""
    return {action: keeping(provisioning, action, answer) for action, answer in answers.items()}


def by_status(outcomes: Mapping[str, CommandOutcome]) -> Callable[[Payload], CommandReply]:
    """Read an answer whose `status` says it all; an unknown word is a failure."""

    def read(answer: Payload) -> CommandReply:
        status = str(answer.get("status"))
        return CommandReply(outcomes.get(status, CommandOutcome.FAILED), status)

    return read


async def heartbeat(
    now: Callable[[], datetime], _state: StationState, _payload: Payload
) -> Payload:
    """Heartbeat: the station sets its clock by the answer."""
    return {"currentTime": timestamps.to_text(now())}


def boot_answer(decision: BootDecision) -> Payload:
    """The answer to BootNotification."""
    return {
        "status": decision.status,
        "currentTime": timestamps.to_text(decision.now),
        "interval": decision.interval,
    }


def written(results: dict[str, str]) -> CommandReply:
    """The reply to `WriteSettings`, of the station's word for each setting."""
    words = sorted(results.values(), key=_weight)
    taken = bool(words) and all(word in TAKEN for word in words)
    outcome = CommandOutcome.ACCEPTED if taken else CommandOutcome.REJECTED
    return CommandReply(outcome, words[0] if words else None, {"results": results})


def _weight(word: str) -> int:
    """Lower tells more: a refusal, then RebootRequired, then Accepted."""
    return {Written.ACCEPTED.value: 2, Written.REBOOT_REQUIRED.value: 1}.get(word, 0)
