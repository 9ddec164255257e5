"""Tokens, of which we are the Sender: the list, the push and real-time authorization."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from simulators.partner.checker import check
from simulators.partner.client import CallFailed, Client
from simulators.partner.exact_json import Json
from simulators.partner.feed import Feed
from simulators.partner.finding import Finding, refusing, violation
from simulators.partner.gate import Answer, Exchange, Gate, Refusal
from simulators.partner.ledger import INVALID_PARAMETERS, Owner
from simulators.partner.peer import Peer
from simulators.partner.v2_2_1.tokens import ALLOWED_TYPES, TOKEN_TYPES
from simulators.partner.v2_2_1.types import format_datetime, parse_datetime
from simulators.partner.version import Version
from simulators.partner.wallet import RFID, Grant, TokenKey, Wallet, token_key

NOT_ENOUGH_INFORMATION = 2002
UNKNOWN_TOKEN = 2004
PAGE_LIMIT = 50
MAX_DELAY = 600.0
PAGINATION = "2.2.1 transport_and_format, Pagination"

# mod_commands, StartSession: no real-time authorization "within 15 minutes"
COMMAND_AUTHORIZES = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Authorization:
    """How a real-time authorization is to be answered."""

    allowed: str = "ALLOWED"
    authorization_reference: str | None = "auto"
    """"auto": a fresh one each time"""
    delay: float = 0.0
    location_required: bool = False
    info: str | None = None

    def __post_init__(self) -> None:
        if self.allowed not in ALLOWED_TYPES:
            raise ValueError(f"allowed is one of {', '.join(ALLOWED_TYPES)}")
        if not 0 <= self.delay <= MAX_DELAY:
            raise ValueError(f"delay is between 0 and {MAX_DELAY:.0f} seconds")


@dataclass(slots=True)
class Policy:
    default: Authorization = field(default_factory=Authorization)
    by_token: dict[TokenKey, Authorization] = field(default_factory=dict)

    def for_token(self, token: Json) -> Authorization:
        own = self.by_token.get(token_key(token["uid"], token["type"]))
        if own is not None:
            return own
        if not token["valid"] and self.default.allowed == "ALLOWED":
            return Authorization("BLOCKED", None, self.default.delay)
        return self.default

    def as_json(self) -> Json:
        return {
            "default": asdict(self.default),
            "by_token": [
                {"uid": uid, "type": token_type, **asdict(answer)}
                for (uid, token_type), answer in self.by_token.items()
            ],
        }


class Tokens:
    def __init__(
        self,
        version: Version,
        wallet: Wallet,
        policy: Policy,
        client: Client,
        feed: Feed,
        own: Owner,
        issuer: str,
        module_url: Callable[[str], str],
        now: Callable[[], datetime],
    ) -> None:
        self._version = version
        self._wallet = wallet
        self._policy = policy
        self._client = client
        self._feed = feed
        self._own = own
        self._issuer = issuer
        self._module_url = module_url
        self._now = now
        self.page_limit = PAGE_LIMIT

    def routes(self, gate: Gate, base: str) -> list[web.RouteDef]:
        return [
            web.get(f"{base}/tokens", gate.functional(self.get_list)),
            web.get(f"{base}/tokens/", gate.functional(self.get_list)),
            web.post(f"{base}/tokens/{{uid}}/authorize", gate.functional(self.authorize)),
        ]

    # -- our own tokens

    def issue(self, fields: Json) -> Json:
        """Add or alter a token; raises ValueError when that would be none. Not yet pushed."""
        token_type = str(fields.get("type", "RFID"))
        uid = str(fields.get("uid", ""))
        held = self._wallet.find(uid, token_type)
        token: Json = {
            **(held or self._fresh(uid, token_type)),
            **fields,
            "last_updated": self._later_than(held),
        }
        _, findings = check(self._version.kinds["Token"], token)
        broken = refusing(findings)
        if broken:
            raise ValueError(f"{broken[0].where}: {broken[0].what}")
        self._wallet.keep(token)
        return token

    def _fresh(self, uid: str, token_type: str) -> Json:
        return {
            "country_code": self._own.country_code,
            "party_id": self._own.party_id,
            "uid": uid,
            "type": token_type,
            "contract_id": f"{self._own.country_code}{self._own.party_id}C{uid}"[:36],
            "issuer": self._issuer,
            "valid": True,
            "whitelist": "ALLOWED",
        }

    def _later_than(self, held: Json | None) -> str:
        moment = self._now()
        if held is not None:
            moment = max(moment, parse_datetime(held["last_updated"]) + timedelta(milliseconds=1))
        return format_datetime(moment)

    async def push(self, peer: Peer, token: Json, patch: Json | None = None) -> None:
        """PUT the token, or PATCH it with `patch`; raises `CallFailed`."""
        endpoint = peer.endpoint("tokens", "RECEIVER")
        if endpoint is None:
            raise CallFailed("the platform does not receive tokens")
        path = "/".join(
            quote(part, safe="")
            for part in (token["country_code"], token["party_id"], token["uid"])
        )
        url = f"{endpoint.rstrip('/')}/{path}?{urlencode({'type': token['type']})}"
        method = "PUT" if patch is None else "PATCH"
        await self._client.functional(method, url, peer, token if patch is None else patch)
        self._feed.emit(
            "token_pushed", peer=peer.id, method=method, uid=token["uid"], type=token["type"]
        )

    # -- Sender interface

    async def get_list(self, exchange: Exchange) -> Answer:
        query = exchange.request.query
        begin = self._moment(query.get("date_from"), "date_from")
        end = self._moment(query.get("date_to"), "date_to")
        offset = self._count(query.get("offset", "0"), "offset")
        limit = self._count(query.get("limit", str(self.page_limit)), "limit")
        limit = min(max(limit, 1), self.page_limit)
        matching = [
            token
            for token in self._wallet.tokens.values()
            if (begin is None or parse_datetime(token["last_updated"]) >= begin)
            and (end is None or parse_datetime(token["last_updated"]) < end)
        ]
        headers = {"X-Total-Count": str(len(matching)), "X-Limit": str(self.page_limit)}
        if offset + limit < len(matching):
            filters = {name: query[name] for name in ("date_from", "date_to") if name in query}
            following = urlencode({"offset": offset + limit, "limit": limit, **filters})
            headers["Link"] = f'<{self._module_url("tokens")}?{following}>; rel="next"'
        return Answer(matching[offset : offset + limit], headers=headers)

    def _moment(self, text: str | None, name: str) -> datetime | None:
        if text is None:
            return None
        try:
            return parse_datetime(text)
        except ValueError as error:
            raise self._bad_parameter(name, str(error), text) from None

    def _count(self, text: str, name: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            raise self._bad_parameter(name, "not a number", text)
        return int(text)

    def _bad_parameter(self, name: str, what: str, text: str) -> Refusal:
        return Refusal(
            200, INVALID_PARAMETERS, f"{name}: {what}", [violation(PAGINATION, what, name, text)]
        )

    # -- real-time authorization

    async def authorize(self, exchange: Exchange) -> Answer:
        uid = exchange.request.match_info["uid"]
        token_type = exchange.request.query.get("type", "RFID")
        if token_type not in TOKEN_TYPES:
            found = violation("2.2.1 mod_tokens, TokenType", "no TokenType", "type", token_type)
            raise Refusal(200, INVALID_PARAMETERS, "type", [found])
        place = await self._place(exchange)
        token = self._wallet.find(uid, token_type)
        if token is None:
            self._feed.emit("authorization", uid=uid, type=token_type, allowed=None)
            raise Refusal(404, UNKNOWN_TOKEN, "unknown token")
        exchange.findings += self._not_to_be_asked(token, place)
        answer = self._policy.for_token(token)
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if answer.location_required and place is None:
            raise Refusal(200, NOT_ENOUGH_INFORMATION, "LocationReferences are needed")
        return Answer(self._decide(token, answer, place))

    async def _place(self, exchange: Exchange) -> Json | None:
        if not exchange.request.can_read_body:
            return None
        place = await exchange.json()
        if place is None or place == {}:
            return None
        read, findings = check(self._version.kinds["LocationReferences"], place)
        if read is None:
            raise Refusal(200, INVALID_PARAMETERS, findings[0].what, findings)
        exchange.findings += findings
        return place if isinstance(place, dict) else None

    def _not_to_be_asked(self, token: Json, place: Json | None) -> Iterator[Finding]:
        if token["whitelist"] == "ALWAYS":
            yield violation(
                "2.2.1 mod_tokens, WhitelistType ALWAYS",
                "real-time authorization is not allowed",
                "uid",
                token["uid"],
                refuses=False,
            )
        for grant in self._wallet.grants(token["uid"], token["type"]):
            if grant.method == "COMMAND" and self._still_authorizes(grant, token, place):
                yield violation(
                    "2.2.1 mod_commands, StartSession object",
                    "no real-time authorization for a token that came in a command",
                    "uid",
                    token["uid"],
                    refuses=False,
                )
                return

    def _still_authorizes(self, grant: Grant, token: Json, place: Json | None) -> bool:
        """An APP_USER or AD_HOC_USER for good, an RFID "at the given EVSE/Charge Point" a while."""
        if token["type"] != RFID:
            return token["type"] in {"APP_USER", "AD_HOC_USER"}
        here = place is not None and place["location_id"] == grant.location_id
        return here and self._now() - grant.at < COMMAND_AUTHORIZES

    def _decide(self, token: Json, answer: Authorization, place: Json | None) -> Json:
        info: Json = {"allowed": answer.allowed, "token": token}
        reference: str | None = None
        if answer.allowed == "ALLOWED":
            reference = answer.authorization_reference
            if reference == "auto":
                reference = str(uuid.uuid4())
            location_id = place["location_id"] if place is not None else None
            self._wallet.grant(
                token["uid"],
                token["type"],
                Grant("AUTH_REQUEST", self._now(), location_id, reference),
            )
            if place is not None:
                info["location"] = place
        if reference is not None:
            info["authorization_reference"] = reference
        if answer.info is not None:
            info["info"] = {"language": "en", "text": answer.info}
        self._feed.emit(
            "authorization",
            uid=token["uid"],
            type=token["type"],
            allowed=answer.allowed,
            authorization_reference=reference,
            location=place,
        )
        return info


def settings(fields: Any) -> Authorization:
    """From the control API's JSON; raises ValueError or TypeError."""
    if not isinstance(fields, dict):
        raise TypeError("a JSON object is expected")
    known = {name: fields[name] for name in Authorization.__dataclass_fields__ if name in fields}
    if "delay" in known:
        known["delay"] = float(known["delay"])
    return Authorization(**known)
