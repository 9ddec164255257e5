"""Tokens that may charge: those that partners sent us, and the operator's own.

They are found by uid alone, because that is all that a card reader tells. A uid is a CiString and
need not be unique: several partners may have it, and one owner may use it for several types.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from gateway import exact_json
from gateway.domain.local_list import may_be_listed
from gateway.domain.party import Party
from gateway.store import keys, scripts
from gateway.store.server import Server

_PIECE = 1_000


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token as its owner described it; `partner_id` None: it is the operator's own.

    `missing`: its owner's list does not have it any more, and so it was made invalid here.
    `stored` is the text that it was read from.
    """

    document: dict[str, Any]
    partner_id: str | None
    missing: bool = False
    stored: bytes = dataclass_field(default=b"", repr=False, compare=False)


class TokenBook:
    """Every token of every owner. Stored values begin with the owner: `["<partner>", ...]`."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def find(self, uid: str) -> list[KnownToken]:
        """All tokens with this uid."""
        found = await self._server.command("HVALS", keys.tokens_of_uid(uid))
        return [token_of(value) for value in found]

    async def put(
        self, partner_id: str, document: dict[str, Any], *, missing: bool = False
    ) -> bool:
        """Store a partner's OCPI Token; True if it is new."""
        return await self._put_token(partner_id, document, missing, b"") == 1

    async def replace(
        self,
        known: KnownToken | None,
        partner_id: str,
        document: dict[str, Any],
        *,
        missing: bool = False,
    ) -> bool:
        """The same in the place of what was read, None if nothing; False: it has changed since."""
        expected = b"-" if known is None else b"=" + known.stored
        return await self._put_token(partner_id, document, missing, expected) >= 0

    async def get(
        self,
        country_code: str,
        party_id: str,
        uid: str,
        type: str,
    ) -> KnownToken | None:
        """The token of that owner."""
        return await self._get(Party(country_code, party_id), type, uid)

    async def put_own(self, type: str, uid: str, document: dict[str, Any]) -> bool:
        """Store a token of the operator; its document gets `uid` and `type`. True if new."""
        stored = [None, {**document, "uid": uid, "type": type}]
        return await self._put(None, None, type, uid, stored, b"") == 1

    async def get_own(self, type: str, uid: str) -> dict[str, Any] | None:
        """A token of the operator."""
        found = await self._get(None, type, uid)
        return found.document if found else None

    async def delete_own(self, type: str, uid: str) -> bool:
        """Remove a token of the operator; False if there was none."""
        return await self._delete(None, uid, keys.token_field(type, None))

    async def all_own(self) -> list[dict[str, Any]]:
        """The operator's tokens, by uid and type."""
        members = await self._members(None)
        found = await self._server.pipeline(
            ("HGET", keys.tokens_of_uid(uid), field) for uid, field in members
        )
        documents = [token_of(value).document for value in found if value is not None]
        return sorted(documents, key=lambda document: (document["uid"], document["type"]))

    async def drop_partner(self, partner_id: str) -> int:
        """Remove all tokens of a partner; returns how many."""
        removed = 0
        members = await self._members(partner_id)
        for first in range(0, len(members), _PIECE):
            for uid, field in members[first : first + _PIECE]:
                removed += await self._delete(partner_id, uid, field)
        await self._server.command("SREM", keys.TOKEN_PARTNERS, partner_id)
        await self._server.command("DEL", keys.token_pull(partner_id))
        return removed

    async def drop_party(self, partner_id: str, party: Party) -> int:
        """Remove the tokens of a party that a partner has ceased to speak for; how many."""
        removed = 0
        async for known in self.of_partner(partner_id):
            one = known.document
            if (one["country_code"].upper(), one["party_id"].upper()) == (
                party.country_code,
                party.party_id,
            ):
                field = keys.token_field(one["type"], party)
                removed += await self._delete(partner_id, one["uid"], field)
        return removed

    async def of_partner(self, partner_id: str) -> AsyncIterator[KnownToken]:
        """All tokens that a partner has given us, in no order."""
        members = await self._members(partner_id)
        for first in range(0, len(members), _PIECE):
            found = await self._server.pipeline(
                ("HGET", keys.tokens_of_uid(uid), field)
                for uid, field in members[first : first + _PIECE]
            )
            for value in found:
                known = None if value is None else token_of(value)
                if known is not None and known.partner_id == partner_id:
                    yield known

    async def count(self) -> int:
        """How many tokens there are, of partners and our own."""
        partners = await self._server.command("SMEMBERS", keys.TOKEN_PARTNERS)
        owners: list[str | None] = [None, *(partner.decode() for partner in partners)]
        return sum(
            await self._server.pipeline(
                ("SCARD", keys.tokens_of_partner(partner)) for partner in owners
            )
        )

    async def _put_token(
        self, partner_id: str, document: dict[str, Any], missing: bool, expected: bytes
    ) -> int:
        owner = Party(document["country_code"], document["party_id"])
        stored: list[Any] = [partner_id, document, *(["missing"] if missing else [])]
        kind, uid = document["type"], document["uid"]
        return await self._put(partner_id, owner, kind, uid, stored, expected)

    async def _put(
        self,
        partner_id: str | None,
        owner: Party | None,
        token_type: str,
        uid: str,
        stored: list[Any],
        expected: bytes,
    ) -> int:
        field, own = keys.token_field(token_type, owner), partner_id is None
        new = await self._server.script(
            scripts.TOKEN_PUT,
            [
                keys.tokens_of_uid(uid),
                keys.tokens_of_partner(partner_id),
                keys.TOKEN_PARTNERS,
                keys.TOKENS_REVISION,
                keys.tokens_listed(own),
            ],
            field,
            exact_json.dumps(stored),
            exact_json.dumps([keys.folded(uid), field]),
            partner_id or "",
            uid,
            "1" if may_be_listed(stored[1], own) else "",
            keys.bus(keys.LISTED_TOPIC),
            expected,
        )
        return int(new)

    async def _get(self, owner: Party | None, token_type: str, uid: str) -> KnownToken | None:
        field = keys.token_field(token_type, owner)
        value = await self._server.command("HGET", keys.tokens_of_uid(uid), field)
        return None if value is None else token_of(value)

    async def _delete(self, partner_id: str | None, uid: str, field: str) -> bool:
        # the beginning of a stored value names its owner: `["<partner>",` or `[null,`
        beginning = exact_json.dumps([partner_id])[:-1] + b","
        removed = await self._server.script(
            scripts.TOKEN_DELETE,
            [
                keys.tokens_of_uid(uid),
                keys.tokens_of_partner(partner_id),
                keys.TOKENS_REVISION,
                keys.tokens_listed(partner_id is None),
            ],
            field,
            beginning,
            exact_json.dumps([keys.folded(uid), field]),
            keys.bus(keys.LISTED_TOPIC),
        )
        return bool(removed)

    async def _members(self, partner_id: str | None) -> list[tuple[str, str]]:
        found: Iterable[bytes] = await self._server.command(
            "SMEMBERS", keys.tokens_of_partner(partner_id)
        )
        return [(uid, field) for uid, field in map(exact_json.loads, found)]


def token_of(value: bytes) -> KnownToken:
    """A token as it is stored."""
    partner_id, document, *marks = exact_json.loads(value)
    return KnownToken(document, partner_id, missing="missing" in marks, stored=value)
