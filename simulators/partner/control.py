"""The control API: what tests and operators' scripts do with the partner, over HTTP.

JSON under /control/ on the partner's own port, for callers on this machine only.
"""

import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import fields as fields_of
from typing import Any

from aiohttp import web

from simulators.partner.client import CallFailed
from simulators.partner.exact_json import InvalidJSON, dumps, loads
from simulators.partner.faults import MAX_SECONDS, Fault
from simulators.partner.habits import habits
from simulators.partner.payments import CONFIRMATIONS, TERMINALS
from simulators.partner.platform import SimulatedPartner
from simulators.partner.policy import settings
from simulators.partner.v2_2_1.types import parse_datetime

Call = Callable[[web.Request, Any], Awaitable[Any]]
COMMAND_WAIT = 120.0


class Control:
    def __init__(self, partner: SimulatedPartner) -> None:
        self._partner = partner

    def routes(self) -> list[web.RouteDef]:
        gets: dict[str, Call] = {
            "state": self.state,
            "locations": self.held,
            "sessions": self.held,
            "cdrs": self.held,
            "tariffs": self.held,
            "tokens": self.held,
            "records": self.held,
            "terminals": self.held,
            "habits": self.habits,
            "parties": self.parties,
            "requests": self.requests,
            "events": self.events,
            "authorization": self.authorization,
            "faults": self.faults,
        }
        posts: dict[str, Call] = {
            "register": self.register,
            "invite": self.invite,
            "unregister": self.unregister,
            "rotate": self.rotate,
            "tokens": self.put_token,
            "update": self.update,
            "commands/{command}": self.command,
            "profiles/{session_id}": self.profile,
            "preferences/{session_id}": self.preferences,
            "parties": self.put_party,
            "payments/{module}": self.put_payment,
            "records": self.put_record,
            "habits": self.set_habits,
            "authorization": self.set_authorization,
            "faults": self.add_fault,
            "forget": self.forget,
            "pull/{module}": self.pull,
        }
        return [
            *(web.get(f"/control/{path}", _endpoint(call)) for path, call in gets.items()),
            *(web.post(f"/control/{path}", _endpoint(call)) for path, call in posts.items()),
            web.delete("/control/faults", _endpoint(self.lift_faults)),
            web.delete("/control/faults/{id}", _endpoint(self.lift_faults)),
        ]

    # -- what there is

    async def state(self, request: web.Request, body: Any) -> Any:
        partner = self._partner
        return {
            "registered": partner.registered,
            "url": partner.url,
            "versions_url": partner.versions_url,
            "version": partner.version.number,
            "versions": partner.versions,
            "country_code": partner.own.country_code,
            "party_id": partner.own.party_id,
            "peers": [peer.as_json() for peer in partner.peers],
            "counts": {
                "locations": len(partner.locations),
                "sessions": len(partner.sessions),
                "cdrs": len(partner.cdrs),
                "tariffs": len(partner.tariffs),
                "tokens": len(partner.tokens),
                "requests": len(partner.requests),
                "violations": len(partner.violations),
                "advice": len(partner.advice),
            },
            "violations": partner.violations,
            "advice": partner.advice,
        }

    async def held(self, request: web.Request, body: Any) -> Any:
        return getattr(self._partner, request.path.rpartition("/")[2])

    async def requests(self, request: web.Request, body: Any) -> Any:
        return list(self._partner.requests)

    async def events(self, request: web.Request, body: Any) -> Any:
        return self._partner.events

    async def authorization(self, request: web.Request, body: Any) -> Any:
        return self._partner.policy.as_json()

    async def habits(self, request: web.Request, body: Any) -> Any:
        return self._partner.habits.as_json()

    async def parties(self, request: web.Request, body: Any) -> Any:
        return [party.as_client_info() for party in self._partner.parties]

    async def faults(self, request: web.Request, body: Any) -> Any:
        return [fault.as_json() for fault in self._partner.faults.active]

    # -- registration

    async def register(self, request: web.Request, body: Any) -> Any:
        peer = await self._partner.register(
            str(body["versions_url"]), str(body["token"]), body.get("version")
        )
        return peer.as_json()

    async def update(self, request: web.Request, body: Any) -> Any:
        """Move to another version by PUT credentials."""
        peer = await self._partner.update(str(body["version"]), body.get("peer"))
        return peer.as_json()

    async def invite(self, request: web.Request, body: Any) -> Any:
        token = self._partner.hand_out_token()
        return {"token": token, "versions_url": self._partner.versions_url}

    async def unregister(self, request: web.Request, body: Any) -> Any:
        await self._partner.unregister(body.get("peer"))
        return {"registered": self._partner.registered}

    async def rotate(self, request: web.Request, body: Any) -> Any:
        peer = await self._partner.rotate(body.get("peer"))
        return peer.as_json()

    # -- tokens and authorization

    async def put_token(self, request: web.Request, body: Any) -> Any:
        """Body: the token's fields; `"method": "PATCH"` pushes only these, `"push": false` none."""
        fields = dict(body)
        method, push = fields.pop("method", "PUT"), fields.pop("push", True)
        peer = fields.pop("peer", None)
        uid, token_type = str(fields.pop("uid")), str(fields.pop("type", "RFID"))
        if push and method == "PATCH":
            return await self._partner.patch_token(uid, token_type, peer, **fields)
        token = self._partner.issue_token(uid, token_type, **fields)
        if push:
            await self._partner.push_token(uid, token_type, peer)
        return token

    async def set_authorization(self, request: web.Request, body: Any) -> Any:
        """Body: the answer's fields; with `uid` (and `type`) for that token only."""
        self._partner.set_authorization(
            settings(body), body.get("uid"), str(body.get("type", "RFID"))
        )
        return self._partner.policy.as_json()

    # -- commands

    async def command(self, request: web.Request, body: Any) -> Any:
        """Body: the command's fields; `wait` (seconds) bounds the wait for the CommandResult."""
        fields = dict(body)
        wait, peer = fields.pop("wait", None), fields.pop("peer", None)
        seconds = None if wait is None else min(float(wait), COMMAND_WAIT)
        command = await self._partner.command(request.match_info["command"], fields, seconds, peer)
        return command.as_json()

    # -- smart charging

    async def profile(self, request: web.Request, body: Any) -> Any:
        """Body: `charging_profile` to set one, `duration` to get the active one, neither to clear
        it; `wait` (seconds) bounds the wait for the result."""
        session_id, peer = request.match_info["session_id"], body.get("peer")
        wait = None if body.get("wait") is None else min(float(body["wait"]), COMMAND_WAIT)
        if "charging_profile" in body:
            sent = await self._partner.set_profile(session_id, body["charging_profile"], wait, peer)
        elif "duration" in body:
            sent = await self._partner.get_profile(session_id, int(body["duration"]), wait, peer)
        else:
            sent = await self._partner.clear_profile(session_id, wait, peer)
        return sent.as_json()

    async def preferences(self, request: web.Request, body: Any) -> Any:
        """Body: the ChargingPreferences."""
        session_id = request.match_info["session_id"]
        return {"response": await self._partner.set_preferences(session_id, body)}

    # -- hub, payments, invoices, habits

    async def put_party(self, request: web.Request, body: Any) -> Any:
        """Body: country_code, party_id and status of a party behind our hub, known or new."""
        await self._partner.set_status(
            str(body["country_code"]),
            str(body["party_id"]),
            str(body.get("status", "CONNECTED")),
            str(body.get("role", "EMSP")),
        )
        return await self.parties(request, body)

    async def put_payment(self, request: web.Request, body: Any) -> Any:
        """Body: the fields of a Terminal or Financial Advice Confirmation; `"push": false` keeps
        it here."""
        fields = dict(body)
        push = bool(fields.pop("push", True))
        if request.match_info["module"] == TERMINALS:
            return await self._partner.put_terminal(push=push, **fields)
        if request.match_info["module"] == CONFIRMATIONS:
            return await self._partner.confirm_payment(push=push, **fields)
        raise LookupError(request.match_info["module"])

    async def put_record(self, request: web.Request, body: Any) -> Any:
        """Body: invoice_id and cdrs, with an id to alter a record; with only an id to withdraw."""
        if "invoice_id" in body:
            return await self._partner.issue_record(
                str(body["invoice_id"]), list(body["cdrs"]), body.get("id")
            )
        await self._partner.withdraw_record(str(body["id"]))
        return {}

    async def set_habits(self, request: web.Request, body: Any) -> Any:
        """Body: all deviations from the standard; what is absent is as the standard says."""
        self._partner.habits = habits(body)
        return self._partner.habits.as_json()

    # -- faults

    async def add_fault(self, request: web.Request, body: Any) -> Any:
        """Body: the fields of a Fault; `{"kind": "refuse", "seconds": 5}` refuses connections."""
        if body.get("kind") == "refuse":
            seconds = float(body.get("seconds", 1.0))
            if not 0 <= seconds <= MAX_SECONDS:
                raise ValueError("seconds is out of range")
            self._partner.go_down_for(seconds)
            return {"kind": "refuse", "seconds": seconds}
        names = {item.name for item in fields_of(Fault)} - {"id", "hits"}
        unknown = sorted(set(body) - names)
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}")
        fields = dict(body)
        if "seconds" in fields:
            fields["seconds"] = float(fields["seconds"])
        return self._partner.add_fault(Fault(**fields)).as_json()

    async def lift_faults(self, request: web.Request, body: Any) -> Any:
        fault_id = request.match_info.get("id")
        self._partner.lift_faults(None if fault_id is None else int(fault_id))
        return await self.faults(request, body)

    async def forget(self, request: web.Request, body: Any) -> Any:
        """Lose everything received, as after the loss of a database."""
        self._partner.forget()
        return {}

    # -- pull

    async def pull(self, request: web.Request, body: Any) -> Any:
        moments = {
            name: parse_datetime(body[name]) for name in ("date_from", "date_to") if name in body
        }
        return await self._partner.pull(
            request.match_info["module"],
            date_from=moments.get("date_from"),
            date_to=moments.get("date_to"),
            limit=body.get("limit"),
            peer_id=body.get("peer"),
        )


def _endpoint(call: Call) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        if not _on_this_machine(request.remote):
            return _json(403, {"error": "for callers on this machine only"})
        try:
            text = await request.read()
            body = loads(text) if text else {}
            if not isinstance(body, dict):
                raise TypeError("a JSON object is expected")
            return _json(200, await call(request, body))
        except CallFailed as failure:
            return _json(502, failure.as_json())
        except LookupError as error:
            return _json(404, {"error": f"missing: {error}"})
        except (ValueError, TypeError, InvalidJSON) as error:
            return _json(422, {"error": str(error)})

    return handle


def _on_this_machine(remote: str | None) -> bool:
    try:
        return remote is not None and ipaddress.ip_address(remote).is_loopback
    except ValueError:
        return False


def _json(status: int, content: Any) -> web.Response:
    return web.Response(status=status, body=dumps(content), content_type="application/json")
