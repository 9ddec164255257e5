"""date_from and date_to, on last_updated (ocpi-rules 7)."""

from typing import Any

from yarl import URL

from gateway.domain.timestamps import from_text
from gateway.ocpi.conformance import pages
from gateway.ocpi.conformance.findings import Report
from gateway.ocpi.conformance.reading import Listed, Reading

_CLAUSE = "transport_and_format: Paginated Request"
_LATER = "2999-01-01T00:00:00Z"
_EXCLUSIVE_BOTH = "2.1.1"  # "after this Date/Time", "before this Date/Time"


async def check_dates(reading: Reading, report: Report, listed: Listed) -> None:
    """What is asked for is what comes."""
    seen = await reading.get(_with(listed, "date_from", _LATER), to=listed.module)
    rule = "date_from is heeded (ocpi-rules 7)"
    told = f"{seen.url}: {len(seen.objects)} objects"
    report.judge(rule, _CLAUSE, listed.module, seen.done and not seen.objects, told)
    sample = listed.objects[0]
    try:
        from_text(str(sample.get("last_updated")))
    except ValueError:
        return  # told already: it is no DateTime
    if reading.version != _EXCLUSIVE_BOTH:
        await _edge(reading, report, listed, sample, "date_from", inclusive=True)
    await _edge(reading, report, listed, sample, "date_to", inclusive=False)


def _with(listed: Listed, name: str, value: str) -> str:
    return str(URL(listed.url).update_query({name: value}))


async def _edge(
    reading: Reading,
    report: Report,
    listed: Listed,
    sample: dict[str, Any],
    name: str,
    *,
    inclusive: bool,
) -> None:
    page: str | None = _with(listed, name, str(sample["last_updated"]))
    found = False
    for _ in range(pages.MOST_PAGES):
        if page is None or found:
            break
        seen = await reading.get(page, to=listed.module)
        found = listed.key(sample) in map(listed.key, seen.objects)
        page = pages.following(report, listed.module, seen)
    report.judge(
        f"{name} is {'inclusive' if inclusive else 'exclusive'}, on last_updated (ocpi-rules 7)",
        _CLAUSE,
        listed.module,
        found == inclusive,
        f"{name}={sample['last_updated']}: the object of that time is "
        f"{'' if found else 'not '}in it",
    )
