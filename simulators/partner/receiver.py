"""The Receiver interfaces: locations, sessions, cdrs and tariffs that a CPO pushes to us."""

from collections.abc import Callable
from urllib.parse import quote

from aiohttp import web

from simulators.partner.exact_json import Json
from simulators.partner.feed import Feed
from simulators.partner.finding import Finding, violation
from simulators.partner.gate import GENERIC_CLIENT_ERROR, Answer, Exchange, Gate, Refusal
from simulators.partner.ledger import OK, UNKNOWN_LOCATION, Ledger, Owner, Receipt

OWNED = "{country_code}/{party_id}"


class Receiver:
    def __init__(self, ledger: Ledger, feed: Feed, module_url: Callable[[str], str]) -> None:
        self._ledger = ledger
        self._feed = feed
        self._module_url = module_url

    def routes(self, gate: Gate, base: str) -> list[web.RouteDef]:
        """`base` is the path in front of the module names."""
        location = f"{base}/locations/{OWNED}/{{location_id}}"
        evse = f"{location}/{{evse_uid}}"
        routes: list[web.RouteDef] = []
        for path in (location, evse, f"{evse}/{{connector_id}}"):
            routes += [
                web.get(path, gate.functional(self.get_location)),
                web.put(path, gate.functional(self.put_location)),
                web.patch(path, gate.functional(self.patch_location)),
            ]
        session = f"{base}/sessions/{OWNED}/{{session_id}}"
        tariff = f"{base}/tariffs/{OWNED}/{{tariff_id}}"
        return [
            *routes,
            web.get(session, gate.functional(self.get_session)),
            web.put(session, gate.functional(self.put_session)),
            web.patch(session, gate.functional(self.patch_session)),
            web.get(tariff, gate.functional(self.get_tariff)),
            web.put(tariff, gate.functional(self.put_tariff)),
            web.delete(tariff, gate.functional(self.delete_tariff)),
            web.post(f"{base}/cdrs", gate.functional(self.post_cdr)),
            web.post(f"{base}/cdrs/", gate.functional(self.post_cdr)),
            web.get(f"{base}/cdrs/{OWNED}/{{cdr_id}}", gate.functional(self.get_cdr)),
        ]

    # -- locations

    async def get_location(self, exchange: Exchange) -> Answer:
        owner = _owner(exchange)
        ids = exchange.request.match_info
        found = self._ledger.get_location(
            owner, ids["location_id"], ids.get("evse_uid"), ids.get("connector_id")
        )
        return _found(found, UNKNOWN_LOCATION)

    async def put_location(self, exchange: Exchange) -> Answer:
        owner, data = _owner(exchange), await exchange.json()
        ids = exchange.request.match_info
        ledger, location_id = self._ledger, ids["location_id"]
        evse_uid, connector_id = ids.get("evse_uid"), ids.get("connector_id")
        if evse_uid is None:
            receipt = ledger.put_location(owner, location_id, data)
        elif connector_id is None:
            receipt = ledger.put_evse(owner, location_id, evse_uid, data)
        else:
            receipt = ledger.put_connector(owner, location_id, evse_uid, connector_id, data)
        return self._location_answer(exchange, owner, receipt)

    async def patch_location(self, exchange: Exchange) -> Answer:
        owner, patch = _owner(exchange), await exchange.json()
        ids = exchange.request.match_info
        ledger, location_id = self._ledger, ids["location_id"]
        evse_uid, connector_id = ids.get("evse_uid"), ids.get("connector_id")
        if evse_uid is None:
            receipt = ledger.patch_location(owner, location_id, patch)
        elif connector_id is None:
            receipt = ledger.patch_evse(owner, location_id, evse_uid, patch)
        else:
            receipt = ledger.patch_connector(owner, location_id, evse_uid, connector_id, patch)
        return self._location_answer(exchange, owner, receipt)

    def _location_answer(self, exchange: Exchange, owner: Owner, receipt: Receipt) -> Answer:
        answer = _answer(exchange, receipt)
        ids = exchange.request.match_info
        stored = receipt.stored or {}
        fields: Json = {
            "method": exchange.request.method,
            "country_code": owner.country_code,
            "party_id": owner.party_id,
            "location_id": ids["location_id"],
        }
        for name in ("evse_uid", "connector_id"):
            if name in ids:
                fields[name] = ids[name]
        if "status" in stored:
            fields["status"] = stored["status"]
        fields["last_updated"] = stored.get("last_updated")
        self._feed.emit("location_received", **fields)
        return answer

    # -- sessions

    async def get_session(self, exchange: Exchange) -> Answer:
        key = _owner(exchange).key(exchange.request.match_info["session_id"])
        return _found(self._ledger.sessions.get(key))

    async def put_session(self, exchange: Exchange) -> Answer:
        owner, data = _owner(exchange), await exchange.json()
        session_id = exchange.request.match_info["session_id"]
        return self._session_answer(exchange, self._ledger.put_session(owner, session_id, data))

    async def patch_session(self, exchange: Exchange) -> Answer:
        owner, patch = _owner(exchange), await exchange.json()
        session_id = exchange.request.match_info["session_id"]
        return self._session_answer(exchange, self._ledger.patch_session(owner, session_id, patch))

    def _session_answer(self, exchange: Exchange, receipt: Receipt) -> Answer:
        answer = _answer(exchange, receipt)
        self._feed.emit(
            "session_received", method=exchange.request.method, **session_fields(receipt.stored)
        )
        return answer

    # -- cdrs

    async def post_cdr(self, exchange: Exchange) -> Answer:
        data = await exchange.json()
        receipt = self._ledger.post_cdr(data, exchange.registered().speaks_for)
        answer = _answer(exchange, receipt)
        self._feed.emit(
            "cdr_received", method="POST", **cdr_fields(receipt.stored, receipt.created)
        )
        stored = receipt.stored or {}
        segments = (stored["country_code"], stored["party_id"], stored["id"])
        url = "/".join([self._module_url("cdrs"), *(quote(part, safe="") for part in segments)])
        return Answer(http_status=answer.http_status, headers={"Location": url})

    async def get_cdr(self, exchange: Exchange) -> Answer:
        key = _owner(exchange).key(exchange.request.match_info["cdr_id"])
        return _found(self._ledger.cdrs.get(key))

    # -- tariffs

    async def get_tariff(self, exchange: Exchange) -> Answer:
        key = _owner(exchange).key(exchange.request.match_info["tariff_id"])
        return _found(self._ledger.tariffs.get(key))

    async def put_tariff(self, exchange: Exchange) -> Answer:
        owner, data = _owner(exchange), await exchange.json()
        tariff_id = exchange.request.match_info["tariff_id"]
        receipt = self._ledger.put_tariff(owner, tariff_id, data)
        answer = _answer(exchange, receipt)
        self._feed.emit("tariff_received", method="PUT", id=tariff_id)
        return answer

    async def delete_tariff(self, exchange: Exchange) -> Answer:
        owner = _owner(exchange)
        tariff_id = exchange.request.match_info["tariff_id"]
        answer = _answer(exchange, self._ledger.delete_tariff(owner, tariff_id))
        self._feed.emit("tariff_deleted", method="DELETE", id=tariff_id)
        return answer


