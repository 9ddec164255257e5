"""Single objects: the same as in the list, found in any case, 404 for what is not there."""

from typing import Any

from gateway.ocpi.conformance.findings import Report
from gateway.ocpi.conformance.form import hold
from gateway.ocpi.conformance.reading import Reading, Seen, Silent, dicts
from gateway.ocpi.outgoing.urls import join

_NOWHERE = "gateway-check-no-such-id"
_STATUSES = "status_codes"


async def check_locations(
    reading: Reading, report: Report, locations: list[dict[str, Any]]
) -> None:
    """A Location, an EVSE and a Connector by their URLs (mod_locations, GET Method)."""
    base = reading.endpoint("locations", "SENDER")
    if base is None or not locations:
        return
    for location in locations[:3]:
        location_id = str(location.get("id"))
        await _same(reading, report, "Location", join(base, location_id), location)
        for evse in dicts(location.get("evses"))[:2]:
            url = join(base, location_id, str(evse.get("uid")))
            await _same(reading, report, "EVSE", url, evse)
            for connector in dicts(evse.get("connectors"))[:1]:
                whole = join(url, str(connector.get("id")))
                await _same(reading, report, "Connector", whole, connector)
    await _any_case(reading, report, base, str(locations[0].get("id")))
    await _nothing_there(reading, report, "locations", join(base, _NOWHERE))


async def check_receivers(reading: Reading, report: Report) -> None:
    """A Receiver's GET of something that was never pushed to it; a hub is none."""
    if reading.own is None or reading.hub is not None:
        return
    own = (reading.own.country_code, reading.own.party_id)
    for module in ("locations", "sessions", "tariffs", "tokens"):
        base = reading.endpoints.get((module, "RECEIVER"))
        if base is not None:
            await _nothing_there(reading, report, module, join(base, *own, _NOWHERE))


async def _same(
    reading: Reading, report: Report, kind: str, url: str, listed: dict[str, Any]
) -> None:
    seen = await reading.get(url, to="locations", one=True)
    if not hold(report, reading.version or "", kind, f"one {kind}", seen):
        return
    if isinstance(seen.one, dict) and seen.one.get("last_updated") == listed.get("last_updated"):
        differ = sorted(
            name for name in {*listed, *seen.one} if listed.get(name) != seen.one.get(name)
        )
        report.judge(
            f"One {kind} is the same as in the list",
            "mod_locations: GET Method",
            f"one {kind}",
            not differ,
            f"{seen.told()}; different: {', '.join(differ) or 'nothing'}",
        )


async def _any_case(reading: Reading, report: Report, base: str, location_id: str) -> None:
    other = location_id.swapcase()
    if other == location_id or reading.version == "2.1.1":
        return
    seen = await reading.get(join(base, other), to="locations", one=True)
    rule = "Ids in URLs are compared without case (ocpi-rules 23)"
    report.judge(rule, "types: CiString", "one Location", seen.done, seen.told())


async def _nothing_there(reading: Reading, report: Report, module: str, url: str) -> None:
    """404 is only a SHOULD; a success, or a breakdown, is wrong in any reading."""
    try:
        seen = await reading.get(url, to=module, one=True)
    except Silent as silence:
        report.judge("A GET of what is not there is answered", "-", module, False, str(silence))
        return
    rule = "A GET of what is not there is an error of the client"
    if not report.judge(rule, _STATUSES, module, _is_refusal(seen), seen.told()):
        return
    rule = "HTTP 404 for a GET of what is not there (ocpi-rules 11)"
    report.advise(rule, _STATUSES, module, seen.status == 404, seen.told())
    rule = "Errors have an OCPI envelope too (ocpi-rules 11)"
    report.advise(rule, _STATUSES, module, seen.code is not None, seen.told())


def _is_refusal(seen: Seen) -> bool:
    return 400 <= seen.status < 500 or (seen.status < 300 and (seen.code or 0) >= 2000)
