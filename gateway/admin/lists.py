"""Parts of long lists, newest first, over all parties, with filters the store has no index for."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from gateway.admin.calls import Window
from gateway.store import Documents, PageQuery

DEFAULT_LIMIT = 1_000
_PIECE = 500
_SCANNED = 100_000  # documents that one filtered request may read at most

Document = dict[str, Any]
Keep = Callable[[Document], bool]
Item = TypeVar("Item")


def part(items: Sequence[Item], window: Window) -> list[Item]:
    """The window of a list that is in memory."""
    return list(items[window.offset : window.end])


async def newest_documents(
    sources: Iterable[Documents], query: PageQuery, window: Window, keep: Keep | None
) -> tuple[list[Document], int | None]:
    """A part of several documents' lists, one after the other, each newest first.

    Returns the total too, or None where a filter leaves it unknown.
    """
    sources = list(sources)
    if keep is not None:
        return await taken(_scan(sources, query), window, keep), None
    total, items = 0, []
    for documents in sources:
        count = (await documents.page(replace(query, offset=0, limit=0))).total
        first = max(window.offset - total, 0)
        last = count if window.end is None else min(max(window.end - total, 0), count)
        if first < last:
            page = await documents.page(replace(query, offset=count - last, limit=last - first))
            items += reversed(page.items)
        total += count
    return items, total


async def taken(found: AsyncIterator[Document], window: Window, keep: Keep) -> list[Document]:
    """Those that `keep` keeps, within the window."""
    items: list[Document] = []
    scanned = skipped = 0
    async for document in found:
        scanned += 1
        if scanned > _SCANNED or (window.limit is not None and len(items) >= window.limit):
            break
        if not keep(document):
            continue
        if skipped < window.offset:
            skipped += 1
        else:
            items.append(document)
    return items


async def _scan(sources: list[Documents], query: PageQuery) -> AsyncIterator[Document]:
    # the list only grows at its end, so what lies before `end` stays where it is
    for documents in sources:
        end = (await documents.page(replace(query, offset=0, limit=0))).total
        while end > 0:
            start = max(end - _PIECE, 0)
            page = await documents.page(replace(query, offset=start, limit=end - start))
            for document in reversed(page.items):
                yield document
            end = start
