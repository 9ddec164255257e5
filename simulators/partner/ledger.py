"""What the partner holds of a CPO's objects, and the rules that need earlier messages.

Each `put_`, `patch_`, `post_` takes one received object and returns a `Receipt`. An object that
breaks a rule is not stored. No I/O and no clock.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from simulators.partner.checker import check
from simulators.partner.exact_json import Json
from simulators.partner.finding import Finding, advice, refusing, violation
from simulators.partner.v2_2_1.types import parse_datetime
from simulators.partner.version import Version
from simulators.partner.wallet import Wallet

OK = 1000
INVALID_PARAMETERS = 2001
UNKNOWN_LOCATION = 2003

Key = tuple[str, str, str]

# mod_sessions, SessionStatus: "No more modifications will be made to the Session object using
# this state" for COMPLETED, and an INVALID one "will not be billed"
_NEXT_STATUS = {
    "PENDING": {"PENDING", "ACTIVE", "COMPLETED", "INVALID"},
    "RESERVATION": {"RESERVATION", "PENDING", "ACTIVE", "COMPLETED", "INVALID"},
    "ACTIVE": {"ACTIVE", "COMPLETED", "INVALID"},
    "COMPLETED": {"COMPLETED"},
    "INVALID": {"INVALID"},
}

# mod_cdrs, Credit CDRs: "will contain all the data of the original CDR", apart from these
_CREDIT_DIFFERS = {"id", "credit", "credit_reference_id", "total_cost", "last_updated", "remark"}


@dataclass(frozen=True, slots=True)
class Owner:
    """The party in the URL (or, for a pulled object, in the object itself)."""

    country_code: str
    party_id: str

    def __str__(self) -> str:
        return f"{self.country_code}*{self.party_id}"

    def key(self, object_id: str) -> Key:
        # a CiString compares case-insensitively, in URLs too
        return self.country_code.lower(), self.party_id.lower(), object_id.lower()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one received object."""

    findings: list[Finding] = field(default_factory=list)
    created: bool = False
    missing: bool = False
    status_code: int = OK
    stored: Json | None = None

    @property
    def accepted(self) -> bool:
        return self.status_code == OK


