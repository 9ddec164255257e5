"""Several parties' lists read as one."""

from urllib.parse import parse_qsl, urlsplit

import pytest

from gateway.domain.party import Party
from gateway.ocpi.incoming import paging
from gateway.ocpi.incoming.errors import InvalidParameters
from gateway.store import Page

PARTIES = [Party("NL", "AAA"), Party("NL", "BBB"), Party("NL", "CCC")]
URL = "https://x.example/ocpi/2.2.1/cdrs"


def lists(*sizes):
    """Lists with gaps in their numbers, as after removals."""
    held = {
        party: [(number * 3, f"{party.party_id}{number}") for number in range(size)]
        for party, size in zip(PARTIES, sizes, strict=True)
    }

    async def fetch(party, query):
        after = -1 if query.after is None else query.after
        rest = [one for one in held[party] if one[0] > after][query.offset :]
        part = rest[: query.limit]
        last = part[-1][0] if part else None
        return Page([id_ for _, id_ in part], len(held[party]), last, len(rest) > len(part))

    return held, fetch


def link_of(answer):
    link = answer.headers["Link"].removeprefix("<").removesuffix('>; rel="next"')
    return dict(parse_qsl(urlsplit(link).query))


@pytest.mark.parametrize("sizes", [(0, 0, 0), (3, 0, 4), (1, 1, 1), (5, 2, 0), (0, 0, 7)])
async def test_every_page_is_a_slice_of_all_lists_together(sizes):
    """ocpi-rules 6: X-Total-Count is of everything, on every page."""
    held, fetch = lists(*sizes)
    everything = [id_ for party in PARTIES for _, id_ in held[party]]

    for offset in range(sum(sizes) + 2):
        for limit in range(1, sum(sizes) + 2):
            request = paging.read({"offset": str(offset), "limit": str(limit)})
            listing = await paging.collect(request, PARTIES, fetch)
            assert listing.items == everything[offset : offset + limit]
            assert listing.total == len(everything)
            assert (listing.following is not None) == (offset + limit < len(everything))


@pytest.mark.parametrize("sizes", [(3, 0, 4), (1, 1, 1), (5, 2, 0), (0, 0, 7)])
@pytest.mark.parametrize("limit", [1, 2, 3, 5, 9])
async def test_following_the_link_meets_everything_once(sizes, limit):
    """ocpi-rules 6."""
    held, fetch = lists(*sizes)
    query, found = {"limit": str(limit)}, []
    while query is not None:
        request = paging.read(query)
        listing = await paging.collect(request, PARTIES, fetch)
        found += listing.items
        answer = paging.answer(request, URL, listing.items, listing)
        query = link_of(answer) if "Link" in answer.headers else None

    assert found == [id_ for party in PARTIES for _, id_ in held[party]]


async def test_what_goes_from_the_front_does_not_shift_the_next_page():
    """ocpi-rules 6: "the sequence of objects mustn't change, or as little as possible"."""
    held, fetch = lists(4, 4, 0)
    request = paging.read({"limit": "3"})
    listing = await paging.collect(request, PARTIES, fetch)
    del held[PARTIES[0]][:2]

    following = paging.read(link_of(paging.answer(request, URL, [], listing)))
    page = await paging.collect(following, PARTIES, fetch)

    assert page.items == ["AAA3", "BBB0", "BBB1"]


async def test_who_reckons_offsets_himself_gets_offsets():
    """ocpi-rules 6: "redo the previous GET with the `offset` lowered by 1"."""
    _, fetch = lists(5, 0, 0)
    request = paging.read({"limit": "2"})
    listing = await paging.collect(request, PARTIES, fetch)
    query = link_of(paging.answer(request, URL, [], listing))

    lowered = await paging.collect(paging.read(query | {"offset": "1"}), PARTIES, fetch)

    assert lowered.items == ["AAA1", "AAA2"]


def test_the_link_keeps_filters_and_is_only_there_if_more_follows():
    """ocpi-rules 6 (2.2.1 transport_and_format 4.1.4.2)."""
    query = {"date_from": "2026-01-01T00:00:00Z", "limit": "2", "offset": "2", "mine": "a&b=c"}
    request = paging.read(query)
    cursor = paging.Cursor(PARTIES[0], 7, 4)

    more = paging.answer(request, URL, [], paging.Listing([], 5, cursor))
    last = paging.answer(request, URL, [], paging.Listing([], 4, None))

    kept = {name: query[name] for name in ("date_from", "limit", "mine")}
    assert link_of(more) == kept | {"offset": "4", "cursor": cursor.to_text()}
    assert "Link" not in last.headers


@pytest.mark.parametrize("spoil", [str.swapcase, lambda text: text[:-1], lambda text: "x" + text])
def test_a_cursor_that_we_have_not_given_out_is_2001(spoil):
    """ocpi-rules 11: bad parameters are no HTTP error."""
    good = paging.Cursor(PARTIES[0], 7, 4).to_text()

    assert paging.read({"cursor": good, "offset": "4"}).cursor is not None
    with pytest.raises(InvalidParameters):
        paging.read({"cursor": spoil(good), "offset": "4"})


async def test_a_cursor_at_a_party_that_is_not_there_any_more_is_2001():
    """Never silently from the beginning, nor past what was not shown."""
    _, fetch = lists(1, 1, 1)
    cursor = paging.Cursor(PARTIES[0], 1, 1).to_text()
    request = paging.read({"cursor": cursor, "offset": "1"})

    with pytest.raises(InvalidParameters):
        await paging.collect(request, PARTIES[1:], fetch)
