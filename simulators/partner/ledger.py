"""What the partner holds of a CPO's objects, and the rules that need earlier messages.

Each `put_`, `patch_`, `post_` takes one received object and returns a `Receipt`. An object that
breaks a rule is not stored. No I/O and no clock.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from simulators.partner.exact_json import Json
from simulators.partner.facts import Facts
from simulators.partner.finding import Finding, advice, cite, refusing, violation
from simulators.partner.owner import Key, Owner
from simulators.partner.repriced import price_rules
from simulators.partner.v2_2_1.types import parse_datetime
from simulators.partner.version import Version
from simulators.partner.wallet import Wallet

OK = 1000
INVALID_PARAMETERS = 2001
UNKNOWN_LOCATION = 2003

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
_REFERENCE = "credit_reference_id"
_CREDIT_DIFFERS = {"id", "credit", _REFERENCE, "total_cost", "last_updated", "remark"}


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
        self.records: dict[Key, Json] = {}
        # (country_code, party_id, evse uid) -> its Location; a Session -> the CDRs that bill it
        self._evse_home: dict[Key, Key] = {}
        self._bills: dict[Key, list[Json]] = {}
        self._credited: dict[Key, str] = {}  # a CDR -> the id of its Credit CDR

    def forget_all(self) -> None:
        """As a partner who lost its database: the CPO has to cope."""
        for held in (self.locations, self.sessions, self.cdrs, self.tariffs, self.records):
            held.clear()
        self._evse_home.clear()
        self._bills.clear()
        self._credited.clear()

    def _merge(self, clause: str, held: Json, patch: Any) -> tuple[Json, list[Finding]]:
        clause = f"2.2.1 {clause}"
        if not isinstance(patch, dict):
            return held, [violation(clause, "a JSON object is expected", evidence=patch)]
        if self.version.demands_last_updated and "last_updated" not in patch:
            what = "any PATCH SHALL contain last_updated"
            return held, [violation(clause, what, "last_updated", sorted(patch))]
        return {**held, **patch}, []

    def _identity(self, read: Any, owner: Owner, name: str, wanted: str) -> Iterator[Finding]:
        yield from _same_id(read.clause, name, wanted, getattr(read, name))
        if not self.version.has_owner:
            return
        said = Owner(read.country_code, read.party_id)
        if not said.same(owner):
            yield violation(
                read.clause,
                "country_code and party_id SHALL be the same as in the URL",
                "party_id",
                f"{said} != {owner}",
            )

    # -- locations

    def put_location(self, owner: Owner, location_id: str, data: Any) -> Receipt:
        key = owner.key(location_id)
        return self._keep_location(owner, key, data, self.locations.get(key), changed=data)

    def patch_location(self, owner: Owner, location_id: str, patch: Any) -> Receipt:
        key = owner.key(location_id)
        held = self.locations.get(key)
        if held is None:
            return _missing(UNKNOWN_LOCATION)
        merged, findings = self._merge("mod_locations, PATCH", held, patch)
        if findings:
            return _refused(findings)
        return self._keep_location(owner, key, merged, held, changed=patch)

    def _keep_location(
        self, owner: Owner, key: Key, data: Any, held: Json | None, changed: Json
    ) -> Receipt:
        read, findings = self.version.check("Location", data)
        if read is None:
            return _refused(findings)
        findings += self._identity(read, owner, "id", key[2])
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
        merged, findings = self._merge("mod_locations, PATCH", held, patch)
        if findings:
            return _refused(findings)
        return self._keep_evse(owner.key(location_id), held, uid, merged)

    def _keep_evse(self, key: Key, held: Json | None, uid: str, data: Any) -> Receipt:
        read, findings = self.version.check("EVSE", data)
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
        merged, findings = self._merge("mod_locations, PATCH", held, patch)
        if findings:
            return _refused(findings)
        return self._keep_connector(location, evse, held, connector_id, merged)

    def _keep_connector(
        self, location: Json, evse: Json, held: Json | None, connector_id: str, data: Any
    ) -> Receipt:
        read, findings = self.version.check("Connector", data)
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
        merged, findings = self._merge("mod_sessions, PATCH", held, patch)
        if findings:
            return _refused(findings)
        added = patch.get("charging_periods")
        appends = self.version.appends_periods and (added is None or isinstance(added, list))
        if "charging_periods" in held and appends:
            # "a request to add all the ChargingPeriod objects to the existing Session object"
            merged["charging_periods"] = [*(held["charging_periods"] or ()), *(added or ())]
        return self._keep_session(owner, key, merged, held)

    def _keep_session(self, owner: Owner, key: Key, data: Any, held: Json | None) -> Receipt:
        read, findings = self.version.check("Session", data)
        if read is None:
            return _refused(findings)
        findings += self._identity(read, owner, "id", key[2])
        findings += _newer(read.clause, held, data)
        facts = self.version.session_facts(data)
        findings += self.wallet.rules(read.clause, facts)
        if held is not None:
            findings += _next_status(held, data)
        findings += self._place_known(owner, read.clause, facts)
        if refusing(findings):
            return _refused(findings)
        self.sessions[key] = data
        # the CDR may have come first; a mismatch then shows up here, too late to refuse the CDR
        for number, cdr in enumerate(self._cdrs_of(owner, facts)):
            paired = _pair_rules(facts, self.version.cdr_facts(cdr), first=number == 0)
            findings += [replace(found, refuses=False) for found in paired]
        return Receipt(findings, created=held is None, stored=data)

    def _place_known(self, owner: Owner, clause: str, session: Facts) -> Iterator[Finding]:
        location = self.locations.get(owner.key(session.location_id or ""))
        if location is None:
            return  # not every Location is published
        evse_uid, connector_id = session.evse_uid or "", session.connector_id or ""
        evse = _named(location.get("evses"), "uid", evse_uid)
        connector = _named((evse or {}).get("connectors"), "id", connector_id)
        if connector is None and evse_uid != "#NA" and connector_id != "#NA":
            yield violation(
                clause,
                "evse_uid and connector_id name nothing in this Location",
                "evse_uid",
                f"{session.location_id}/{evse_uid}/{connector_id}",
            )

    # -- cdrs

    def post_cdr(
        self, data: Any, roles: Callable[[Owner], bool], sender: Owner | None = None
    ) -> Receipt:
        """`roles` says whether a party is one of the sender's roles; `sender` is who sent it, for
        a version whose CDRs name no owner."""
        read, findings = self.version.check("CDR", data)
        if read is None:
            return _refused(findings)
        owner = cdr_owner(data, sender)
        if not roles(owner):
            findings.append(_foreign_owner(read.clause, owner))
        held = self.cdrs.get(owner.key(read.id))
        if held is not None:
            return self._repeated_cdr(held, data, findings)
        facts = self.version.cdr_facts(data)
        findings += self.wallet.rules(read.clause, facts)
        findings += self._session_rules(owner, read.clause, facts)
        findings += self._price_rules(owner, read, facts)
        findings += self._original_rules(owner, data)
        if refusing(findings):
            return _refused(findings)
        self.cdrs[owner.key(read.id)] = data
        self._bills.setdefault(_bill_key(owner, facts), []).append(data)
        if facts.credit and data.get(_REFERENCE) is not None:
            self._credited[owner.key(data[_REFERENCE])] = read.id
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

    def _session_rules(self, owner: Owner, clause: str, cdr: Facts) -> Iterator[Finding]:
        if cdr.session_id is None and self.version.has_owner:
            if cdr.evse_uid != "#NA" and self.sessions:
                yield violation(
                    clause,
                    "session_id may only be omitted without the Sessions module",
                    "session_id",
                )
            return
        earlier = [self.version.cdr_facts(held) for held in self._cdrs_of(owner, cdr)]
        session = self._session_of(owner, cdr)
        if session is None:
            yield advice(clause, "this Session has not been received", "session_id", cdr.session_id)
        else:
            yield from _pair_rules(session, cdr, first=not earlier)
        standing = sum(-1 if held.credit else 1 for held in earlier)
        if not cdr.credit and standing > 0:
            yield violation(
                "2.2.1 mod_cdrs, Flow and Lifecycle",
                "this Session already has a CDR that was not credited",
                "session_id",
                [held.id for held in earlier],
            )

    def _price_rules(self, owner: Owner, read: Any, cdr: Facts) -> list[Finding]:
        """The price by our own reading; the time zone is only in the Location that we hold."""
        place = self.locations.get(owner.key(cdr.location_id or "")) or {}
        embedded = getattr(read, "location", None)
        zone = place.get("time_zone") or getattr(embedded, "time_zone", None)
        end = parse_datetime(cdr.end)
        found = cite(self.version.number, price_rules(read, end, zone))
        sure = self.version.tariffs_tell_all
        return found if sure else [replace(one, severity="advice") for one in found]

    def _session_of(self, owner: Owner, cdr: Facts) -> Facts | None:
        if cdr.session_id is not None:
            held = self.sessions.get(owner.key(cdr.session_id))
            return None if held is None else self.version.session_facts(held)
        for key, session in self.sessions.items():
            facts = replace(self.version.session_facts(session), session_id=None)
            if key[:2] == owner.key()[:2] and _bill_key(owner, facts) == _bill_key(owner, cdr):
                return facts
        return None

    def _original_rules(self, owner: Owner, cdr: Json) -> Iterator[Finding]:
        reference = cdr.get(_REFERENCE)
        if not cdr.get("credit") or reference is None:
            return
        clause = "2.2.1 mod_cdrs, Credit CDRs"
        original = self.cdrs.get(owner.key(reference))
        if original is None:
            yield advice(clause, "the original is unknown here", _REFERENCE, reference)
            return
        if original.get("credit"):
            yield violation(clause, "a Credit CDR cannot be credited", _REFERENCE, reference)
        before = self._credited.get(owner.key(reference))
        if before is not None:
            yield violation(clause, f"credited already, by {before}", _REFERENCE, reference)
        for name in sorted({*original, *cdr} - _CREDIT_DIFFERS):
            if original.get(name) != cdr.get(name):
                yield violation(
                    clause,
                    "a Credit CDR contains all the data of the original",
                    name,
                    cdr.get(name),
                )
        amounts = self.version.cdr_facts(original).cost or {}
        negative = {name: -amount for name, amount in amounts.items()}
        if self.version.cdr_facts(cdr).cost != negative:
            yield violation(
                clause,
                "total_cost SHALL contain the negative amounts of the original",
                "total_cost",
                cdr["total_cost"],
            )

    def _cdrs_of(self, owner: Owner, facts: Facts) -> list[Json]:
        """The CDRs that bill this Session, or the same Session as this CDR."""
        if not self.version.has_owner:
            facts = replace(facts, session_id=None)
        return self._bills.get(_bill_key(owner, facts), [])

    # -- tariffs

    def patch_tariff(self, owner: Owner, tariff_id: str, patch: Any) -> Receipt:
        """Only in 2.1.1."""
        held = self.tariffs.get(owner.key(tariff_id))
        if held is None:
            return _missing(INVALID_PARAMETERS)
        merged, findings = self._merge("mod_tariffs, PATCH", held, patch)
        if findings:
            return _refused(findings)
        return self.put_tariff(owner, tariff_id, merged)

    def put_tariff(self, owner: Owner, tariff_id: str, data: Any) -> Receipt:
        key = owner.key(tariff_id)
        held = self.tariffs.get(key)
        read, findings = self.version.check("Tariff", data)
        if read is None:
            return _refused(findings)
        findings += self._identity(read, owner, "id", key[2])
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
                    # 2.1.1 has one only
                    tariffs = connector.get("tariff_ids") or [connector.get("tariff_id") or ""]
                    ids = {held.lower() for held in tariffs}
                    if other[:2] == key[:2] and key[2] in ids:
                        yield advice(
                            "2.2.1 mod_tariffs, DELETE",
                            "a Connector still references the deleted Tariff",
                            f"{location['id']}/{evse['uid']}/{connector['id']}",
                            key[2],
                        )

    # -- invoice reconciliation

    def put_record(self, owner: Owner, record_id: str, data: Any) -> Receipt:
        key = owner.key(record_id)
        read, findings = self.version.check("InvoiceReconciliationRecord", data)
        if read is None:
            return _refused(findings)
        findings += self._identity(read, owner, "id", key[2])
        for index, cdr_id in enumerate(read.cdrs):
            if owner.key(cdr_id) not in self.cdrs:
                what = "this CDR has not been received"
                findings.append(advice(read.clause, what, f"cdrs.{index}", cdr_id))
        if refusing(findings):
            return _refused(findings)
        created = key not in self.records
        self.records[key] = data
        return Receipt(findings, created=created, stored=data)


def cdr_owner(data: Any, sender: Owner | None) -> Owner:
    """Whose CDR it is; `sender` for a version whose CDRs do not say."""
    if isinstance(data, dict) and "country_code" in data and "party_id" in data:
        return Owner(str(data["country_code"]), str(data["party_id"]))
    return sender or Owner("", "")


def _bill_key(owner: Owner, billed: Facts) -> Key:
    """The Session by its id; by driver, place and start where CDRs do not name it."""
    if billed.session_id is not None:
        return owner.key(billed.session_id)
    return owner.key(f"{billed.contract_id}/{billed.evse_uid}/{billed.start}")


def _refused(findings: list[Finding]) -> Receipt:
    return Receipt(findings, status_code=INVALID_PARAMETERS)


def _missing(status_code: int) -> Receipt:
    return Receipt(missing=True, status_code=status_code)


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
        # in 2.1.1 the Location is inside, and goes on changing
        found = advice if changed == ["location"] else violation
        yield found(clause, "no more modifications after COMPLETED", "status", changed)
    if data["kwh"] < held["kwh"]:
        yield advice(
            "2.2.1 mod_sessions, Session object",
            "kwh goes down",
            "kwh",
            f"{data['kwh']} < {held['kwh']}",
        )


def _pair_rules(session: Facts, cdr: Facts, *, first: bool = True) -> Iterator[Finding]:
    """A CDR against the COMPLETED Session it bills.

    Only the `first` one bills what the Session says; one after a Credit CDR is a correction.
    """
    if session.status != "COMPLETED":
        return
    pairs: list[tuple[str, Any, Any]] = [
        ("currency", session.currency, cdr.currency),
        ("cdr_token", _token(session), _token(cdr)),
        ("auth_method", session.auth_method, cdr.auth_method),
        (
            "authorization_reference",
            session.authorization_reference,
            cdr.authorization_reference,
        ),
        ("cdr_location.id", session.location_id, cdr.location_id),
        ("cdr_location.evse_uid", session.evse_uid, cdr.evse_uid),
        ("cdr_location.connector_id", session.connector_id, cdr.connector_id),
    ]
    if first:
        pairs.insert(0, ("total_energy", session.kwh, cdr.kwh))
    if first and session.end is not None:
        pairs.append(("end_date_time", parse_datetime(session.end), parse_datetime(cdr.end)))
    for name, amount in (session.cost or {}).items():
        if first and cdr.cost is not None and name in cdr.cost:
            pairs.append((f"total_cost.{name}", amount, cdr.cost[name]))
    for where, wanted, got in pairs:
        if wanted != got:
            yield violation(
                "2.2.1 mod_cdrs, CDR object",
                "differs from the COMPLETED Session",
                where,
                f"{got} != {wanted}",
            )
    if first and session.periods and cdr.periods and session.periods != cdr.periods:
        yield violation(
            "2.2.1 mod_sessions, Session object",
            "the charging_periods by which the total cost is verified are not the CDR's",
            "charging_periods",
            [one for one in cdr.periods if one not in session.periods],
            refuses=False,
        )


def _token(billed: Facts) -> tuple[Owner | None, str | None, str | None, str | None]:
    return billed.token_owner, billed.token_uid, billed.token_type, billed.contract_id


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
