"""What the partner holds of a CPO's objects.

Each `put_`, `patch_`, `post_` takes one received object and returns a `Receipt`. An object that
breaks a rule is not stored. No I/O and no clock.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from simulators.partner.earlier import (
    REFERENCE,
    credit_rules,
    identity,
    merged_patch,
    newer,
    next_status,
    pair_rules,
)
from simulators.partner.exact_json import Json
from simulators.partner.facts import Facts
from simulators.partner.finding import Finding, advice, cite, refusing, violation
from simulators.partner.held_locations import HeldLocations, named
from simulators.partner.owner import Key, Owner
from simulators.partner.receipt import INVALID_PARAMETERS, Receipt, missing, refused
from simulators.partner.repriced import price_rules
from simulators.partner.v2_2_1.types import parse_datetime
from simulators.partner.version import Version
from simulators.partner.wallet import Wallet


class Ledger(HeldLocations):
    """Objects in the order in which they first came; values are kept as they stood on the wire."""

    def __init__(self, version: Version, wallet: Wallet) -> None:
        super().__init__(version)
        self.wallet = wallet
        self.sessions: dict[Key, Json] = {}
        self.cdrs: dict[Key, Json] = {}
        self.tariffs: dict[Key, Json] = {}
        self.records: dict[Key, Json] = {}
        self._bills: dict[Key, list[Json]] = {}  # a Session -> the CDRs that bill it
        self._credited: dict[Key, str] = {}  # a CDR -> the id of its Credit CDR

    def forget_all(self) -> None:
        """As a partner who lost its database: the CPO has to cope."""
        super().forget_all()
        for held in (self.sessions, self.cdrs, self.tariffs, self.records):
            held.clear()
        self._bills.clear()
        self._credited.clear()

    # -- sessions

    def put_session(self, owner: Owner, session_id: str, data: Any) -> Receipt:
        key = owner.key(session_id)
        return self._keep_session(owner, key, data, self.sessions.get(key))

    def patch_session(self, owner: Owner, session_id: str, patch: Any) -> Receipt:
        key = owner.key(session_id)
        held = self.sessions.get(key)
        if held is None:
            return missing(INVALID_PARAMETERS)
        merged, findings = merged_patch(self.version, "mod_sessions, PATCH", held, patch)
        if findings:
            return refused(findings)
        added = patch.get("charging_periods")
        appends = self.version.appends_periods and (added is None or isinstance(added, list))
        if "charging_periods" in held and appends:
            # "a request to add all the ChargingPeriod objects to the existing Session object"
            merged["charging_periods"] = [*(held["charging_periods"] or ()), *(added or ())]
        return self._keep_session(owner, key, merged, held)

    def _keep_session(self, owner: Owner, key: Key, data: Any, held: Json | None) -> Receipt:
        read, findings = self.version.check("Session", data)
        if read is None:
            return refused(findings)
        findings += identity(self.version, read, owner, "id", key[2])
        findings += newer(read.clause, held, data)
        facts = self.version.session_facts(data)
        findings += self.wallet.rules(read.clause, facts)
        if held is not None:
            findings += next_status(held, data)
        findings += self._place_known(owner, read.clause, facts)
        if refusing(findings):
            return refused(findings)
        self.sessions[key] = data
        # the CDR may have come first; a mismatch then shows up here, too late to refuse the CDR
        for number, cdr in enumerate(self._cdrs_of(owner, facts)):
            paired = pair_rules(facts, self.version.cdr_facts(cdr), first=number == 0)
            findings += [replace(found, refuses=False) for found in paired]
        return Receipt(findings, created=held is None, stored=data)

    def _place_known(self, owner: Owner, clause: str, session: Facts) -> Iterator[Finding]:
        location = self.locations.get(owner.key(session.location_id or ""))
        if location is None:
            return  # not every Location is published
        evse_uid, connector_id = session.evse_uid or "", session.connector_id or ""
        evse = named(location.get("evses"), "uid", evse_uid)
        connector = named((evse or {}).get("connectors"), "id", connector_id)
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
            return refused(findings)
        owner = cdr_owner(data, sender)
        if not roles(owner):
            what = "this party is none of the sender's CredentialsRoles"
            findings.append(violation(read.clause, what, "party_id", str(owner)))
        held = self.cdrs.get(owner.key(read.id))
        if held is not None:
            return self._repeated_cdr(held, data, findings)
        facts = self.version.cdr_facts(data)
        findings += self.wallet.rules(read.clause, facts)
        findings += self._session_rules(owner, read.clause, facts)
        findings += self._price_rules(owner, read, facts)
        findings += self._credit_rules(owner, data)
        if refusing(findings):
            return refused(findings)
        self.cdrs[owner.key(read.id)] = data
        self._bills.setdefault(_bill_key(owner, facts), []).append(data)
        if facts.credit and data.get(REFERENCE) is not None:
            self._credited[owner.key(data[REFERENCE])] = read.id
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
        return refused([*findings, violation(clause, what, "id", {data["id"]: changed})])

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
            yield from pair_rules(session, cdr, first=not earlier)
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

    def _credit_rules(self, owner: Owner, cdr: Json) -> Iterator[Finding]:
        if cdr.get("credit") and cdr.get(REFERENCE) is not None:
            key = owner.key(cdr[REFERENCE])
            yield from credit_rules(self.version, cdr, self.cdrs.get(key), self._credited.get(key))

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
            return missing(INVALID_PARAMETERS)
        merged, findings = merged_patch(self.version, "mod_tariffs, PATCH", held, patch)
        if findings:
            return refused(findings)
        return self.put_tariff(owner, tariff_id, merged)

    def put_tariff(self, owner: Owner, tariff_id: str, data: Any) -> Receipt:
        key = owner.key(tariff_id)
        held = self.tariffs.get(key)
        read, findings = self.version.check("Tariff", data)
        if read is None:
            return refused(findings)
        findings += identity(self.version, read, owner, "id", key[2])
        findings += newer(read.clause, held, data)
        if refusing(findings):
            return refused(findings)
        self.tariffs[key] = data
        return Receipt(findings, created=held is None, stored=data)

    def delete_tariff(self, owner: Owner, tariff_id: str) -> Receipt:
        key = owner.key(tariff_id)
        gone = self.tariffs.pop(key, None)
        if gone is None:
            return missing(INVALID_PARAMETERS)
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
            return refused(findings)
        findings += identity(self.version, read, owner, "id", key[2])
        for index, cdr_id in enumerate(read.cdrs):
            if owner.key(cdr_id) not in self.cdrs:
                what = "this CDR has not been received"
                findings.append(advice(read.clause, what, f"cdrs.{index}", cdr_id))
        if refusing(findings):
            return refused(findings)
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
