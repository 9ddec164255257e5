"""The tokens this eMSP issued, and what it granted on each of them.

A Session or CDR is held against this: whose token it names, how it says the driver was authorized
and under which reference.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from simulators.partner.exact_json import Json
from simulators.partner.facts import Facts
from simulators.partner.finding import Finding, violation

TokenKey = tuple[str, str]
GRANTS_KEPT = 1000

# mod_tokens: "Default if omitted: RFID"
RFID = "RFID"


@dataclass(frozen=True, slots=True)
class Grant:
    """One authorization given: by a real-time answer or inside a command."""

    method: Literal["AUTH_REQUEST", "COMMAND"]
    at: datetime
    location_id: str | None
    reference: str | None


@dataclass(slots=True)
class Wallet:
    tokens: dict[TokenKey, Json] = field(default_factory=dict)
    _grants: dict[TokenKey, list[Grant]] = field(default_factory=dict)

    def keep(self, token: Json) -> None:
        self.tokens[token_key(token["uid"], token["type"])] = token

    def find(self, uid: str, token_type: str = RFID) -> Json | None:
        return self.tokens.get(token_key(uid, token_type))

    def grant(self, uid: str, token_type: str, given: Grant) -> None:
        grants = self._grants.setdefault(token_key(uid, token_type), [])
        grants.append(given)
        del grants[:-GRANTS_KEPT]

    def grants(self, uid: str, token_type: str) -> list[Grant]:
        return self._grants.get(token_key(uid, token_type), [])

    def rules(self, clause: str, billed: Facts) -> Iterator[Finding]:
        """`billed` is a Session or a CDR; where its version names only a contract, any token of
        that contract may be meant."""
        token = self._named(billed)
        if token is None:
            yield violation(
                clause,
                "cdr_token names a token that this eMSP never issued",
                "cdr_token",
                {"uid": billed.token_uid, "type": billed.token_type, "id": billed.contract_id},
            )
            return
        yield from self._identity_rules(billed, token)
        yield from self._method_rules(clause, billed, token)
        yield from self._reference_rules(clause, billed, token)

    def _named(self, billed: Facts) -> Json | None:
        if billed.token_uid is not None:
            return self.find(billed.token_uid, billed.token_type or RFID)
        contract = billed.contract_id
        tokens = (token for token in self.tokens.values() if token["contract_id"] == contract)
        return next(tokens, None)

    def _identity_rules(self, billed: Facts, token: Json) -> Iterator[Finding]:
        said = {"contract_id": billed.contract_id}
        if billed.token_owner is not None:
            said["country_code"] = billed.token_owner.country_code
            said["party_id"] = billed.token_owner.party_id
        for name, value in said.items():
            if value is None or value.lower() != token[name].lower():
                yield violation(
                    "2.2.1 mod_cdrs, CdrToken",
                    f"{name} is not that of the token",
                    f"cdr_token.{name}",
                    f"{value} != {token[name]}",
                )

    def _method_rules(self, clause: str, billed: Facts, token: Json) -> Iterator[Finding]:
        method, every = billed.auth_method, self._grants_of(billed, token)
        if method == "WHITELIST" and token["whitelist"] == "NEVER" and billed.token_uid is not None:
            yield violation(
                "2.2.1 mod_tokens, WhitelistType",
                "whitelisting of this token is forbidden",
                "auth_method",
                method,
            )
        # 2.1.1, which names no token, has no COMMAND either
        given = [one for one in every if one.method == method or billed.token_uid is None]
        if method != "WHITELIST" and not given:
            yield violation(
                "2.2.1 mod_cdrs, AuthMethod",
                "no such authorization was given for this token",
                "auth_method",
                method,
            )

    def _reference_rules(self, clause: str, billed: Facts, token: Json) -> Iterator[Finding]:
        if billed.token_uid is None:
            return
        reference, every = billed.authorization_reference, self._grants_of(billed, token)
        given = [one for one in every if one.method == billed.auth_method]
        references = {one.reference for one in every if one.reference is not None}
        if reference is not None and reference not in references:
            yield violation(
                clause,
                "this authorization_reference was never given for this token",
                "authorization_reference",
                reference,
            )
        if reference is None and given and all(one.reference for one in given):
            yield violation(
                clause,
                "the authorization_reference given by the eMSP SHALL be repeated",
                "authorization_reference",
                sorted(references),
            )

    def _grants_of(self, billed: Facts, token: Json) -> list[Grant]:
        if billed.token_uid is not None:
            return self.grants(token["uid"], token["type"])
        contract = token["contract_id"]
        named = [one for one in self.tokens.values() if one["contract_id"] == contract]
        return [grant for one in named for grant in self.grants(one["uid"], one["type"])]


def token_key(uid: str, token_type: str) -> TokenKey:
    """The key is uid and type; a CiString compares case-insensitively."""
    return uid.lower(), token_type
