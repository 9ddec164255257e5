"""What stations do, told to the operations that wait for it.

Nearly all the time nothing waits, and a message costs a look at a set.
"""

from collections.abc import Awaitable, Callable, Mapping

from gateway.domain.happenings import Happening
from gateway.ocpp.dialect import Handler, Payload
from gateway.services.stations.operations import Operations
from gateway.services.stations.station_state import StationState

Read = Callable[[str, Payload, Payload], Happening]


def watched(
    routes: Mapping[str, Handler], operations: Operations, read: Read
) -> dict[str, Handler]:
    """The same routes; what is taken is told to the operations that may wait for it."""
    return {
        action: _watched(action, handler, operations, read) for action, handler in routes.items()
    }


def _watched(action: str, handler: Handler, operations: Operations, read: Read) -> Handler:
    async def told(state: StationState, payload: Payload) -> Payload:
        answer = await handler(state, payload)
        await operations.happened(state, read(action, payload, answer))
        return answer

    def route(state: StationState, payload: Payload) -> Awaitable[Payload]:
        watching = state.watching
        if watching is None or action in watching:
            return told(state, payload)
        return handler(state, payload)

    return route
