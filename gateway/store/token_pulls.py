"""How the pulls of partners' tokens stand: kept here, so that no restart and no second node pulls
what was pulled already.
"""

from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.domain.timestamps import from_text, to_text
from gateway.domain.token_pulls import PullFailure, PullKind, PullReport, PullState
from gateway.store.bus import Bus
from gateway.store.keys import token_pull
from gateway.store.server import Server

PULLS_TOPIC = "token-pulls"


class TokenPulls:
    """One state per partner. Wishes are announced on the bus: `{"partner": ...}`."""

    def __init__(self, server: Server, bus: Bus) -> None:
        self._server = server
        self._bus = bus

    async def get(self, partner_id: str) -> PullState:
        """The state; one of a partner that was never pulled is empty."""
        found = await self._server.command("HGETALL", token_pull(partner_id))
        values = {name.decode(): value for name, value in found.items()}
        return PullState(
            wanted=int(values.get("wanted", 0)),
            answered=int(values.get("answered", 0)),
            full=_moment(values.get("full")),
            latest=_moment(values.get("latest")),
            last=_report(values.get("last")),
            failure=_failure(values.get("failure")),
        )

    async def want(self, partner_id: str) -> None:
        """Have the whole list pulled, by whichever node is first."""
        await self._server.command("HINCRBY", token_pull(partner_id), "wanted", 1)
        await self._bus.publish(PULLS_TOPIC, {"partner": partner_id})

    async def complete(self, partner_id: str, report: PullReport, answered: int) -> None:
        """A pull has come to its end."""
        started = to_text(report.started)
        fields: list[str | bytes] = ["latest", started]
        fields += ["last", exact_json.dumps(_document(report))]
        if report.kind is PullKind.FULL:
            fields += ["full", started, "answered", str(answered)]
        key = token_pull(partner_id)
        await self._server.command("HSET", key, *fields)
        await self._server.command("HDEL", key, "failure")

    async def fail(self, partner_id: str, failure: PullFailure) -> None:
        """A pull has failed."""
        document = {
            "count": failure.count,
            "at": to_text(failure.at),
            "again": to_text(failure.again),
            "wanted": failure.wanted,
            "error": failure.error,
        }
        value = exact_json.dumps(document)
        await self._server.command("HSET", token_pull(partner_id), "failure", value)


def _moment(value: bytes | None) -> datetime | None:
    return None if value is None else from_text(value.decode())


def _document(report: PullReport) -> dict[str, Any]:
    return {
        "kind": report.kind.value,
        "started": to_text(report.started),
        "ended": to_text(report.ended),
        "received": report.received,
        "changed": report.changed,
        "skipped": report.skipped,
        "missing": report.missing,
        "withdrawn": report.withdrawn,
    }


def _report(value: bytes | None) -> PullReport | None:
    if value is None:
        return None
    document = exact_json.loads(value)
    return PullReport(
        **document
        | {
            "kind": PullKind(document["kind"]),
            "started": from_text(document["started"]),
            "ended": from_text(document["ended"]),
        }
    )


def _failure(value: bytes | None) -> PullFailure | None:
    if value is None:
        return None
    document = exact_json.loads(value)
    return PullFailure(
        **document | {"at": from_text(document["at"]), "again": from_text(document["again"])}
    )