class Ledger:
    """Objects in the order in which they first came; values are kept as they stood on the wire."""

    def __init__(self, version: Version, wallet: Wallet) -> None:
        self.version = version
        self.wallet = wallet
        self.locations: dict[Key, Json] = {}
        self.sessions: dict[Key, Json] = {}
        self.cdrs: dict[Key, Json] = {}
        self.tariffs: dict[Key, Json] = {}
        # (country_code, party_id, evse uid) -> its Location; a Session -> the CDRs that bill it
        self._evse_home: dict[Key, Key] = {}
        self._bills: dict[Key, list[Json]] = {}

    def forget_all(self) -> None:
        """As a partner who lost its database: the CPO has to cope."""
        for held in (self.locations, self.sessions, self.cdrs, self.tariffs):
            held.clear()
        self._evse_home.clear()
        self._bills.clear()

    # -- locations

    def put_location(self, owner: Owner, location_id: str, data: Any) -> Receipt:
        key = owner.key(location_id)
        return self._keep_location(owner, key, data, self.locations.get(key), changed=data)

    def patch_location(self, owner: Owner, location_id: str, patch: Any) -> Receipt:
        key = owner.key(location_id)
        held = self.locations.get(key)
        if held is None:
            return _missing(UNKNOWN_LOCATION)
        merged, findings = _merge("mod_locations, PATCH", held, patch)
        if findings:
            return _refused(findings)
        return self._keep_location(owner, key, merged, held, changed=patch)

    def _keep_location(
        self, owner: Owner, key: Key, data: Any, held: Json | None, changed: Json
    ) -> Receipt:
        read, findings = check(self.version.kinds["Location"], data)
        if read is None:
            return _refused(findings)
        findings += _identity(read, owner, "id", key[2])
        findings += _newer(read.clause, held, data)
        if held is not None and (changed is data or "evses" in changed):
            findings += _removed_evses(held, data)
        uids = [evse.uid for evse in read.evses or ()]
        findings += self._uid_elsewhere(key, uids)
        if refusing(findings):
            return _refused(findings)
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
            return _missing(UNKNOWN_LOCATION)
        held = _named(location.get("evses"), "uid", uid)
        return self._keep_evse(owner.key(location_id), held, uid, data)

    def patch_evse(self, owner: Owner, location_id: str, uid: str, patch: Any) -> Receipt:
        location = self.locations.get(owner.key(location_id))
        held = _named((location or {}).get("evses"), "uid", uid)
        if location is None or held is None:
            return _missing(UNKNOWN_LOCATION)
        merged, findings = _merge("mod_locations, PATCH", held, patch)
        if findings:
            return _refused(findings)
        return self._keep_evse(owner.key(location_id), held, uid, merged)

    def _keep_evse(self, key: Key, held: Json | None, uid: str, data: Any) -> Receipt:
        read, findings = check(self.version.kinds["EVSE"], data)
        if read is None:
            return _refused(findings)
        findings += _same_id(read.clause, "uid", uid, read.uid)
        findings += _newer(read.clause, held, data)
        findings += self._uid_elsewhere(key, [read.uid])
        if refusing(findings):
            return _refused(findings)
        location = self.locations[key]
        self._evse_home[key[0], key[1], read.uid.lower()] = key
        location["evses"] = _replaced(location.get("evses"), "uid", uid, data)
        _lift(location, data)
        return Receipt(findings, created=held is None, stored=data)

    def put_connector(
        self, owner: Owner, location_id: str, uid: str, connector_id: str, data: Any
    ) -> Receipt:
        location, evse = self._evse(owner, location_id, uid)
        if location is None or evse is None:
            return _missing(UNKNOWN_LOCATION)
        held = _named(evse["connectors"], "id", connector_id)
        return self._keep_connector(location, evse, held, connector_id, data)

    def patch_connector(
        self, owner: Owner, location_id: str, uid: str, connector_id: str, patch: Any
    ) -> Receipt:
        location, evse = self._evse(owner, location_id, uid)
        held = _named((evse or {}).get("connectors"), "id", connector_id)
        if location is None or evse is None or held is None:
            return _missing(UNKNOWN_LOCATION)
        merged, findings = _merge("mod_locations, PATCH", held, patch)
        if findings:
            return _refused(findings)
        return self._keep_connector(location, evse, held, connector_id, merged)

    def _keep_connector(
        self, location: Json, evse: Json, held: Json | None, connector_id: str, data: Any
    ) -> Receipt:
        read, findings = check(self.version.kinds["Connector"], data)
        if read is None:
            return _refused(findings)
        findings += _same_id(read.clause, "id", connector_id, read.id)
        findings += _newer(read.clause, held, data)
        if refusing(findings):
            return _refused(findings)
        evse["connectors"] = _replaced(evse["connectors"], "id", connector_id, data)
        _lift(evse, data)
        _lift(location, data)
        return Receipt(findings, created=held is None, stored=data)

    def _evse(self, owner: Owner, location_id: str, uid: str) -> tuple[Json | None, Json | None]:
        location = self.locations.get(owner.key(location_id))
        return location, _named((location or {}).get("evses"), "uid", uid)

    def get_location(
        self, owner: Owner, location_id: str, uid: str | None, connector_id: str | None
    ) -> Json | None:
        found: Json | None = self.locations.get(owner.key(location_id))
        if found is not None and uid is not None:
            found = _named(found.get("evses"), "uid", uid)
        if found is not None and connector_id is not None:
            found = _named(found.get("connectors"), "id", connector_id)
        return found

    # -- sessions

    def put_session(self, owner: Owner, session_id: str, data: Any) -> Receipt:
        key = owner.key(session_id)
        return self._keep_session(owner, key, data, self.sessions.get(key))

    def patch_session(self, owner: Owner, session_id: str, patch: Any) -> Receipt:
        key = owner.key(session_id)
        held = self.sessions.get(key)
        if held is None:
            return _missing(INVALID_PARAMETERS)
        merged, findings = _merge("mod_sessions, PATCH", held, patch)
        if findings:
            return _refused(findings)
        added = patch.get("charging_periods")
        if "charging_periods" in held and (added is None or isinstance(added, list)):
            # "a request to add all the ChargingPeriod objects to the existing Session object"
            merged["charging_periods"] = [*(held["charging_periods"] or ()), *(added or ())]
        return self._keep_session(owner, key, merged, held)

    def _keep_session(self, owner: Owner, key: Key, data: Any, held: Json | None) -> Receipt:
        read, findings = check(self.version.kinds["Session"], data)
        if read is None:
            return _refused(findings)
        findings += _identity(read, owner, "id", key[2])
        findings += _newer(read.clause, held, data)
        findings += self.wallet.rules(read.clause, read)
        if held is not None:
            findings += _next_status(held, data)
        findings += self._place_known(owner, read)
        if refusing(findings):
            return _refused(findings)
        self.sessions[key] = data
        # the CDR may have come first; a mismatch then shows up here, too late to refuse the CDR
        for cdr in self._cdrs_of(owner, read.id):
            findings += [replace(found, refuses=False) for found in _pair_rules(data, cdr)]
        return Receipt(findings, created=held is None, stored=data)

    def _place_known(self, owner: Owner, session: Any) -> Iterator[Finding]:
        location = self.locations.get(owner.key(session.location_id))
        if location is None:
            return  # not every Location is published
        evse = _named(location.get("evses"), "uid", session.evse_uid)
        connector = _named((evse or {}).get("connectors"), "id", session.connector_id)
        if connector is None and session.evse_uid != "#NA" and session.connector_id != "#NA":
            yield violation(
                session.clause,
                "evse_uid and connector_id name nothing in this Location",
                "evse_uid",
                f"{session.location_id}/{session.evse_uid}/{session.connector_id}",
            )

    # -- cdrs

    def post_cdr(self, data: Any, roles: Callable[[Owner], bool]) -> Receipt:
        """`roles` says whether a party is one of the sender's roles."""
        read, findings = check(self.version.kinds["CDR"], data)
        if read is None:
            return _refused(findings)
        owner = Owner(read.country_code, read.party_id)
        if not roles(owner):
            findings.append(_foreign_owner(read.clause, owner))
        held = self.cdrs.get(owner.key(read.id))
        if held is not None:
            return self._repeated_cdr(held, data, findings)
        findings += self.wallet.rules(read.clause, read)
        findings += self._session_rules(owner, read, data)
        findings += self._original_rules(owner, read, data)
        if refusing(findings):
            return _refused(findings)
        self.cdrs[owner.key(read.id)] = data
        if read.session_id is not None:
            self._bills.setdefault(owner.key(read.session_id), []).append(data)
        return Receipt(findings, created=True, stored=data)

    def _repeated_cdr(self, held: Json, data: Json, findings: list[Finding]) -> Receipt:
        if held == data:
            again = advice(
                "2.2.1 transport_and_format, Offline behaviour",
                "this CDR is already here; messages should not be repeated",
                "id",
                data["id"],
            )
            return Receipt([*findings, again], stored=held)
        changed = sorted(name for name in {*held, *data} if held.get(name) != data.get(name))
        clause = "2.2.1 mod_cdrs, Flow and Lifecycle"
        what = "a CDR cannot be changed or replaced once sent"
        return _refused([*findings, violation(clause, what, "id", {data["id"]: changed})])

    def _session_rules(self, owner: Owner, cdr: Any, data: Json) -> Iterator[Finding]:
        clause = cdr.clause
        if cdr.session_id is None:
            if cdr.cdr_location.evse_uid != "#NA" and self.sessions:
                yield violation(
                    clause,
                    "session_id may only be omitted without the Sessions module",
                    "session_id",
                )
            return
        session = self.sessions.get(owner.key(cdr.session_id))
        if session is None:
            yield advice(clause, "this Session has not been received", "session_id", cdr.session_id)
        elif session["status"] == "COMPLETED":
            yield from _pair_rules(session, data)
        earlier = self._cdrs_of(owner, cdr.session_id)
        standing = sum(-1 if held.get("credit") else 1 for held in earlier)
        if not cdr.credit and standing > 0:
            yield violation(
                "2.2.1 mod_cdrs, Flow and Lifecycle",
                "this Session already has a CDR that was not credited",
                "session_id",
                [held["id"] for held in earlier],
            )

    def _original_rules(self, owner: Owner, cdr: Any, data: Json) -> Iterator[Finding]:
        if not cdr.credit or cdr.credit_reference_id is None:
            return
        clause = "2.2.1 mod_cdrs, Credit CDRs"
        original = self.cdrs.get(owner.key(cdr.credit_reference_id))
        if original is None:
            yield advice(
                clause,
                "the original is unknown here",
                "credit_reference_id",
                cdr.credit_reference_id,
            )
            return
        for name in sorted({*original, *data} - _CREDIT_DIFFERS):
            if original.get(name) != data.get(name):
                yield violation(
                    clause,
                    "a Credit CDR contains all the data of the original",
                    name,
                    data.get(name),
                )
        negative = {name: -amount for name, amount in original["total_cost"].items()}
        if data["total_cost"] != negative:
            yield violation(
                clause,
                "total_cost SHALL contain the negative amounts of the original",
                "total_cost",
                data["total_cost"],
            )

    def _cdrs_of(self, owner: Owner, session_id: str) -> list[Json]:
        return self._bills.get(owner.key(session_id), [])

    # -- tariffs

    def put_tariff(self, owner: Owner, tariff_id: str, data: Any) -> Receipt:
        key = owner.key(tariff_id)
        held = self.tariffs.get(key)
        read, findings = check(self.version.kinds["Tariff"], data)
        if read is None:
            return _refused(findings)
        findings += _identity(read, owner, "id", key[2])
        findings += _newer(read.clause, held, data)
        if refusing(findings):
            return _refused(findings)
        self.tariffs[key] = data
        return Receipt(findings, created=held is None, stored=data)

    def delete_tariff(self, owner: Owner, tariff_id: str) -> Receipt:
        key = owner.key(tariff_id)
        gone = self.tariffs.pop(key, None)
        if gone is None:
            return _missing(INVALID_PARAMETERS)
        return Receipt(list(self._still_referenced(key)), stored=gone)

    def _still_referenced(self, key: Key) -> Iterator[Finding]:
        for other, location in self.locations.items():
            for evse in location.get("evses") or ():
                for connector in evse["connectors"]:
                    ids = {held.lower() for held in connector.get("tariff_ids") or ()}
                    if other[:2] == key[:2] and key[2] in ids:
                        yield advice(
                            "2.2.1 mod_tariffs, DELETE",
                            "a Connector still references the deleted Tariff",
                            f"{location['id']}/{evse['uid']}/{connector['id']}",
                            key[2],
                        )


