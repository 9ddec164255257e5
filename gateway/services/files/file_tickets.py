"""URLs that let a station put one file here, or fetch one, and nothing else.

The word in the URL is a ticket: unguessable, bound to a charge point and its operation, good for
a time. A ticket for an upload counts once: the upload that arrived whole. One that broke off may
be repeated while the ticket lives. A ticket for a download is good for as many tries as the
station needs, because stations resume.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta

from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.operations import MASK
from gateway.domain.party import Party
from gateway.store import Store

UPLOAD, DOWNLOAD = "u", "d"
UPLOAD_TIME = timedelta(hours=24)
DOWNLOAD_TIME = timedelta(days=7)
CLAIM_SECONDS = 120  # how long a claim counts that nobody renews: its holder has died

_WORD_BYTES = 24
_LONGEST_WORD = 64


class Spent(Exception):
    """The ticket has been used."""


class InUse(Exception):
    """Somebody is using the ticket now."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a word entitles to: `name` and `version` are those of the file to fetch."""

    word: str
    identity: str
    party: Party
    operation: str
    name: str | None = None
    version: str | None = None
    used: bool = False


class FileTickets:
    """Issues and honours them. `base_url` is what stations reach the files listener under."""

    def __init__(self, store: Store, base_url: str) -> None:
        self._store = store
        self._base_url = base_url.rstrip("/")

    async def for_upload(self, record: ChargePointRecord, operation: str) -> str:
        """The URL that takes one file."""
        return await self._issue(UPLOAD, record, operation, UPLOAD_TIME, {})

    async def for_download(
        self, record: ChargePointRecord, operation: str, name: str, version: str, time: timedelta
    ) -> str:
        """The URL that gives this version of a file; the file's name comes last in it."""
        fields = {"name": name, "version": version}
        return await self._issue(DOWNLOAD, record, operation, time, fields) + f"/{name}"

    async def find(self, use: str, word: str) -> Ticket | None:
        """What `word` is good for in this use; None if nothing."""
        if not 0 < len(word) <= _LONGEST_WORD or not word.isascii():
            return None
        found = await self._store.tickets.get(word)
        if found is None or found["use"] != use:
            return None
        return Ticket(
            word=word,
            identity=found["identity"],
            party=Party.parse(found["party"]),
            operation=found["operation"],
            name=found.get("name"),
            version=found.get("version"),
            used=found.get("used", False),
        )

    async def claim(self, ticket: Ticket) -> None:
        """Take the one use of an upload; renew it meanwhile. Raises `Spent`, `InUse`."""
        if not await self._store.tickets.claim(ticket.word, CLAIM_SECONDS):
            current = await self.find(UPLOAD, ticket.word)
            raise Spent if current is None or current.used else InUse
        current = await self.find(UPLOAD, ticket.word)
        if current is None or current.used:
            raise Spent

    async def renew(self, ticket: Ticket) -> None:
        """The upload goes on."""
        await self._store.tickets.renew(ticket.word, CLAIM_SECONDS)

    async def release(self, ticket: Ticket) -> None:
        """The upload came to nothing: let the station try again."""
        await self._store.tickets.release(ticket.word)

    async def spend(self, ticket: Ticket) -> None:
        """The file is here."""
        found = await self._store.tickets.get(ticket.word)
        if found is not None:
            await self._store.tickets.spend(ticket.word, found)

    async def _issue(
        self,
        use: str,
        record: ChargePointRecord,
        operation: str,
        time: timedelta,
        fields: dict[str, str],
    ) -> str:
        word = secrets.token_urlsafe(_WORD_BYTES)
        entitlement = {
            "use": use,
            "identity": record.identity,
            "party": str(record.party),
            "operation": operation,
            **fields,
        }
        await self._store.tickets.put(word, entitlement, int(time.total_seconds()))
        return f"{self._base_url}/files/{use}/{word}"


def masked(url: str) -> str:
    """A URL without what opens it: the ticket in ours, name and password in another's."""
    head, slash, tail = url.partition("/files/")
    if slash and tail[:2] in (f"{UPLOAD}/", f"{DOWNLOAD}/"):
        _, _, name = tail[2:].partition("/")
        return f"{head}/files/{tail[:2]}{MASK}" + (f"/{name}" if name else "")
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    _, at, host = authority.rpartition("@")
    return f"{scheme}{separator}{MASK + '@' if at else ''}{host}{slash}{path.partition('?')[0]}"
