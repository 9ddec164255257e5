"""Tokens, of which we are the Sender: the list, the push and real-time authorization."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import quote, urlencode

from aiohttp import web

from simulators.partner.client import CallFailed, Client
from simulators.partner.exact_json import Json
from simulators.partner.exchange import Answer, Exchange, Refusal
from simulators.partner.finding import Finding, refusing, violation
from simulators.partner.gate import Gate
from simulators.partner.owner import Owner
from simulators.partner.pages import page
from simulators.partner.peer import Peer
from simulators.partner.policy import Authorization
from simulators.partner.receipt import INVALID_PARAMETERS
from simulators.partner.site import Site
from simulators.partner.v2_2_1.types import format_datetime, parse_datetime
from simulators.partner.version import Version
from simulators.partner.wallet import RFID, Grant

NOT_ENOUGH_INFORMATION = 2002
# mod_commands, StartSession: no real-time authorization "within 15 minutes"
COMMAND_AUTHORIZES = timedelta(minutes=15)


class Tokens:
    """In the words of one version; the tokens are those of the whole platform."""

    def __init__(
        self,
        version: Version,
        site: Site,
        client: Client,
        module_url: Callable[[str], str],
    ) -> None:
        self._version = version
        self._site = site
        self._wallet = site.wallet
        self._client = client
        self._feed = site.feed
        self._module_url = module_url
        self._now = site.now

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
            **(held or self._fresh(uid, token_type, fields)),
            **fields,
            "last_updated": self._later_than(held),
        }
        _, findings = self._version.check("Token", self._version.write_token(token))
        broken = refusing(findings)
        if broken:
            raise ValueError(f"{broken[0].where}: {broken[0].what}")
        self._wallet.keep(token)
        return token

    def _fresh(self, uid: str, token_type: str, fields: Json) -> Json:
        first = self._site.parties.first
        owner = Owner(
            str(fields.get("country_code", first.country_code)),
            str(fields.get("party_id", first.party_id)),
        )
        party = self._site.parties.find(owner)
        if party is None:
            raise ValueError(f"party_id: {owner} is none of our parties")
        return {
            "country_code": owner.country_code,
            "party_id": owner.party_id,
            "uid": uid,
            "type": token_type,
            "contract_id": f"{owner.country_code}{owner.party_id}C{uid}"[:36],
            "issuer": party.name,
            "valid": True,
            "whitelist": "ALLOWED",
        }

    def _later_than(self, held: Json | None) -> str:
        moment = self._now()
        if held is not None:
            moment = max(moment, parse_datetime(held["last_updated"]) + self._version.tick)
        return format_datetime(moment)

    async def push(self, peer: Peer, token: Json, patch: Json | None = None) -> None:
        """PUT the token, or PATCH it with `patch`; raises `CallFailed`."""
        endpoint = peer.endpoint("tokens", "RECEIVER")
        if endpoint is None:
            raise CallFailed("the platform does not receive tokens")
        owner = _owner(token)
        url = self._url(endpoint, owner, token)
        method, body = "PUT", self._version.write_token(token)
        if patch is not None:
            method = "PATCH"
            body = {name: body[name] for name in self._renamed(patch) if name in body}
            if self._site.habits.no_last_updated:
                del body["last_updated"]
        await self._client.functional(method, url, peer, body, sender=owner)
        self._feed.emit(
            "token_pushed", peer=peer.id, method=method, uid=token["uid"], type=token["type"]
        )

    def _url(self, endpoint: str, owner: Owner, token: Json) -> str:
        spelt = self._site.habits.id
        path = "/".join(
            quote(spelt(part), safe="") for part in (owner.country_code, owner.party_id)
        )
        url = f"{endpoint.rstrip('/')}/{path}/{quote(spelt(token['uid']), safe='')}"
        # 2.1.1 defines no query parameter here
        query = urlencode({"type": token["type"]}) if self._version.has_owner else ""
        return f"{url}?{query}" if query else url

    def _renamed(self, patch: Json) -> list[str]:
        """The fields of a PATCH as this version calls them."""
        names = {"contract_id": "auth_id"} if not self._version.has_owner else {}
        return [names.get(name, name) for name in patch]

    # -- Sender interface

    async def get_list(self, exchange: Exchange) -> Answer:
        tokens = list(self._wallet.tokens.values())
        if exchange.receiver is not None and not exchange.broadcast:
            wanted = exchange.receiver
            tokens = [one for one in tokens if _owner(one).same(wanted)]
        written = [self._version.write_token(token) for token in tokens]
        url, limit = self._module_url("tokens"), self._site.page_limit
        return page(written, exchange.request.query, url, limit)

    # -- real-time authorization

    async def authorize(self, exchange: Exchange) -> Answer:
        uid = exchange.request.match_info["uid"]
        token_type = exchange.request.query.get("type", "RFID")
        if token_type not in self._version.token_types:
            found = violation("2.2.1 mod_tokens, TokenType", "no TokenType", "type", token_type)
            raise Refusal(200, INVALID_PARAMETERS, "type", [found])
        place = await self._place(exchange)
        token = self._wallet.find(uid, token_type)
        if token is None:
            self._feed.emit("authorization", uid=uid, type=token_type, allowed=None)
            raise Refusal(404, self._version.unknown_token, "unknown token")
        exchange.findings += self._not_to_be_asked(token, place)
        answer = self._site.policy.for_token(token)
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
        read, findings = self._version.check("LocationReferences", place)
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
        info: Json = {"allowed": answer.allowed}
        if self._version.has_references:
            info["token"] = self._version.write_token(token)
        reference: str | None = None
        if answer.allowed == "ALLOWED":
            reference = answer.authorization_reference
            if not self._version.has_references:
                reference = None
            elif reference == "auto":
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


def _owner(token: Json) -> Owner:
    return Owner(token["country_code"], token["party_id"])