def session_fields(session: Json | None) -> Json:
    """A session as an event tells it, numbers as on the wire."""
    held = session or {}
    return {
        "id": held.get("id"),
        "status": held.get("status"),
        "kwh": str(held.get("kwh")),
        "total_cost": _amounts(held.get("total_cost")),
        "location_id": held.get("location_id"),
        "evse_uid": held.get("evse_uid"),
        "connector_id": held.get("connector_id"),
        "token_uid": held.get("cdr_token", {}).get("uid"),
        "auth_method": held.get("auth_method"),
        "authorization_reference": held.get("authorization_reference"),
    }


def cdr_fields(cdr: Json | None, created: bool) -> Json:
    """A CDR as an event tells it, numbers as on the wire."""
    held = cdr or {}
    return {
        "id": held.get("id"),
        "session_id": held.get("session_id"),
        "kwh": str(held.get("total_energy")),
        "total_cost": _amounts(held.get("total_cost")),
        "currency": held.get("currency"),
        "token_uid": held.get("cdr_token", {}).get("uid"),
        "location_id": held.get("cdr_location", {}).get("id"),
        "evse_uid": held.get("cdr_location", {}).get("evse_uid"),
        "credit": bool(held.get("credit")),
        "repeated": not created,
    }


def _amounts(price: Json | None) -> dict[str, str] | None:
    if price is None:
        return None
    return {name: str(amount) for name, amount in price.items()}


def _owner(exchange: Exchange) -> Owner:
    """The party in the URL; HTTP 404 when it is none of the sender's roles."""
    ids = exchange.request.match_info
    owner = Owner(ids["country_code"], ids["party_id"])
    if exchange.registered().speaks_for(owner):
        return owner
    found: Finding = violation(
        "2.2.1 transport_and_format, Client Owned Object Push, Errors",
        "the party in the URL is none of the sender's CredentialsRoles",
        "party_id",
        str(owner),
    )
    raise Refusal(404, GENERIC_CLIENT_ERROR, "unknown party", [found])


def _found(held: Json | None, status_code: int = GENERIC_CLIENT_ERROR) -> Answer:
    if held is None:
        raise Refusal(404, status_code, "not found")
    return Answer(held)


def _answer(exchange: Exchange, receipt: Receipt) -> Answer:
    exchange.findings += receipt.findings
    if receipt.missing:
        # not an existing resource; "If the object doesn't exist, the client should do a PUT"
        raise Refusal(404, receipt.status_code, "unknown object")
    if receipt.status_code != OK:
        broken = [found for found in receipt.findings if found.refuses]
        raise Refusal(200, receipt.status_code, f"{broken[0].where}: {broken[0].what}")
    return Answer(http_status=201 if receipt.created else 200)
