"""Smart charging, of which we are the Sender: charging profiles and charging preferences."""

import asyncio
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from simulators.partner.client import CallFailed, Client, Report
from simulators.partner.exact_json import Json
from simulators.partner.exchange import GENERIC_CLIENT_ERROR, Answer, Exchange, Refusal
from simulators.partner.finding import refusing, violation
from simulators.partner.gate import Gate
from simulators.partner.owner import Owner
from simulators.partner.peer import Peer
from simulators.partner.receipt import INVALID_PARAMETERS
from simulators.partner.site import Site
from simulators.partner.v2_2_1.sessions import CHARGING_PREFERENCES_RESPONSES
from simulators.partner.version import Version

KEPT = 1000
MAX_WAIT = 300.0
CHARGING_PROFILES = "2.2.1 mod_charging_profiles"

# what the POST to the response_url carries, by the method of the request
_RESULTS = {
    "GET": "ActiveChargingProfileResult",
    "PUT": "ChargingProfileResult",
    "DELETE": "ClearProfileResult",
}


@dataclass(slots=True)
class ProfileRequest:
    """One request about the charging profile of a session, and what came of it."""

    id: str
    method: str
    session_id: str
    response: Json | None = None
    result: Json | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "method": self.method,
            "session_id": self.session_id,
            "response": self.response,
            "result": self.result,
        }


