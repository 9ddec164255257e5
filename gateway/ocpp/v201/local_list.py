"""Block D, Local Authorization List Management, and ClearCache of block C."""

from collections.abc import Mapping

from gateway.domain import timestamps
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.local_list import (
    ClearCache,
    GetLocalListVersion,
    ListEntry,
    SendLocalList,
)
from gateway.domain.tokens import TokenType, fitted
from gateway.ocpp.dialect import Asked, Block, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.v201.translate import ID_TOKEN_TYPES, MAX_ID_TOKEN

# SendLocalListStatusEnumType; any but the first leaves the list as it was.
UPDATE_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Failed": CommandOutcome.REJECTED,
    "VersionMismatch": CommandOutcome.REJECTED,  # it has a higher one than we know of
}

# ClearCacheStatusEnumType.
CACHE_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
}

CARD = ID_TOKEN_TYPES[TokenType.RFID]  # only cards are listed

_read_update = by_status(UPDATE_OUTCOMES)
_read_cache = by_status(CACHE_OUTCOMES)


def get_version(_command: GetLocalListVersion) -> Asked:
    """GetLocalListVersionRequest; 0 when there is no list (D02)."""

    def read(answer: Payload) -> CommandReply:
        return CommandReply(CommandOutcome.ACCEPTED, data={"version": int(answer["versionNumber"])})

    return Asked("GetLocalListVersion", {}, read)


def send_list(command: SendLocalList) -> Asked:
    """SendLocalListRequest: an entry without idTokenInfo is taken off the list (D01)."""
    gone = [{"idToken": {"idToken": uid, "type": CARD}} for uid in command.removed]
    entries = [*map(_entry, command.entries), *gone]
    payload: Payload = {}
    if entries:
        payload["localAuthorizationList"] = entries
    payload["versionNumber"] = command.version
    payload["updateType"] = command.update_type.value
    return Asked("SendLocalList", payload, _read_update)


def clear_cache(_command: ClearCache) -> Asked:
    """ClearCacheRequest."""
    return Asked("ClearCache", {}, _read_cache)


def _entry(entry: ListEntry) -> Payload:
    info: Payload = {"status": "Accepted"}
    if entry.expires_at is not None:
        info["cacheExpiryDateTime"] = timestamps.to_text(entry.expires_at)
    if entry.group_id:
        group = fitted(entry.group_id, MAX_ID_TOKEN)
        info["groupIdToken"] = {"idToken": group, "type": "Central"}
    return {"idToken": {"idToken": entry.uid, "type": CARD}, "idTokenInfo": info}


BLOCK = Block(
    asks={
        GetLocalListVersion: get_version,
        SendLocalList: send_list,
        ClearCache: clear_cache,
    }
)