def _refused(findings: list[Finding]) -> Receipt:
    return Receipt(findings, status_code=INVALID_PARAMETERS)


def _missing(status_code: int) -> Receipt:
    return Receipt(missing=True, status_code=status_code)


def _merge(clause: str, held: Json, patch: Any) -> tuple[Json, list[Finding]]:
    clause = f"2.2.1 {clause}"
    if not isinstance(patch, dict):
        return held, [violation(clause, "a JSON object is expected", evidence=patch)]
    if "last_updated" not in patch:
        return held, [
            violation(clause, "any PATCH SHALL contain last_updated", "last_updated", sorted(patch))
        ]
    return {**held, **patch}, []


def _identity(read: Any, owner: Owner, name: str, wanted: str) -> Iterator[Finding]:
    yield from _same_id(read.clause, name, wanted, getattr(read, name))
    said = Owner(read.country_code, read.party_id)
    if said.key("") != owner.key(""):
        yield violation(
            read.clause,
            "country_code and party_id SHALL be the same as in the URL",
            "party_id",
            f"{said} != {owner}",
        )


def _same_id(clause: str, name: str, in_url: str, in_body: str) -> Iterator[Finding]:
    if in_url.lower() != in_body.lower():
        yield violation(clause, f"{name} differs from the URL", name, f"{in_body} != {in_url}")


