"""The outer form of every answer: content type, message ids, envelope, headers that route."""

from typing import Any

from gateway.ocpi.conformance.findings import Report, Verdict
from gateway.ocpi.conformance.reading import Reading, Seen
from gateway.ocpi.conformance.standard import response_errors

_RESPONSE = "transport_and_format: Response format"
_ROUTING = "transport_and_format: Message routing headers"
_UNDATED = "2.1.1"  # has no X-Request-ID


def hold(report: Report, version: str, kind: str, where: str, seen: Seen) -> bool:
    """Hold an answer against the standard's tables; fields of their own are no fault."""
    envelope = _unwrapped(report, kind, where, seen)
    found = response_errors(version, kind, envelope, extra=True)
    if envelope is None:
        found = ["no OCPI response object"]
    text = seen.told() if not found else f"{seen.url}: {'; '.join(found[:5])}"
    return report.judge(
        f"The answer is a response with a valid {kind}", _RESPONSE, where, not found, text
    )


def _unwrapped(report: Report, kind: str, where: str, seen: Seen) -> dict[str, Any] | None:
    """One object that comes in an array is told as that, and then judged by itself."""
    if seen.envelope is None or kind.endswith("[]") or seen.one is seen.data:
        return seen.envelope
    rule = "data is the object itself where one is due, not an array (quirk array_data)"
    report.note(rule, _RESPONSE, Verdict.BROKEN, where, f"{seen.url}: an array of one")
    return {**seen.envelope, "data": seen.one}


def check_form(reading: Reading, report: Report, where: str, seen: Seen) -> None:
    """What every answer has in common, judged once a place."""
    content_type = seen.headers.get("Content-Type", "none")
    media_type = content_type.partition(";")[0].strip().lower()
    report.judge(
        "The content type is application/json",
        _RESPONSE,
        where,
        media_type == "application/json",
        f"{seen.told()}; Content-Type {content_type}",
    )
    if reading.version != _UNDATED:
        _echo(report, where, seen)


def _echo(report: Report, where: str, seen: Seen) -> None:
    for name in ("X-Request-ID", "X-Correlation-ID"):
        given, sent = seen.headers.get(name), seen.sent[name]
        report.judge(
            f"{name} is given back (ocpi-rules 25)",
            "transport_and_format: Unique message IDs",
            where,
            given == sent,
            f"{seen.url}: {sent} -> {given}",
        )


def no_routing(report: Report, where: str, seen: Seen) -> None:
    """Configuration modules are not routed."""
    names = [name for name in seen.headers if name.lower().startswith(("ocpi-to", "ocpi-from"))]
    report.judge(
        "No routing headers in configuration modules (ocpi-rules 25)",
        _ROUTING,
        where,
        not names,
        ", ".join(names) or "none",
    )


def swapped(report: Report, where: str, seen: Seen) -> None:
    """OCPI-to and OCPI-from of the answer, if the request had them."""
    if "OCPI-to-party-id" not in seen.sent:
        return
    kept = all(
        str(seen.headers.get(f"OCPI-to-{part}", "")).upper() == seen.sent[f"OCPI-from-{part}"]
        and str(seen.headers.get(f"OCPI-from-{part}", "")).upper() == seen.sent[f"OCPI-to-{part}"]
        for part in ("country-code", "party-id")
    )
    told = {name: text for name, text in seen.headers.items() if name.lower().startswith("ocpi-")}
    rule = "OCPI-to and OCPI-from are swapped in the answer (ocpi-rules 25)"
    report.judge(rule, _ROUTING, where, kept, str(told or "none"))