class Profiles:
    def __init__(
        self,
        version: Version,
        site: Site,
        client: Client,
        report: Report,
        module_url: Callable[[str], str],
    ) -> None:
        self._version = version
        self._site = site
        self._client = client
        self._report = report
        self._module_url = module_url
        self.sent: OrderedDict[str, ProfileRequest] = OrderedDict()
        self.active: dict[str, list[Json]] = {}
        """The ActiveChargingProfiles that were pushed, by session id in lower case"""

    def routes(self, gate: Gate, base: str) -> list[web.RouteDef]:
        module = f"{base}/chargingprofiles"
        return [
            web.post(f"{module}/results/{{id}}", gate.functional(self.result)),
            web.put(f"{module}/{{session_id}}", gate.functional(self.put_active)),
        ]

    # -- requests

    async def put(
        self, peer: Peer, session_id: str, profile: Json, wait: float | None, sender: Owner | None
    ) -> ProfileRequest:
        request = self._new("PUT", session_id)
        body = {"charging_profile": profile, "response_url": self._response_url(request)}
        read, findings = self._version.check("SetChargingProfile", body)
        if read is None:
            broken = refusing(findings)[0]
            raise ValueError(f"{broken.where}: {broken.what}")
        return await self._send(peer, request, {}, body, wait, sender)

    async def get(
        self, peer: Peer, session_id: str, duration: int, wait: float | None, sender: Owner | None
    ) -> ProfileRequest:
        request = self._new("GET", session_id)
        query = {"duration": str(duration), "response_url": self._response_url(request)}
        return await self._send(peer, request, query, None, wait, sender)

    async def clear(
        self, peer: Peer, session_id: str, wait: float | None, sender: Owner | None
    ) -> ProfileRequest:
        request = self._new("DELETE", session_id)
        query = {"response_url": self._response_url(request)}
        return await self._send(peer, request, query, None, wait, sender)

    def _new(self, method: str, session_id: str) -> ProfileRequest:
        request = ProfileRequest(uuid.uuid4().hex, method, session_id)
        self.sent[request.id] = request
        if len(self.sent) > KEPT:
            self.sent.popitem(last=False)
        return request

    def _response_url(self, request: ProfileRequest) -> str:
        return f"{self._module_url('chargingprofiles')}/results/{request.id}"

    async def _send(
        self,
        peer: Peer,
        request: ProfileRequest,
        query: dict[str, str],
        body: Json | None,
        wait: float | None,
        sender: Owner | None,
    ) -> ProfileRequest:
        endpoint = peer.endpoint("chargingprofiles", "RECEIVER")
        if endpoint is None:
            raise CallFailed("the platform does not receive charging profiles")
        session_id = quote(self._site.habits.id(request.session_id), safe="")
        url = f"{endpoint.rstrip('/')}/{session_id}{'?' + urlencode(query) if query else ''}"
        reply = await self._client.functional(request.method, url, peer, body, sender=sender)
        response, findings = self._version.check("ChargingProfileResponse", reply.data)
        self._report(f"answer to {request.method} {url}", findings)
        if response is None:
            raise CallFailed("no ChargingProfileResponse", reply.http_status, reply.status_code)
        request.response = reply.data
        if response.result == "ACCEPTED":
            seconds = response.timeout if wait is None else wait
            try:
                async with asyncio.timeout(min(max(seconds, 0.0), MAX_WAIT)):
                    await request.answered.wait()
            except TimeoutError:
                self._site.feed.emit("profile_timeout", id=request.id, method=request.method)
        return request

    # -- Sender interface

    async def result(self, exchange: Exchange) -> Answer:
        request = self.sent.get(exchange.request.match_info["id"])
        if request is None:
            found = violation(CHARGING_PROFILES, "no such request was sent", "response_url")
            raise Refusal(404, GENERIC_CLIENT_ERROR, "unknown request", [found])
        data = await exchange.json()
        result, findings = self._version.check(_RESULTS[request.method], data)
        if result is None:
            raise Refusal(200, INVALID_PARAMETERS, findings[0].what, findings)
        exchange.findings += findings
        if request.answered.is_set():
            what = "a second result for one request"
            exchange.findings.append(violation(CHARGING_PROFILES, what, refuses=False))
        if request.response is not None and request.response["result"] != "ACCEPTED":
            what = "a result follows only an ACCEPTED ChargingProfileResponse"
            exchange.findings.append(violation(CHARGING_PROFILES, what, refuses=False))
        request.result = data
        request.answered.set()
        self._site.feed.emit("profile_result", method=request.method, result=result.result)
        return Answer()

    async def put_active(self, exchange: Exchange) -> Answer:
        session_id = exchange.request.match_info["session_id"]
        data = await exchange.json()
        read, findings = self._version.check("ActiveChargingProfile", data)
        if read is None:
            raise Refusal(200, INVALID_PARAMETERS, findings[0].what, findings)
        exchange.findings += findings
        if not self._was_set(session_id):
            exchange.findings.append(
                violation(
                    f"{CHARGING_PROFILES}, PUT",
                    "SHALL NOT be called for a session for which no profile was set",
                    "session_id",
                    session_id,
                    refuses=False,
                )
            )
        self.active.setdefault(session_id.lower(), []).append(data)
        self._site.feed.emit("active_profile", session_id=session_id)
        return Answer()

    def _was_set(self, session_id: str) -> bool:
        return any(
            request.method == "PUT"
            and request.session_id.lower() == session_id.lower()
            and (request.response or {}).get("result") == "ACCEPTED"
            for request in self.sent.values()
        )

    # -- charging preferences

    async def put_preferences(
        self, peer: Peer, session_id: str, preferences: Json, sender: Owner | None
    ) -> Any:
        """The CPO's ChargingPreferencesResponse; raises `CallFailed`, ValueError."""
        read, findings = self._version.check("ChargingPreferences", preferences)
        if read is None:
            raise ValueError(f"{findings[0].where}: {findings[0].what}")
        endpoint = peer.endpoint("sessions", "SENDER")
        if endpoint is None:
            raise CallFailed("the platform does not send sessions")
        session = quote(self._site.habits.id(session_id), safe="")
        url = f"{endpoint.rstrip('/')}/{session}/charging_preferences"
        reply = await self._client.functional("PUT", url, peer, preferences, sender=sender)
        if reply.data not in CHARGING_PREFERENCES_RESPONSES:
            clause = "2.2.1 mod_sessions, ChargingPreferencesResponse"
            found = violation(clause, "no ChargingPreferencesResponse", "data", reply.data)
            self._report(f"answer to PUT {url}", [found])
        return reply.data