def _foreign_owner(clause: str, owner: Owner) -> Finding:
    return violation(
        clause,
        "this party is none of the sender's CredentialsRoles",
        "party_id",
        str(owner),
    )


def _newer(clause: str, held: Json | None, data: Json) -> Iterator[Finding]:
    if held is None:
        return
    before, after = held["last_updated"], data["last_updated"]
    if parse_datetime(after) < parse_datetime(before):
        yield violation(clause, "last_updated goes back", "last_updated", f"{after} < {before}")
    elif after == before and held != data:
        yield advice(clause, "changed without a new last_updated", "last_updated", after)


def _removed_evses(held: Json, data: Json) -> Iterator[Finding]:
    now = {evse["uid"].lower() for evse in data.get("evses") or ()}
    for evse in held.get("evses") or ():
        if evse["uid"].lower() in now:
            continue
        found = advice if evse["status"] == "REMOVED" else violation
        yield found(
            "2.2.1 mod_locations, Flow and Lifecycle",
            "an EVSE is never deleted, its status becomes REMOVED",
            "evses",
            evse["uid"],
        )


def _next_status(held: Json, data: Json) -> Iterator[Finding]:
    before, after = held["status"], data["status"]
    clause = "2.2.1 mod_sessions, SessionStatus"
    if after not in _NEXT_STATUS[before]:
        yield violation(
            clause, "no such step between two statuses", "status", f"{before} to {after}"
        )
    elif before == "COMPLETED" and held != data:
        changed = sorted(name for name in {*held, *data} if held.get(name) != data.get(name))
        yield violation(clause, "no more modifications after COMPLETED", "status", changed)
    if data["kwh"] < held["kwh"]:
        yield advice(
            "2.2.1 mod_sessions, Session object",
            "kwh goes down",
            "kwh",
            f"{data['kwh']} < {held['kwh']}",
        )


