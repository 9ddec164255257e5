"""Tokens, versions and version details: what comes before every module."""

from typing import Any

from gateway.ocpi.conformance.findings import Report, Verdict
from gateway.ocpi.conformance.form import check_form, hold
from gateway.ocpi.conformance.reading import Reading, Seen
from gateway.ocpi.versions import BY_NUMBER, VERSIONS

_HEADER = "transport_and_format: Authorization header"
_DETAILS = "version_information_endpoint"


class NoAccess(Exception):
    """The platform cannot be read with this token."""


async def open_door(reading: Reading, report: Report, versions_url: str) -> Seen:
    """Fetch the versions with the token in Base64, else as it is. Raises `NoAccess`."""
    seen = await _in_either_form(reading, versions_url)
    if not seen.done:
        raise NoAccess(seen.told())
    for name, options in (("no", {"anonymous": True}), ("an unknown", {"token": "x" * 36})):
        refused = await reading.get(versions_url, **options)
        rule = f"HTTP 401 for {name} credentials token (ocpi-rules 2)"
        report.judge(rule, _HEADER, "versions", refused.status == 401, refused.told())
    return seen


async def _in_either_form(reading: Reading, url: str) -> Seen:
    """GET with the token in the form that has worked so far, else in the other one."""
    seen = await reading.get(url)
    if not seen.done:
        other = await reading.get(url, raw=not reading.raw_token)
        if other.done:
            reading.raw_token = not reading.raw_token
            return other
    return seen


def known_versions(report: Report, seen: Seen, wanted: str | None) -> dict[str, str]:
    """The listed versions that we know, best first, with their URLs. Raises `NoAccess`."""
    # the newest table: a list may name versions that an older one did not know of
    hold(report, VERSIONS[0].number, "Version[]", "versions", seen)
    listed = {
        str(one.get("version")): str(one.get("url"))
        for one in (seen.data if isinstance(seen.data, list) else [])
        if isinstance(one, dict)
    }
    report.versions = sorted(listed)
    known = [version.number for version in VERSIONS if version.number in listed]
    if not known or wanted not in (None, *known):
        raise NoAccess(f"the platform lists {', '.join(listed) or 'no versions'}")
    return {number: listed[number] for number in known if wanted in (None, number)}


async def read_details(reading: Reading, report: Report, number: str, url: str) -> None:
    """Read the details of a version. Raises `NoAccess`."""
    reading.version = report.version = number
    reading.endpoints = {}
    details = await _in_either_form(reading, url)
    hold(report, number, "VersionDetails", "version details", details)
    check_form(reading, report, "version details", details)
    if not details.done:
        raise NoAccess(details.told())
    await _token_form(reading, report, url)
    _read_endpoints(reading, report, details)


async def _token_form(reading: Reading, report: Report, url: str) -> None:
    """The form of the token that this version prescribes; more than that is nobody's fault."""
    raw = BY_NUMBER[reading.version or ""].raw_token
    seen = await reading.get(url, raw=raw)
    words = "as it is" if raw else "in Base64"
    rule = f"The token is taken {words} (ocpi-rules 1)"
    report.judge(rule, _HEADER, "version details", seen.done, seen.told())


def _read_endpoints(reading: Reading, report: Report, details: Seen) -> None:
    data: Any = details.one
    entries = data.get("endpoints") if isinstance(data, dict) else None
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("url"), str):
            name = (str(entry.get("identifier")), str(entry.get("role", "")))
            reading.endpoints[name] = entry["url"]
    roles = [role for module, role in reading.endpoints if module == "credentials"]
    if reading.has_routing and roles and "SENDER" not in roles:
        report.note(
            "Credentials are advertised as SENDER, as advised (ocpi-rules 5)",
            _DETAILS,
            Verdict.ADVICE,
            "version details",
            f"role {', '.join(roles)}",
        )
