"""Notifications of what a station is doing on our behalf: kept, and told to their operation."""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from gateway.domain.operations import LAST_PART, PART, News, OperationKind
from gateway.domain.reports import Part
from gateway.domain.timestamps import to_text
from gateway.ocpp import wire
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Handler, Payload
from gateway.services.stations.station_state import StationState


def following(
    services: ChargePointServices,
    action: str,
    kinds: Collection[OperationKind],
    read: Callable[[Payload], News],
) -> Handler:
    """The handler of a notification about operations of these kinds; its answer is empty."""

    async def follow(state: StationState, payload: Payload) -> Payload:
        await services.provisioning.keep(state, action, payload)
        await services.operations.heard(state, kinds, read(payload))
        return {}

    return follow


def by_status(payload: Payload) -> News:
    """A notification whose `status` says it all; 2.1 adds a reason."""
    reason = payload.get("statusInfo") or {}
    detail = reason.get("additionalInfo") or reason.get("reasonCode")
    return News(str(payload["status"]), wire.optional_integer(payload, "requestId"), detail)


def by_part(
    services: ChargePointServices, kind: OperationKind, read: Callable[[Payload], Part]
) -> Handler:
    """The handler of a report that comes in parts; the operation points to it."""

    async def report(state: StationState, payload: Payload) -> Payload:
        part = read(payload)
        progress = await services.reports.received(state, part)
        shown = {"kind": part.kind, "parts": progress.parts, "complete": progress.complete}
        word = PART if part.more else LAST_PART
        news = News(word, part.request_id, result={"report": shown})
        await services.operations.heard(state, (kind,), news)
        return {}

    return report


def given(**members: Any) -> Payload:
    """The members that are not None, times as text."""
    return {
        name: to_text(value) if isinstance(value, datetime) else value
        for name, value in members.items()
        if value is not None
    }
