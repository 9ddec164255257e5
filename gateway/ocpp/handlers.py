"""What handlers of every version do alike: keeping, telling the time, answering a boot."""

from collections.abc import Callable
from datetime import datetime

from gateway.domain import timestamps
from gateway.ocpp.dialect import Handler, Payload
from gateway.services.provisioning import BootDecision, Provisioning
from gateway.services.station_state import StationState


def keeping(provisioning: Provisioning, action: str, answer: Payload) -> Handler:
    """Keep every message of this action for the operator; some stations exit when refused."""

    async def keep(state: StationState, payload: Payload) -> Payload:
        await provisioning.keep(state, action, payload)
        return answer

    return keep


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
