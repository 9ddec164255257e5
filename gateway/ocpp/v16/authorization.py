"""Authorize."""

from collections.abc import Mapping
from functools import partial

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.v16 import translate
from gateway.services.access.authorization import AuthorizationService
from gateway.services.billing.cost import Costs
from gateway.services.stations.station_state import StationState


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a charge point sends of it."""
    return {"Authorize": partial(authorize, services.authorization, services.costs)}


async def authorize(
    authorization: AuthorizationService, costs: Costs, state: StationState, payload: Payload
) -> Payload:
    """Authorize.req; a display that shows prices is told them after it."""
    decision = await authorization.authorize(state, translate.token(payload["idTag"]))
    if decision.accepted:
        costs.identified(state, payload["idTag"], decision.language)
    return {"idTagInfo": translate.id_tag_info(decision)}


BLOCK = Block(routes)
