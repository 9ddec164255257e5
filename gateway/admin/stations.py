"""Charge points as the operator is shown them."""

from typing import Any

from gateway.domain.commands import CommandReply
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.routing import StationRouter


async def described(
    charge_points: ChargePoints, router: StationRouter, identity: str
) -> dict[str, Any] | None:
    """One with its live state; None if it is not registered.

    A route that an earlier process of this node has left behind is no connection.
    """
    found = await charge_points.describe(identity)
    connection = found and found["connection"]
    if found and connection and router.is_left_behind(identity, connection["node"]):
        found |= {"connected": False, "connection": None}
    return found


def outcome(reply: CommandReply) -> dict[str, Any]:
    """How a station took what the operator asked of it."""
    return {"outcome": reply.outcome, "station_status": reply.status}
