"""The tokens this eMSP issued, and what it granted on each of them.

A Session or CDR is held against this: whose token it names, how it says the driver was authorized
and under which reference.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from simulators.partner.exact_json import Json
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

    def rules(self, clause: str, billed: Any) -> Iterator[Finding]:
        """`billed` is a Session or a CDR."""
        said = billed.cdr_token
        token = self.find(said.uid, said.type)
        if token is None:
            yield violation(
                clause,
                "cdr_token names a token that this eMSP never issued",
                "cdr_token",
                {"uid": said.uid, "type": said.type},
            )
            return
        for name in ("country_code", "party_id", "contract_id"):
            if getattr(said, name).lower() != token[name].lower():
                yield violation(
                    "2.2.1 mod_cdrs, CdrToken",
                    f"{name} is not that of the token",
                    f"cdr_token.{name}",
                    f"{getattr(said, name)} != {token[name]}",
                )
        yield from self._method_rules(clause, billed, token)

    def _method_rules(self, clause: str, billed: Any, token: Json) -> Iterator[Finding]:
        said = billed.cdr_token
        method, reference = billed.auth_method, billed.authorization_reference
        if method == "WHITELIST" and token["whitelist"] == "NEVER":
            yield violation(
                "2.2.1 mod_tokens, WhitelistType",
                "whitelisting of this token is forbidden",
                "auth_method",
                method,
            )
        every = self.grants(said.uid, said.type)
        given = [grant for grant in every if grant.method == method]
        if method != "WHITELIST" and not given:
            yield violation(
                "2.2.1 mod_cdrs, AuthMethod",
                "no such authorization was given for this token",
                "auth_method",
                method,
            )
        references = {grant.reference for grant in every if grant.reference is not None}
        if reference is not None and reference not in references:
            yield violation(
                clause,
                "this authorization_reference was never given for this token",
                "authorization_reference",
                reference,
            )
        if reference is None and given and all(grant.reference for grant in given):
            yield violation(
                clause,
                "the authorization_reference given by the eMSP SHALL be repeated",
                "authorization_reference",
                sorted(references),
            )


def token_key(uid: str, token_type: str) -> TokenKey:
    """The key is uid and type; a CiString compares case-insensitively."""
    return uid.lower(), token_type
