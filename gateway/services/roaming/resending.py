"""Owing a partner again what it once had: it lost its data, and kept its tokens.

OCPI has no word for that. The partner can GET every list; where it waits for pushes instead, the
operator has everything pushed again, each object whole (PUT, and POST for a CDR).
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import structlog

from gateway.domain.delivery import ObjectKind
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.services.roaming.introduction import one_at_a_time, owe_list
from gateway.store import PageQuery, Store

_log = structlog.get_logger(__name__)

_SHOWN = (ObjectKind.LOCATION, ObjectKind.TARIFF)


class ResendingAlready(Exception):
    """Somebody is owing the partner everything just now."""


async def resend(
    store: Store, partner: Partner, ours: Iterable[Party], since: datetime, *, cdrs: bool
) -> dict[str, int]:
    """Owe a partner all that it may see, and its Sessions since then; with `cdrs`, those too.

    Returns how many of each kind. What it is known to hold of them is forgotten. Raises
    `ResendingAlready` and `StoreError`.
    """
    lease = await one_at_a_time(store, partner.id)
    if lease is None:
        raise ResendingAlready
    own = PageQuery(partner_id=partner.id, date_from=since)
    bills = (ObjectKind.SESSION, ObjectKind.CDR) if cdrs else (ObjectKind.SESSION,)
    counts = Counter(dict.fromkeys((ObjectKind.CDR, *_SHOWN, *bills), 0))
    try:
        for party in ours:
            books = store.party(party)
            if partner.sees(party):
                await books.owed.forget_known(partner.id)
                for kind in _SHOWN:
                    counts[kind] += await owe_list(store, books, partner, kind, PageQuery())
            for kind in bills:
                counts[kind] += await owe_list(store, books, partner, kind, own)
    finally:
        await lease.release()
    found = {kind.value: count for kind, count in counts.items()}
    _log.info("partner is owed everything again", partner=partner.id, since=str(since), **found)
    return found
