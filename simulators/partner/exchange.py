"""One request that passed the gate, and what is said to it: an `Answer`, or a `Refusal`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from simulators.partner.exact_json import InvalidJSON, loads
from simulators.partner.finding import Finding, violation
from simulators.partner.owner import Owner
from simulators.partner.peer import Peer

GENERIC_CLIENT_ERROR = 2000
STATUS_CODES = "2.2.1 status_codes"
NO_DATA = object()


@dataclass(frozen=True, slots=True)
class Answer:
    data: Any = NO_DATA
    http_status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The request is answered with an error; the findings say what was wrong with it."""

    def __init__(
        self,
        http_status: int,
        status_code: int,
        message: str,
        findings: list[Finding] | None = None,
    ) -> None:
        super().__init__(message)
        self.http_status = http_status
        self.status_code = status_code
        self.message = message
        self.findings = findings or []


@dataclass(slots=True)
class Exchange:
    """One request that passed the gate."""

    request: web.Request
    token: str
    peer: Peer | None
    """None for the holder of a token A"""
    findings: list[Finding] = field(default_factory=list)
    sender: Owner | None = None
    """As the routing headers say"""
    receiver: Owner | None = None
    broadcast: bool = False
    """Addressed to our hub, and so to all behind it"""

    def registered(self) -> Peer:
        if self.peer is None:
            raise Refusal(401, GENERIC_CLIENT_ERROR, "not registered")
        return self.peer

    async def json(self) -> Any:
        """The body; HTTP 400 when it is no JSON, as status_codes demands."""
        if not self.request.headers.get("Content-Type", "").startswith("application/json"):
            self.findings.append(
                violation(
                    "2.2.1 transport_and_format, Request format",
                    "Content-Type SHALL be application/json",
                    "Content-Type",
                    self.request.headers.get("Content-Type"),
                    refuses=False,
                )
            )
        text = await self.request.read()
        try:
            return loads(text)
        except InvalidJSON as error:
            found = violation(STATUS_CODES, f"no JSON: {error}", "body", repr(text[:100]))
            raise Refusal(400, GENERIC_CLIENT_ERROR, "the body is no JSON", [found]) from None
