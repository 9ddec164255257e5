"""The operator's own tokens: cards that charge without any roaming partner."""

from collections.abc import Mapping
from typing import Any

from gateway.canonical import InvalidDocument
from gateway.domain.timestamps import from_text, to_text
from gateway.domain.tokens import TokenType
from gateway.store import Store

_STATUSES = ("Accepted", "Blocked")
_MAX_UID = 36  # CiString(36) of OCPI, identifierString[36] of OCPP 2.x; a group's id as well


class OwnTokens:
    """Keeps the operator's tokens by type and uid.

    {"status", "expires_at", "group_id", "language", "concurrent"}: `concurrent` says whether it
    may charge at several places at once, whatever the setting says; None leaves it to that.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, type_: str, uid: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create or replace one. Raises `InvalidDocument`."""
        errors = []
        if type_ not in TokenType.__members__:
            errors.append(f"type is none of {', '.join(TokenType)}")
        if not 0 < len(uid) <= _MAX_UID:
            errors.append(f"uid has 1 to {_MAX_UID} characters")
        status = body.get("status", "Accepted")
        if status not in _STATUSES:
            errors.append("status is neither Accepted nor Blocked")
        group_id = body.get("group_id")
        if group_id is not None and not (isinstance(group_id, str) and len(group_id) <= _MAX_UID):
            errors.append(f"group_id is no text of up to {_MAX_UID} characters")
        language = body.get("language")
        if language is not None and not (isinstance(language, str) and len(language) == 2):
            errors.append("language is no ISO 639-1 code")
        concurrent = body.get("concurrent")
        if not (concurrent is None or isinstance(concurrent, bool)):
            errors.append("concurrent is neither true nor false")
        expires_at = None
        try:
            expires_at = to_text(from_text(body["expires_at"])) if body.get("expires_at") else None
        except (ValueError, TypeError, AttributeError):
            errors.append("expires_at is no RFC 3339 time")
        if errors:
            raise InvalidDocument(errors)
        token = {
            "type": type_,
            "uid": uid,
            "status": status,
            "expires_at": expires_at,
            "group_id": group_id or None,
            "language": language,
            "concurrent": concurrent,
        }
        await self._store.tokens.put_own(type_, uid, token)
        return token

    async def get(self, type_: str, uid: str) -> dict[str, Any] | None:
        """One token."""
        return await self._store.tokens.get_own(type_, uid)

    async def remove(self, type_: str, uid: str) -> bool:
        """Forget a token; False if it is unknown."""
        return await self._store.tokens.delete_own(type_, uid)

    async def all(self) -> list[dict[str, Any]]:
        """All of them."""
        return await self._store.tokens.all_own()
