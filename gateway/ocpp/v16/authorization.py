"""Authorize."""

from collections.abc import Mapping
from functools import partial

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.v16 import translate
from gateway.services.authorization import AuthorizationService
from gateway.services.station_state import StationState


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a charge point sends of it."""
    return {"Authorize": partial(authorize, services.authorization)}


async def authorize(
    authorization: AuthorizationService, state: StationState, payload: Payload
) -> Payload:
    """Authorize.req."""
    decision = await authorization.authorize(state, translate.token(payload["idTag"]))
    return {"idTagInfo": translate.id_tag_info(decision)}


BLOCK = Block(routes)
