"""The one look into the operator's registry that must find something."""

from gateway.domain.charge_points import ChargePointRecord
from gateway.services.ports import UnknownChargePoint
from gateway.store import Store


async def registered(store: Store, identity: str) -> ChargePointRecord:
    """The record of a charge point. Raises `UnknownChargePoint`."""
    record = await store.charge_points.get(identity)
    if record is None:
        raise UnknownChargePoint(identity)
    return record
