"""The rules that hold a received object against its URL, or against what was received earlier."""

from collections.abc import Iterator
from typing import Any

from simulators.partner.exact_json import Json
from simulators.partner.facts import Facts
from simulators.partner.finding import Finding, advice, violation
from simulators.partner.owner import Owner
from simulators.partner.v2_2_1.types import parse_datetime
from simulators.partner.version import Version

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
REFERENCE = "credit_reference_id"
_CREDIT_DIFFERS = {"id", "credit", REFERENCE, "total_cost", "last_updated", "remark"}


def merged_patch(
    version: Version, clause: str, held: Json, patch: Any
) -> tuple[Json, list[Finding]]:
    """What is held with a PATCH in it, unless that is none."""
    clause = f"2.2.1 {clause}"
    if not isinstance(patch, dict):
        return held, [violation(clause, "a JSON object is expected", evidence=patch)]
    if version.demands_last_updated and "last_updated" not in patch:
        what = "any PATCH SHALL contain last_updated"
        return held, [violation(clause, what, "last_updated", sorted(patch))]
    return {**held, **patch}, []


def identity(
    version: Version, read: Any, owner: Owner, name: str, wanted: str
) -> Iterator[Finding]:
    """Whether an object is the one that its URL names."""
    yield from same_id(read.clause, name, wanted, getattr(read, name))
    if not version.has_owner:
        return
    said = Owner(read.country_code, read.party_id)
    if not said.same(owner):
        yield violation(
            read.clause,
            "country_code and party_id SHALL be the same as in the URL",
            "party_id",
            f"{said} != {owner}",
        )


def same_id(clause: str, name: str, in_url: str, in_body: str) -> Iterator[Finding]:
    if in_url.lower() != in_body.lower():
        yield violation(clause, f"{name} differs from the URL", name, f"{in_body} != {in_url}")


def newer(clause: str, held: Json | None, data: Json) -> Iterator[Finding]:
    if held is None:
        return
    before, after = held["last_updated"], data["last_updated"]
    if parse_datetime(after) < parse_datetime(before):
        yield violation(clause, "last_updated goes back", "last_updated", f"{after} < {before}")
    elif after == before and held != data:
        yield advice(clause, "changed without a new last_updated", "last_updated", after)


def removed_evses(held: Json, data: Json) -> Iterator[Finding]:
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


def next_status(held: Json, data: Json) -> Iterator[Finding]:
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


def pair_rules(session: Facts, cdr: Facts, *, first: bool = True) -> Iterator[Finding]:
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


def credit_rules(
    version: Version, cdr: Json, original: Json | None, credited_by: str | None
) -> Iterator[Finding]:
    """A Credit CDR against the CDR that it credits."""
    clause = "2.2.1 mod_cdrs, Credit CDRs"
    reference = cdr[REFERENCE]
    if original is None:
        yield advice(clause, "the original is unknown here", REFERENCE, reference)
        return
    if original.get("credit"):
        yield violation(clause, "a Credit CDR cannot be credited", REFERENCE, reference)
    if credited_by is not None:
        yield violation(clause, f"credited already, by {credited_by}", REFERENCE, reference)
    for name in sorted({*original, *cdr} - _CREDIT_DIFFERS):
        if original.get(name) != cdr.get(name):
            yield violation(
                clause,
                "a Credit CDR contains all the data of the original",
                name,
                cdr.get(name),
            )
    if not (cdr.get("remark") or "").startswith(original.get("remark") or ""):
        what = "a Credit CDR contains all the data of the original, its remark too"
        yield violation(clause, what, "remark", cdr.get("remark"))
    amounts = version.cdr_facts(original).cost or {}
    negative = {name: -amount for name, amount in amounts.items()}
    if version.cdr_facts(cdr).cost != negative:
        yield violation(
            clause,
            "total_cost SHALL contain the negative amounts of the original",
            "total_cost",
            cdr["total_cost"],
        )
