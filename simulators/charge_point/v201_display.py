"""Block O of 2.0.1, the cost of a session (I02), and what is known of a customer (N09, N10)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulators.charge_point.clock import wire_time
from simulators.charge_point.library import Fields, Handler

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

MESSAGES_PER_PART = 5
CHARACTERS_PER_PART = 512
"""NotifyCustomerInformationRequest.data"""


@dataclass
class DisplayCalls:
    station: "SimulatedChargePoint"
    _forgotten: set[str] = field(default_factory=set)

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "ClearDisplayMessage": self.clear_display_message,
            "CostUpdated": self.cost_updated,
            "CustomerInformation": self.customer_information,
            "GetDisplayMessages": self.get_display_messages,
            "SetDisplayMessage": self.set_display_message,
        }

    def set_display_message(self, message: dict[str, Any], **_: Any) -> Fields:
        about = message.get("transaction_id")
        running = about is not None and self.station.requests.running(about) is not None
        status = self.station.display.set(message, running)
        self.station.emit("display_message", id=message["id"], status=status)
        return {"status": status}

    def get_display_messages(
        self,
        request_id: int,
        id: list[int] | None = None,
        priority: str | None = None,
        state: str | None = None,
        **_: Any,
    ) -> Fields:
        found = self.station.display.find(id, priority, state)
        if not found:
            return {"status": "Unknown"}
        self.station.soon(self._show(request_id, found))
        return {"status": "Accepted"}

    def clear_display_message(self, id: int, **_: Any) -> Fields:
        return {"status": self.station.display.clear(id)}

    def cost_updated(self, total_cost: Any, transaction_id: str, **_: Any) -> Fields:
        self.station.show_cost(transaction_id, total_cost)
        return {}

    def customer_information(
        self,
        request_id: int,
        report: bool,
        clear: bool,
        id_token: dict[str, Any] | None = None,
        customer_identifier: str | None = None,
        customer_certificate: dict[str, Any] | None = None,
        **_: Any,
    ) -> Fields:
        named = [one for one in (id_token, customer_identifier, customer_certificate) if one]
        if len(named) != 1 or not (report or clear):
            return {"status": "Invalid"}
        uid = id_token["id_token"] if id_token else customer_identifier or ""
        text = self._known(uid)
        if clear:
            # What goes on the wire of a running transaction stays; nothing here tells it again.
            self._forgotten.add(uid.casefold())
        self.station.soon(self._inform(request_id, text if report else ""))
        return {"status": "Accepted"}

    def _known(self, uid: str) -> str:
        if uid.casefold() in self._forgotten:
            return ""
        visits = [
            f"{wire_time(transaction.started_at)} connector {transaction.connector}"
            for transaction in self.station.ledger
            if transaction.token.uid.casefold() == uid.casefold()
        ]
        return "\n".join(visits)

    async def _show(self, request_id: int, found: list[dict[str, Any]]) -> None:
        for at in range(0, len(found), MESSAGES_PER_PART):
            fields = {
                "request_id": request_id,
                "message_info": found[at : at + MESSAGES_PER_PART],
                "tbc": at + MESSAGES_PER_PART < len(found),
            }
            await self.station.say(("NotifyDisplayMessages", fields))

    async def _inform(self, request_id: int, text: str) -> None:
        """Told also when nothing is known, or when it was only to be cleared."""
        parts = [
            text[at : at + CHARACTERS_PER_PART] for at in range(0, len(text), CHARACTERS_PER_PART)
        ] or [""]
        for number, part in enumerate(parts):
            fields = {
                "data": part,
                "seq_no": number,
                "generated_at": wire_time(self.station.timestamps.take()),
                "request_id": request_id,
                "tbc": number < len(parts) - 1,
            }
            await self.station.say(("NotifyCustomerInformation", fields))
