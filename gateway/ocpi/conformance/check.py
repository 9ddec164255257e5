"""The order in which a platform is read."""

from gateway.domain.party import Party
from gateway.ocpi.conformance import access, credentials, lists, singles
from gateway.ocpi.conformance.access import NoAccess
from gateway.ocpi.conformance.findings import Report, Verdict
from gateway.ocpi.conformance.form import check_form
from gateway.ocpi.conformance.reading import Reading, Seen, Silent
from gateway.ocpi.outgoing.safe_http import SafeHttp

_UNSUPPORTED_VERSION = 3002


async def check(
    http: SafeHttp,
    versions_url: str,
    token: str,
    *,
    version: str | None = None,
    party: Party | None = None,
) -> Report:
    """Read a platform with a credentials token of it. Raises `NoAccess` and `Silent`.

    `party` is whom the token was given to: with it, requests carry routing headers.
    """
    report, reading = Report(), Reading(http, token)
    reading.own = party
    listed = await access.open_door(reading, report, versions_url)
    if await _enter(reading, report, access.known_versions(report, listed, version)):
        await _read_modules(reading, report)
    check_form(reading, report, "versions", listed)
    report.advise(
        "URLs answer without a redirect (quirk trailing_slash)",
        "no clause has a client follow one",
        "all",
        not reading.redirected,
        f"{len(reading.redirected)} redirected: {', '.join(reading.redirected[:2])}",
    )
    return report


async def _enter(reading: Reading, report: Report, versions: dict[str, str]) -> bool:
    """Find the version that this token is for; False if it is one for registering only.

    A platform may let a partner use the modules of the version that they agreed on and no other.
    """
    for number, url in versions.items():
        await access.read_details(reading, report, number, url)
        await credentials.read_credentials(reading, report)
        seen = await _first_list(reading)
        if seen is None:
            report.note("There are lists", "-", Verdict.UNSEEN, "modules", "no Sender's endpoint")
            return True
        if seen.status == 401:
            report.note(
                "HTTP 401 for a registration token in the functional modules (ocpi-rules 2)",
                "transport_and_format: Authorization header",
                Verdict.KEPT,
                "modules",
                f"{seen.told()}; nothing more can be read with this token",
            )
            return False
        if seen.code != _UNSUPPORTED_VERSION:
            return True
    raise NoAccess("the platform does not speak any version with this token")


async def _first_list(reading: Reading) -> Seen | None:
    for module in lists.KINDS:
        url = reading.endpoint(module, "SENDER")
        if url is not None:
            return await reading.get(url, to=module)
    return None


async def _read_modules(reading: Reading, report: Report) -> None:
    for module in lists.KINDS:
        try:
            objects = await lists.check_list(reading, report, module)
            if module == "locations":
                await singles.check_locations(reading, report, objects)
        except Silent as silence:
            report.note("The platform answers", "-", Verdict.BROKEN, module, str(silence))
    await singles.check_receivers(reading, report)
