"""Their credentials: the object, its token, and whom we talk to."""

from dataclasses import replace
from typing import Any

from gateway.domain.party import Party
from gateway.ocpi.conformance.findings import Report, Verdict
from gateway.ocpi.conformance.form import check_form, hold, no_routing
from gateway.ocpi.conformance.reading import Reading, Seen


async def read_credentials(reading: Reading, report: Report) -> None:
    """GET credentials, and learn who is there."""
    urls = [url for (module, _), url in reading.endpoints.items() if module == "credentials"]
    if not urls:
        rule = "There is a credentials endpoint"
        told = ", ".join(sorted({module for module, _ in reading.endpoints})) or "no endpoints"
        report.note(rule, "version_information_endpoint", Verdict.BROKEN, "version details", told)
        return
    seen = await reading.get(urls[0])
    rule, clause = "GET credentials answers", "credentials: GET Method"
    data = seen.one
    if not seen.done or not isinstance(data, dict):
        report.note(rule, clause, Verdict.BROKEN, "credentials", seen.told())
        return
    check_form(reading, report, "credentials", seen)
    no_routing(report, "credentials", seen)
    _check_object(reading, report, seen)
    reading.roles = _parties(data)
    reading.hub = _hub(data, reading.roles)


def _check_object(reading: Reading, report: Report, seen: Seen) -> None:
    token = str(seen.one.get("token", ""))
    hidden = {**seen.one, "token": "*" * len(token)}  # no token in a report
    shown = [hidden] if isinstance(seen.data, list) else hidden
    masked = replace(seen, envelope={**(seen.envelope or {}), "data": shown})
    hold(report, reading.version or "", "Credentials", "credentials", masked)
    report.judge(
        "Its token is the one that opens this platform",
        "credentials: GET Method",
        "credentials",
        reading.is_our_token(token),
        "the token that was used" if reading.is_our_token(token) else "another token",
    )


def _parties(credentials: dict[str, Any]) -> list[tuple[str, Party]]:
    roles = credentials.get("roles")
    found = []
    for one in roles if isinstance(roles, list) else [credentials]:
        try:
            party = Party(str(one["country_code"]), str(one["party_id"]))
        except (KeyError, TypeError, ValueError):
            continue
        found.append((str(one.get("role", "")), party))
    return found


def _hub(credentials: dict[str, Any], roles: list[tuple[str, Party]]) -> Party | None:
    """2.3.0 names the hub apart; before, it is a role."""
    text = str(credentials.get("hub_party_id", ""))
    try:
        return Party(text[:2], text[2:])
    except ValueError:
        return next((party for role, party in roles if role == "HUB"), None)
