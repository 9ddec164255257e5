"""Block I: cost updates, and the tariff in words."""

from gateway.domain.bills.cost import ShowRunningCost
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.tokens import Authorization
from gateway.ocpp.dialect import Asked, Block, Payload
from gateway.services.billing.cost import Costs
from gateway.services.stations.station_state import StationState

_LONGEST_LANGUAGE = 8  # MessageContentType.language


def personal_message(
    costs: Costs, state: StationState, evse_id: int | None, authorization: Authorization
) -> Payload:
    """`personalMessage` of IdTokenInfo: what charging costs, for a driver who may charge (I01).

    What the token's owner has to say (`info` of OCPI's AuthorizationInfo) goes before: it is about
    this driver, and the only word for one who may not charge.
    """
    text = authorization.info
    if text is None and authorization.accepted:
        text = costs.text(state, evse_id, authorization.language)
    if text is None:
        return {}
    language = text.language[:_LONGEST_LANGUAGE]
    return {"personalMessage": {"format": "UTF8", "language": language, "content": text.text}}


def cost_updated(command: ShowRunningCost) -> Asked:
    """CostUpdatedRequest; its answer is empty (I02)."""
    payload: Payload = {"totalCost": command.cost, "transactionId": command.transaction_id}
    return Asked("CostUpdated", payload, _taken)


def _taken(_answer: Payload) -> CommandReply:
    return CommandReply(CommandOutcome.ACCEPTED)


BLOCK = Block(asks={ShowRunningCost: cost_updated})
