"""Where tariffs and sessions for the `gateway tariff` commands come from: files, or the gateway."""

from pathlib import Path
from typing import Any

from gateway.canonical import InvalidDocument, validate_tariff
from gateway.cli.api import OperatorApi, Refused, segment
from gateway.cli.imports import documents
from gateway.cli.output import read_json
from gateway.cli.problem import Problem
from gateway.domain.pricing import price
from gateway.domain.tariffs import InvalidTariff, Tariff, parse_tariff
from gateway.domain.tariffs.faults import Finding, Severity, find
from gateway.services.billing.tariffs import bill_object, read_usage

Document = dict[str, Any]

_OF_A_SESSION = ("start_date_time", "end_date_time", "time_zone", "charging_periods", "cancelled")
# Whose a tariff is says the gateway when it is imported.
_ANYBODY = {"country_code": "XX", "party_id": "XXX"}


def is_file(source: str) -> bool:
    """Tell whether an argument names a file, `-` for standard input, or else an id."""
    return source == "-" or source.endswith(".json") or Path(source).is_file()


def tariffs(source: str, api: OperatorApi | None) -> list[Document]:
    """The tariffs of a file, or the one of that id. Raises `Problem`."""
    if api is None:
        return documents(Path(source))
    return [api.get(f"/tariffs/{segment(source)}")]


def one_tariff(source: str) -> Document:
    """The only tariff of a file. Raises `Problem`."""
    found = documents(Path(source))
    if len(found) != 1:
        raise Problem(f"{source}: holds {len(found)} tariffs, not one")
    return found[0]


def parsed(document: Document) -> Tariff:
    """A tariff as it is priced. Raises `Problem`."""
    try:
        return parse_tariff(document)
    except InvalidTariff as error:
        raise Problem(f"{document['id']}: {error}") from None


def findings(document: Document) -> list[Finding]:
    """All that is wrong or doubtful in a tariff, as an import would tell it."""
    try:
        return list(find(validate_tariff(_ANYBODY | document)))
    except InvalidDocument as error:
        broken = error.errors
    except InvalidTariff as error:
        broken = [str(error)]
    return [_broken(text) for text in broken]


def _broken(text: str) -> Finding:
    path, _, what = text.rpartition(": ") if text.count(": ") == 1 else ("", "", text)
    if path == "tax_included":
        what += "; older versions have prices without taxes: that is NO"
    return Finding("breaks_standard", Severity.ERROR, path, what, "mod_tariffs Tariff")


def priced_here(tariff: Document, session: Document) -> Document:
    """The bill for a tariff that the gateway does not have. Raises `Problem`."""
    try:
        return bill_object(price(parsed(tariff), read_usage(session)))
    except InvalidDocument as error:
        raise Problem(str(error)) from None


def session_from_file(path: Path, time_zone: str | None) -> Document:
    """A session or a CDR from a file, as far as it is to be priced. Raises `Problem`."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise Problem(f"{path}: not one session")
    session = {name: content[name] for name in _OF_A_SESSION if content.get(name) is not None}
    return _tried(session, time_zone)


def stored_session(api: OperatorApi, id_: str, time_zone: str | None) -> tuple[Document, Document]:
    """A stored session or CDR: as far as it is to be priced, and as it is. Raises `Problem`.

    A session that runs is taken until its last update.
    """
    found = _found(api, f"/sessions/{segment(id_)}") or _found(api, f"/cdrs/{segment(id_)}")
    if found is None:
        raise Problem(f"{id_}: no such session or CDR")
    location_id = found.get("location_id") or found["cdr_location"]["id"]
    if time_zone is None:
        location = _found(api, f"/locations/{segment(location_id)}")
        if location is None:
            raise Problem(f"location {location_id} is gone: give its --time-zone")
        time_zone = location.get("time_zone")
    session = {
        "start_date_time": found["start_date_time"],
        "end_date_time": found.get("end_date_time") or found["last_updated"],
        "charging_periods": found.get("charging_periods") or [],
    }
    return _tried(session, time_zone), found


def _tried(session: Document, time_zone: str | None) -> Document:
    """With the time zone that is given, and without the tariff that each period was under."""
    if time_zone is not None:
        session |= {"time_zone": time_zone}
    periods = session.get("charging_periods")
    if not isinstance(periods, list):
        return session
    free = [
        {name: value for name, value in one.items() if name != "tariff_id"}
        if isinstance(one, dict)
        else one
        for one in periods
    ]
    return session | {"charging_periods": free}


def _found(api: OperatorApi, path: str) -> Document | None:
    try:
        found: Document = api.get(path)
    except Refused as refused:
        if refused.status == 404:
            return None
        raise
    return found
