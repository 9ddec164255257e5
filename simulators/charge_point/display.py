"""The station's display: messages of the CSMS (2.0.1 block O) and what a session costs (I02)."""

from dataclasses import dataclass, field
from typing import Any

PRIORITIES = ("AlwaysFront", "InFront", "NormalCycle")
FORMATS = frozenset({"ASCII", "UTF8", "QRCODE"})
STATES = frozenset({"Charging", "Faulted", "Idle", "Unavailable"})
MOST_MESSAGES = 20


@dataclass
class Display:
    """Messages by their id, in the words of MessageInfoType; costs by transaction."""

    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    costs: dict[str, Any] = field(default_factory=dict)

    def set(self, message: dict[str, Any], running: bool) -> str:
        """A DisplayMessageStatusEnumType; `running`: its transaction, if it names one, runs."""
        if message["message"]["format"] not in FORMATS:
            return "NotSupportedMessageFormat"
        if message["priority"] not in PRIORITIES:
            return "NotSupportedPriority"
        if message.get("state", "Idle") not in STATES:
            return "NotSupportedState"
        if message.get("transaction_id") is not None and not running:
            return "UnknownTransaction"
        if len(self.messages) >= MOST_MESSAGES and message["id"] not in self.messages:
            return "Rejected"
        self.messages[message["id"]] = message
        return "Accepted"

    def find(
        self, ids: list[int] | None, priority: str | None, state: str | None
    ) -> list[dict[str, Any]]:
        """GetDisplayMessages: what fits everything that was asked for."""
        return [
            message
            for id_, message in self.messages.items()
            if (not ids or id_ in ids)
            and priority in (None, message["priority"])
            and state in (None, message.get("state"))
        ]

    def clear(self, id_: int) -> str:
        return "Unknown" if self.messages.pop(id_, None) is None else "Accepted"
