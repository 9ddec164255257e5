"""What has been seen so far, from the reports of the simulators themselves."""

from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from rich.text import Text

_RECENT = 14


@dataclass(slots=True)
class Picture:
    """What has been seen so far, from the simulators' own reports."""

    connected: set[str] = field(default_factory=set)
    statuses: dict[tuple[str, int], str] = field(default_factory=dict)
    stopped: list[dict[str, Any]] = field(default_factory=list)
    cdrs: list[dict[str, Any]] = field(default_factory=list)
    pushes: dict[str, int] = field(default_factory=dict)
    registered: bool = False
    tokens: set[str] = field(default_factory=set)
    violations: list[dict[str, Any]] = field(default_factory=list)
    recent: deque[Text] = field(default_factory=lambda: deque(maxlen=_RECENT))
    failures: list[str] = field(default_factory=list)

    def charger_said(self, event: dict[str, Any]) -> None:
        """Take one line of the fleet."""
        kind, station = event["event"], event["station"]
        if kind == "connected":
            self.connected.add(station)
        elif kind == "disconnected":
            self.connected.discard(station)
        elif kind == "status":
            self.statuses[station, event["connector"]] = event["status"]
        elif kind == "transaction_stopped":
            self.stopped.append(event)
        self._note("charger", "cyan", _charger_line(event))

    def partner_said(self, event: dict[str, Any]) -> None:
        """Take one line of the partner."""
        kind = event["event"]
        if kind == "registered":
            self.registered = True
        elif kind == "token_pushed":
            self.tokens.add(event["uid"])
        elif kind == "cdr_received" and not event["repeated"]:
            self.cdrs.append(event)
        elif kind == "violation":
            self.violations.append(event)
        if kind.endswith("_received"):
            self.pushes[kind] = self.pushes.get(kind, 0) + 1
        self._note("partner", "magenta", _partner_line(event))

    def _note(self, who: str, style: str, line: str | None) -> None:
        if line is not None:
            self.recent.append(Text.assemble((f"{who:8}", style), line))


def excluding(cdr: dict[str, Any]) -> str:
    cost = cdr["total_cost"]
    return str(cost.get("excl_vat", cost.get("before_taxes")))


def cdr_line(cdr: dict[str, Any]) -> str:
    return f"CDR {cdr['id']}  {cdr['kwh']} kWh  {excluding(cdr)} {cdr['currency']} excl. VAT"


def _charger_line(event: dict[str, Any]) -> str | None:
    station = event["station"]
    match event["event"]:
        case "connected" | "disconnected" as kind:
            return f"{station} {kind} (OCPP {event['version']})"
        case "status":
            return f"{station} connector {event['connector']} is {event['status']}"
        case "transaction_started":
            return f"{station} charges token {event['token']}"
        case "transaction_stopped":
            return f"{station} stopped after {Decimal(event['energy_wh']) / 1000} kWh"
    return None


def _partner_line(event: dict[str, Any]) -> str | None:
    match event["event"]:
        case "registered":
            return "registered by the credentials handshake"
        case "location_received":
            place = event.get("evse_uid", event["location_id"])
            return f"{event['method']} {place} {event.get('status', '')}"
        case "session_received":
            return (
                f"{event['method']} session {event['id'][:8]} {event['kwh']} kWh {event['status']}"
            )
        case "cdr_received":
            return cdr_line(event)
        case "violation":
            return f"VIOLATION {event.get('what', '')}"
    return None
