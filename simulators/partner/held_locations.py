"""Locations, EVSEs and Connectors as the partner holds them."""

from collections.abc import Iterable, Iterator
from typing import Any

from simulators.partner.earlier import identity, merged_patch, newer, removed_evses, same_id
from simulators.partner.exact_json import Json
from simulators.partner.finding import Finding, refusing, violation
from simulators.partner.owner import Key, Owner
from simulators.partner.receipt import UNKNOWN_LOCATION, Receipt, missing, refused
from simulators.partner.v2_2_1.types import parse_datetime
from simulators.partner.version import Version


class HeldLocations:
    """Each `put_` and `patch_` takes one received object, as in `Ledger`."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.locations: dict[Key, Json] = {}
        self._evse_home: dict[Key, Key] = {}  # (country_code, party_id, evse uid) -> its Location

    def forget_all(self) -> None:
        """As a partner who lost its database."""
        self.locations.clear()
        self._evse_home.clear()

    def put_location(self, owner: Owner, location_id: str, data: Any) -> Receipt:
        key = owner.key(location_id)
        return self._keep_location(owner, key, data, self.locations.get(key), changed=data)

    def patch_location(self, owner: Owner, location_id: str, patch: Any) -> Receipt:
        key = owner.key(location_id)
        held = self.locations.get(key)
        if held is None:
            return missing(UNKNOWN_LOCATION)
        merged, findings = merged_patch(self.version, "mod_locations, PATCH", held, patch)
        if findings:
            return refused(findings)
        return self._keep_location(owner, key, merged, held, changed=patch)

    def _keep_location(
        self, owner: Owner, key: Key, data: Any, held: Json | None, changed: Json
    ) -> Receipt:
        read, findings = self.version.check("Location", data)
        if read is None:
            return refused(findings)
        findings += identity(self.version, read, owner, "id", key[2])
        findings += newer(read.clause, held, data)
        if held is not None and (changed is data or "evses" in changed):
            findings += removed_evses(held, data)
        uids = [evse.uid for evse in read.evses or ()]
        findings += self._uid_elsewhere(key, uids)
        if refusing(findings):
            return refused(findings)
        self.locations[key] = data
        for uid in uids:
            self._evse_home[key[0], key[1], uid.lower()] = key
        return Receipt(findings, created=held is None, stored=data)

    def _uid_elsewhere(self, key: Key, uids: Iterable[str]) -> Iterator[Finding]:
        for uid in uids:
            home = self._evse_home.get((key[0], key[1], uid.lower()), key)
            if home != key:
                yield violation(
                    "2.2.1 mod_locations, EVSE object",
                    f"uid is unique within the platform, but is also in Location {home[2]}",
                    "uid",
                    uid,
                )

    def put_evse(self, owner: Owner, location_id: str, uid: str, data: Any) -> Receipt:
        location = self.locations.get(owner.key(location_id))
        if location is None:
            return missing(UNKNOWN_LOCATION)
        held = named(location.get("evses"), "uid", uid)
        return self._keep_evse(owner.key(location_id), held, uid, data)

    def patch_evse(self, owner: Owner, location_id: str, uid: str, patch: Any) -> Receipt:
        location = self.locations.get(owner.key(location_id))
        held = named((location or {}).get("evses"), "uid", uid)
        if location is None or held is None:
            return missing(UNKNOWN_LOCATION)
        merged, findings = merged_patch(self.version, "mod_locations, PATCH", held, patch)
        if findings:
            return refused(findings)
        return self._keep_evse(owner.key(location_id), held, uid, merged)

    def _keep_evse(self, key: Key, held: Json | None, uid: str, data: Any) -> Receipt:
        read, findings = self.version.check("EVSE", data)
        if read is None:
            return refused(findings)
        findings += same_id(read.clause, "uid", uid, read.uid)
        findings += newer(read.clause, held, data)
        findings += self._uid_elsewhere(key, [read.uid])
        if refusing(findings):
            return refused(findings)
        location = self.locations[key]
        self._evse_home[key[0], key[1], read.uid.lower()] = key
        location["evses"] = replaced(location.get("evses"), "uid", uid, data)
        lift(location, data)
        return Receipt(findings, created=held is None, stored=data)

    def put_connector(
        self, owner: Owner, location_id: str, uid: str, connector_id: str, data: Any
    ) -> Receipt:
        location, evse = self._evse(owner, location_id, uid)
        if location is None or evse is None:
            return missing(UNKNOWN_LOCATION)
        held = named(evse["connectors"], "id", connector_id)
        return self._keep_connector(location, evse, held, connector_id, data)

    def patch_connector(
        self, owner: Owner, location_id: str, uid: str, connector_id: str, patch: Any
    ) -> Receipt:
        location, evse = self._evse(owner, location_id, uid)
        held = named((evse or {}).get("connectors"), "id", connector_id)
        if location is None or evse is None or held is None:
            return missing(UNKNOWN_LOCATION)
        merged, findings = merged_patch(self.version, "mod_locations, PATCH", held, patch)
        if findings:
            return refused(findings)
        return self._keep_connector(location, evse, held, connector_id, merged)

    def _keep_connector(
        self, location: Json, evse: Json, held: Json | None, connector_id: str, data: Any
    ) -> Receipt:
        read, findings = self.version.check("Connector", data)
        if read is None:
            return refused(findings)
        findings += same_id(read.clause, "id", connector_id, read.id)
        findings += newer(read.clause, held, data)
        if refusing(findings):
            return refused(findings)
        evse["connectors"] = replaced(evse["connectors"], "id", connector_id, data)
        lift(evse, data)
        lift(location, data)
        return Receipt(findings, created=held is None, stored=data)

    def _evse(self, owner: Owner, location_id: str, uid: str) -> tuple[Json | None, Json | None]:
        location = self.locations.get(owner.key(location_id))
        return location, named((location or {}).get("evses"), "uid", uid)

    def get_location(
        self, owner: Owner, location_id: str, uid: str | None, connector_id: str | None
    ) -> Json | None:
        found: Json | None = self.locations.get(owner.key(location_id))
        if found is not None and uid is not None:
            found = named(found.get("evses"), "uid", uid)
        if found is not None and connector_id is not None:
            found = named(found.get("connectors"), "id", connector_id)
        return found


def named(objects: list[Json] | None, name: str, wanted: str) -> Json | None:
    for held in objects or ():
        if held[name].lower() == wanted.lower():
            return held
    return None


def replaced(objects: list[Json] | None, name: str, wanted: str, data: Json) -> list[Json]:
    kept = list(objects or ())
    for index, held in enumerate(kept):
        if held[name].lower() == wanted.lower():
            kept[index] = data
            return kept
    return [*kept, data]


def lift(parent: Json, child: Json) -> None:
    """ "The Receiver SHALL also set the new last_updated value on the parent"."""
    if parse_datetime(child["last_updated"]) > parse_datetime(parent["last_updated"]):
        parent["last_updated"] = child["last_updated"]
