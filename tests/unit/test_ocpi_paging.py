"""Several parties' lists read as one."""

from dataclasses import dataclass

import pytest

from gateway.domain.party import Party
from gateway.ocpi import paging

PARTIES = [Party("NL", "AAA"), Party("NL", "BBB"), Party("NL", "CCC")]


@dataclass
class Part:
    items: list
    total: int


def lists(*sizes):
    held = {
        party: [f"{party.party_id}{number}" for number in range(size)]
        for party, size in zip(PARTIES, sizes, strict=True)
    }

    async def fetch(party, query):
        items = held[party]
        return Part(items[query.offset : query.offset + query.limit], len(items))

    return [one for party in PARTIES for one in held[party]], fetch


@pytest.mark.parametrize("sizes", [(0, 0, 0), (3, 0, 4), (1, 1, 1), (5, 2, 0), (0, 0, 7)])
async def test_every_page_is_a_slice_of_all_lists_together(sizes):
    """ocpi-rules 6: X-Total-Count is of everything, on every page."""
    everything, fetch = lists(*sizes)

    for offset in range(sum(sizes) + 2):
        for limit in range(1, sum(sizes) + 2):
            request = paging.read({"offset": str(offset), "limit": str(limit)})
            items, total = await paging.collect(request, PARTIES, fetch)
            assert items == everything[offset : offset + limit]
            assert total == len(everything)


def test_the_link_keeps_filters_and_is_only_there_if_more_follows():
    """ocpi-rules 6."""
    request = paging.read({"date_from": "2026-01-01T00:00:00Z", "limit": "2", "offset": "2"})

    more = paging.answer(request, "https://x.example/ocpi/2.2.1/cdrs", [], 5)
    last = paging.answer(request, "https://x.example/ocpi/2.2.1/cdrs", [], 4)

    assert more.headers["Link"] == (
        "<https://x.example/ocpi/2.2.1/cdrs?date_from=2026-01-01T00:00:00Z&offset=4&limit=2>;"
        ' rel="next"'
    )
    assert "Link" not in last.headers
