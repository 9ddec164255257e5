"""A charge point that the operator takes away while it connects does not come in."""

from typing import Any

import pytest

from gateway.store import Fenced


@pytest.mark.parametrize("removed", [True, False])
async def test_one_that_was_disabled_or_removed_since_its_login_is_closed(
    house: Any, removed: bool
) -> None:
    """Its credentials were verified before; whoever ends connections did not see this one yet."""
    state = await house.station("ocpp2.0.1")
    await house.charge_points.disconnect(state)
    verified = await house.charge_points.get(state.identity)
    if removed:
        await house.charge_points.delete(state.identity)
    else:
        await house.charge_points.put(
            state.identity, security_profile=0, password=None, party=state.party, enabled=False
        )
    with pytest.raises(Fenced):
        await house.charge_points.connect(
            verified, protocol="ocpp2.0.1", remote="127.0.0.1", station=Closing()
        )
    assert await house.store.party(state.party).stations.route(state.identity) is None


async def test_one_that_was_changed_since_its_login_is_as_it_is_now(house: Any) -> None:
    """The word went to the connections that were there, and this one was not yet."""
    state = await house.station("ocpp2.0.1")
    verified = await house.charge_points.get(state.identity)
    changed = await house.charge_points.put(
        state.identity,
        security_profile=0,
        password=None,
        party=state.party,
        provision=False,
        quirks=["loose-types"],
    )
    again = await house.charge_points.connect(
        verified, protocol="ocpp2.0.1", remote="127.0.0.1", station=Closing()
    )
    assert again.record == changed
    assert again.quirks.names == {"loose-types"}


class Closing:
    """A socket that can be closed."""

    protocol = "ocpp2.0.1"

    async def close(self, reason: str) -> None:
        """Nothing is open."""