def _pair_rules(session: Json, cdr: Json) -> Iterator[Finding]:
    """A CDR against the COMPLETED Session it bills."""
    if session["status"] != "COMPLETED":
        return
    place = cdr["cdr_location"]
    pairs = [
        ("total_energy", session["kwh"], cdr["total_energy"]),
        ("currency", session["currency"], cdr["currency"]),
        ("cdr_token", session["cdr_token"], cdr["cdr_token"]),
        ("auth_method", session["auth_method"], cdr["auth_method"]),
        (
            "authorization_reference",
            session.get("authorization_reference"),
            cdr.get("authorization_reference"),
        ),
        ("cdr_location.id", session["location_id"], place["id"]),
        ("cdr_location.evse_uid", session["evse_uid"], place["evse_uid"]),
        ("cdr_location.connector_id", session["connector_id"], place["connector_id"]),
    ]
    if session.get("end_date_time") is not None:
        pairs.append(
            (
                "end_date_time",
                parse_datetime(session["end_date_time"]),
                parse_datetime(cdr["end_date_time"]),
            )
        )
    for name, amount in (session.get("total_cost") or {}).items():
        if name in cdr["total_cost"] and not cdr.get("credit"):
            pairs.append((f"total_cost.{name}", amount, cdr["total_cost"][name]))
    for where, wanted, got in pairs:
        if wanted != got:
            yield violation(
                "2.2.1 mod_cdrs, CDR object",
                "differs from the COMPLETED Session",
                where,
                f"{got} != {wanted}",
            )


def _named(objects: list[Json] | None, name: str, wanted: str) -> Json | None:
    for held in objects or ():
        if held[name].lower() == wanted.lower():
            return held
    return None


def _replaced(objects: list[Json] | None, name: str, wanted: str, data: Json) -> list[Json]:
    kept = list(objects or ())
    for index, held in enumerate(kept):
        if held[name].lower() == wanted.lower():
            kept[index] = data
            return kept
    return [*kept, data]


def _lift(parent: Json, child: Json) -> None:
    """ "The Receiver SHALL also set the new last_updated value on the parent"."""
    if parse_datetime(child["last_updated"]) > parse_datetime(parent["last_updated"]):
        parent["last_updated"] = child["last_updated"]
