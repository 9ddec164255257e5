"""Local Auth List Management profile, and ClearCache of Core."""

from collections.abc import Mapping

from gateway.domain import timestamps
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.local_list import (
    ClearCache,
    GetLocalListVersion,
    ListEntry,
    SendLocalList,
)
from gateway.domain.tokens import fitted
from gateway.ocpp.dialect import Asked, Block, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.v16.translate import MAX_ID_TAG

# UpdateStatus (7.48); any but the first leaves the list as it was.
UPDATE_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Failed": CommandOutcome.REJECTED,
    "NotSupported": CommandOutcome.NOT_SUPPORTED,  # for good
    "VersionMismatch": CommandOutcome.REJECTED,  # it has a higher one than we know of
}

# ClearCacheStatus (7.20).
CACHE_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
}

_read_update = by_status(UPDATE_OUTCOMES)
_read_cache = by_status(CACHE_OUTCOMES)


def get_version(_command: GetLocalListVersion) -> Asked:
    """GetLocalListVersion.req."""

    def read(answer: Payload) -> CommandReply:
        return CommandReply(CommandOutcome.ACCEPTED, data={"version": int(answer["listVersion"])})

    return Asked("GetLocalListVersion", {}, read)


def send_list(command: SendLocalList) -> Asked:
    """SendLocalList.req: an entry without idTagInfo "SHALL be deleted" (7.2)."""
    entries = [*map(_entry, command.entries), *({"idTag": uid} for uid in command.removed)]
    payload: Payload = {"listVersion": command.version}
    if entries:
        payload["localAuthorizationList"] = entries
    payload["updateType"] = command.update_type.value
    return Asked("SendLocalList", payload, _read_update)


def clear_cache(_command: ClearCache) -> Asked:
    """ClearCache.req."""
    return Asked("ClearCache", {}, _read_cache)


def _entry(entry: ListEntry) -> Payload:
    info: Payload = {}
    if entry.expires_at is not None:
        info["expiryDate"] = timestamps.to_text(entry.expires_at)
    if entry.group_id:
        info["parentIdTag"] = fitted(entry.group_id, MAX_ID_TAG)
    info["status"] = "Accepted"
    return {"idTag": entry.uid, "idTagInfo": info}


BLOCK = Block(
    asks={
        GetLocalListVersion: get_version,
        SendLocalList: send_list,
        ClearCache: clear_cache,
    }
)
