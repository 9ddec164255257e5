"""The Receiver interfaces: what a CPO pushes to us."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from urllib.parse import quote

from aiohttp import web

from simulators.partner.client import ROUTING
from simulators.partner.exact_json import Json
from simulators.partner.exchange import GENERIC_CLIENT_ERROR, Answer, Exchange, Refusal
from simulators.partner.facts import Facts
from simulators.partner.feed import Feed
from simulators.partner.finding import Finding, violation
from simulators.partner.gate import Gate
from simulators.partner.ledger import Ledger, cdr_owner
from simulators.partner.owner import Owner
from simulators.partner.receipt import OK, UNKNOWN_LOCATION, Receipt
from simulators.partner.version import Version

OWNED = "{country_code}/{party_id}"


class Receiver:
    def __init__(
        self, version: Version, ledger: Ledger, feed: Feed, module_url: Callable[[str], str]
    ) -> None:
        self._version = version
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
        if self._version.patches_tariffs:
            tariff = f"{base}/tariffs/{OWNED}/{{tariff_id}}"
            routes.append(web.patch(tariff, gate.functional(self.patch_tariff)))
        if "invoicereconciliation" in self._version.receives:
            routes += self._record_routes(gate, f"{base}/invoicereconciliation")
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

    def _record_routes(self, gate: Gate, endpoint: str) -> list[web.RouteDef]:
        record = f"{endpoint}/{OWNED}/{{record_id}}"
        return [
            web.post(endpoint, gate.functional(self.post_record)),
            web.post(f"{endpoint}/", gate.functional(self.post_record)),
            web.get(record, gate.functional(self.get_record)),
            web.put(record, gate.functional(self.put_record)),
            web.delete(record, gate.functional(self.delete_record)),
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
        facts = self._version.session_facts(receipt.stored or {})
        exchange.findings += _addressee_rules(exchange, facts)
        self._feed.emit("session_received", method=exchange.request.method, **session_fields(facts))
        return answer

    # -- cdrs

    async def post_cdr(self, exchange: Exchange) -> Answer:
        data, peer = await exchange.json(), exchange.registered()
        receipt = self._ledger.post_cdr(data, peer.speaks_for, peer.party())
        answer = _answer(exchange, receipt)
        stored = receipt.stored or {}
        facts = self._version.cdr_facts(stored)
        exchange.findings += _addressee_rules(exchange, facts)
        self._feed.emit("cdr_received", method="POST", **cdr_fields(facts, receipt.created))
        owner = cdr_owner(stored, peer.party())
        segments = (owner.country_code, owner.party_id, stored["id"])
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

    async def patch_tariff(self, exchange: Exchange) -> Answer:
        owner, patch = _owner(exchange), await exchange.json()
        tariff_id = exchange.request.match_info["tariff_id"]
        answer = _answer(exchange, self._ledger.patch_tariff(owner, tariff_id, patch))
        self._feed.emit("tariff_received", method="PATCH", id=tariff_id)
        return answer

    async def delete_tariff(self, exchange: Exchange) -> Answer:
        owner = _owner(exchange)
        tariff_id = exchange.request.match_info["tariff_id"]
        answer = _answer(exchange, self._ledger.delete_tariff(owner, tariff_id))
        self._feed.emit("tariff_deleted", method="DELETE", id=tariff_id)
        return answer

    # -- invoice reconciliation

    async def get_record(self, exchange: Exchange) -> Answer:
        key = _owner(exchange).key(exchange.request.match_info["record_id"])
        return _found(self._ledger.records.get(key))

    async def post_record(self, exchange: Exchange) -> Answer:
        data = await exchange.json()
        owner = cdr_owner(data, exchange.registered().party())
        if not exchange.registered().speaks_for(owner):
            raise _foreign(owner)
        record_id = str(data.get("id")) if isinstance(data, dict) else ""
        return self._record_answer(exchange, self._ledger.put_record(owner, record_id, data))

    async def put_record(self, exchange: Exchange) -> Answer:
        owner, data = _owner(exchange), await exchange.json()
        record_id = exchange.request.match_info["record_id"]
        return self._record_answer(exchange, self._ledger.put_record(owner, record_id, data))

    def _record_answer(self, exchange: Exchange, receipt: Receipt) -> Answer:
        answer = _answer(exchange, receipt)
        record_id = (receipt.stored or {}).get("id")
        self._feed.emit("record_received", method=exchange.request.method, id=record_id)
        return answer

    async def delete_record(self, exchange: Exchange) -> Answer:
        key = _owner(exchange).key(exchange.request.match_info["record_id"])
        if self._ledger.records.pop(key, None) is None:
            raise Refusal(404, GENERIC_CLIENT_ERROR, "not found")
        self._feed.emit("record_deleted", id=key[2])
        return Answer()


def session_fields(session: Facts) -> Json:
    """A session as an event tells it, numbers as on the wire."""
    return {
        "id": session.id,
        "status": session.status,
        "kwh": str(session.kwh),
        "total_cost": _amounts(session.cost),
        "location_id": session.location_id,
        "evse_uid": session.evse_uid,
        "connector_id": session.connector_id,
        "token_uid": session.token_uid,
        "auth_method": session.auth_method,
        "authorization_reference": session.authorization_reference,
    }


def cdr_fields(cdr: Facts, created: bool) -> Json:
    """A CDR as an event tells it, numbers as on the wire."""
    return {
        "id": cdr.id,
        "session_id": cdr.session_id,
        "kwh": str(cdr.kwh),
        "total_cost": _amounts(cdr.cost),
        "currency": cdr.currency,
        "token_uid": cdr.token_uid,
        "location_id": cdr.location_id,
        "evse_uid": cdr.evse_uid,
        "credit": cdr.credit,
        "repeated": not created,
    }


def _amounts(cost: dict[str, Decimal] | None) -> dict[str, str] | None:
    return None if cost is None else {name: str(amount) for name, amount in cost.items()}


def _addressee_rules(exchange: Exchange, billed: Facts) -> Iterator[Finding]:
    """ "these pieces of information are specific to only one party"."""
    to, owner = exchange.receiver, billed.token_owner
    if to is None or owner is None or exchange.broadcast or to.same(owner):
        return
    yield violation(
        ROUTING,
        "sent to another party than the one whose token it names",
        "OCPI-to",
        f"{to} != {owner}",
        refuses=False,
    )


def _owner(exchange: Exchange) -> Owner:
    """The party in the URL; HTTP 404 when it is none of the sender's roles."""
    ids = exchange.request.match_info
    owner = Owner(ids["country_code"], ids["party_id"])
    if exchange.registered().speaks_for(owner):
        return owner
    raise _foreign(owner)


def _foreign(owner: Owner) -> Refusal:
    found = violation(
        "2.2.1 transport_and_format, Client Owned Object Push, Errors",
        "this party is none of the sender's CredentialsRoles",
        "party_id",
        str(owner),
    )
    return Refusal(404, GENERIC_CLIENT_ERROR, "unknown party", [found])


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
