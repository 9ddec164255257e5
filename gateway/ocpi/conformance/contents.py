"""What the objects of a list say, beyond the tables: whose they are, and their magnitudes."""

from decimal import Decimal
from typing import Any

from gateway.ocpi.conformance.findings import Report
from gateway.ocpi.conformance.reading import Listed, Reading, dicts

_FASTEST = Decimal(4000)  # kW that no connector exceeds (MCS: 3750)


def check_contents(reading: Reading, report: Report, listed: Listed) -> None:
    """Judge the objects of one list."""
    keys = [listed.key(one) for one in listed.objects]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    rule, clause = "Every object has its own id", f"mod_{listed.module}"
    report.judge(rule, clause, listed.module, not twice, ", ".join(twice) or f"{len(keys)} ids")
    _owners(reading, report, listed)
    if listed.module in ("sessions", "cdrs"):
        _energy(report, listed)


def _owners(reading: Reading, report: Report, listed: Listed) -> None:
    """Of a hub, objects are those of the parties behind it."""
    if reading.hub is not None or not reading.roles or listed.module == "hubclientinfo":
        return
    known = {str(party) for _, party in reading.roles}
    strangers = {
        f"{one['country_code']}*{one['party_id']}".upper()
        for one in listed.objects
        if "country_code" in one and "party_id" in one
    } - known
    report.judge(
        "Objects are of the parties that the credentials list",
        "credentials: Credentials object, roles",
        listed.module,
        not strangers,
        f"of {', '.join(sorted(strangers)) or 'those'}; roles {', '.join(sorted(known))}",
    )


def _energy(report: Report, listed: Listed) -> None:
    """The standard's own examples have Wh where kWh are due."""
    wrong = [str(one.get("id")) for one in listed.objects if _is_in_wh(one)]
    report.judge(
        "Energy is in kWh (ocpi-rules 24)",
        "mod_cdrs: CdrDimensionType enum, ENERGY",
        listed.module,
        not wrong,
        ", ".join(wrong) or f"{len(listed.objects)} objects",
    )


def _is_in_wh(one: dict[str, Any]) -> bool:
    """Whether the ENERGY of the periods is a thousand times the total, or the total impossible."""
    total = _decimal(one.get("kwh", one.get("total_energy")))
    volumes = [
        _decimal(dimension.get("volume"))
        for period in dicts(one.get("charging_periods"))
        for dimension in dicts(period.get("dimensions"))
        if dimension.get("type") == "ENERGY"
    ]
    hours = _decimal(one.get("total_time"))
    return bool(sum(volumes) > 100 * total + 1 or (hours > 0 and total > _FASTEST * hours))


def _decimal(value: object) -> Decimal:
    return Decimal(value) if isinstance(value, int | Decimal) else Decimal(0)
