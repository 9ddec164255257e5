"""A station that makes up connectors fills neither our memory nor the store."""

from typing import Any

import pytest

from gateway.domain.events import ConnectorState, ConnectorStatusReported
from gateway.services.stations import status


async def test_a_station_has_no_more_connectors_than_any_could_have(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S14: any number is a connectorId."""
    monkeypatch.setattr(status, "MOST_CONNECTORS", 3)
    state = await house.station("ocpp1.6")
    for number in range(1, 10):
        await house.status.reported(
            state, ConnectorStatusReported(number, number, ConnectorState.AVAILABLE, None)
        )
    await house.status.reported(state, ConnectorStatusReported(2, 2, ConnectorState.FAULTED, None))
    fields = await house.store.party(state.party).stations.load(state.identity)
    assert {name for name in fields if name.startswith("evse:")} == {"evse:1", "evse:2", "evse:3"}
    assert set(state.evses) == {1, 2, 3}
    assert state.evses[2].states() == [ConnectorState.FAULTED]
