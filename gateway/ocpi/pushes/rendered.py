"""Objects as they were last written for a version, so that a page need not be made anew.

A partner's full pull asks for every location; to read, convert and write each of them costs far
more than to fetch it. What is kept is found by what it was made from: an entry whose source is
not, byte for byte, what the store holds now is never used.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Any

import msgspec

from gateway import exact_json

MAX_BYTES = 64 * 1024 * 1024
"""About 25,000 locations of a usual size."""

_OVERHEAD = 300  # of an entry besides its text


class RenderedObjects:
    """JSON text by key; what was used longest ago goes first when there is too much."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._texts: OrderedDict[Hashable, tuple[bytes, bytes]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        """How many objects are kept."""
        return len(self._texts)

    def text(
        self, key: Hashable, source: Iterable[bytes], render: Callable[[], Any]
    ) -> msgspec.Raw:
        """The object's text: as kept, if it was made from this source, else from `render`."""
        made_from = fingerprint(source)
        kept = self._texts.get(key)
        if kept is not None and kept[0] == made_from:
            self._texts.move_to_end(key)
            return msgspec.Raw(kept[1])
        text = exact_json.dumps(render())
        self._keep(key, made_from, text)
        return msgspec.Raw(text)

    def _keep(self, key: Hashable, made_from: bytes, text: bytes) -> None:
        before = self._texts.pop(key, None)
        if before is not None:
            self.bytes -= len(before[1]) + _OVERHEAD
        self._texts[key] = made_from, text
        self.bytes += len(text) + _OVERHEAD
        while self.bytes > self._max_bytes:
            _, (_, oldest) = self._texts.popitem(last=False)
            self.bytes -= len(oldest) + _OVERHEAD


def fingerprint(source: Iterable[bytes]) -> bytes:
    """What tells one source from another; the lengths keep the pieces apart."""
    digest = hashlib.blake2b(digest_size=16)
    for piece in source:
        digest.update(len(piece).to_bytes(8, "big"))
        digest.update(piece)
    return digest.digest()
