"""The partners as this node knows them, in memory, kept fresh.

The hot paths (who calls, who must be told) ask without waiting. A change made here holds here at
once; other nodes re-read when the store announces it on the bus, and every few seconds in case an
announcement was lost, so that a revoked token dies everywhere within moments.
"""

import asyncio
import contextlib
import hashlib
import secrets
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.store import PageQuery, Store, StoreError

_log = structlog.get_logger(__name__)

# Credentials object: at most 64 printable non-whitespace ASCII characters.
_TOKEN_BYTES = 36
_REREAD_SECONDS = 5.0
_PIECE = 500
_PENDING_SECONDS = 120.0
_PENDING_TOPIC = "partner-tokens"
_CHANGED_TOPIC = "partners"

# A suspended partner is owed as well: what it missed goes out when it is resumed.
_TOLD = (PartnerState.REGISTERED, PartnerState.SUSPENDED)


def new_token() -> str:
    """A credentials token: 288 random bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> str:
    """How a token that is presented to us is kept: its SHA-256; it is random, so no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


class RegistrationFailed(Exception):
    """The OCPI handshake with a partner did not come to its end; the text says where."""


async def owe_everything(store: Store, parties: Iterable[Party], partner: Partner) -> int:
    """Owe a newly registered partner every location and tariff; returns how many objects.

    Sessions and CDRs belong to the tokens of one partner; it can GET what it may have missed.
    """
    count = 0
    for party in parties:
        books = store.party(party)
        for module, kind, documents in (
            ("locations", ObjectKind.LOCATION, books.locations),
            ("tariffs", ObjectKind.TARIFF, books.tariffs),
        ):
            if partner.endpoint(module, "RECEIVER") is None:
                continue
            offset = 0
            while page := (await documents.page(PageQuery(offset=offset, limit=_PIECE))).items:
                change = books.change()
                for document in page:
                    books.owed.mark(change, (partner.id,), ObjectRef(kind, document["id"]))
                await store.commit(change)
                offset += _PIECE
                count += len(page)
    return count


class PartnerDirectory:
    """All partners, by id and by the token that they present."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        *,
        reread_seconds: float = _REREAD_SECONDS,
    ) -> None:
        self._store = store
        self._now = now
        self._reread_seconds = reread_seconds
        self._by_id: dict[str, Partner] = {}
        self._by_hash: dict[str, Partner] = {}
        self._receivers: dict[str, list[Partner]] = {}
        self._pending: dict[str, tuple[str, float]] = {}
        self._generation = 0
        self._closed = False
        self._stale = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._unsubscribe: list[Callable[[], None]] = []

    async def load(self) -> None:
        """Read every partner and stay up to date until `close`."""
        self._unsubscribe = [
            self._store.bus.subscribe(_CHANGED_TOPIC, lambda _message: self._stale.set()),
            self._store.bus.subscribe(_PENDING_TOPIC, self._note_pending),
        ]
        self._store.bus.on_resumed(self._stale.set)
        await self._reread()
        self._reader = asyncio.create_task(self._stay_fresh(), name="partner directory")

    async def close(self) -> None:
        """Stop following changes."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = []
        self._closed = True  # a cancellation may get lost inside the Redis client
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None

    def by_token(self, token: str) -> Partner | None:
        """Who may present this token to us.

        Compared by hash, so that the time taken says nothing about the tokens we know.
        """
        hashed = token_hash(token)
        partner = self._by_hash.get(hashed)
        return partner if partner is not None else self._by_pending(hashed)

    def get(self, partner_id: str) -> Partner | None:
        """The partner of this id."""
        return self._by_id.get(partner_id)

    def all(self) -> list[Partner]:
        """Every partner, oldest first."""
        return sorted(self._by_id.values(), key=lambda partner: (partner.created_at, partner.id))

    def receivers(self, module: str) -> list[Partner]:
        """Whoever must be told of this module's objects: has a RECEIVER endpoint for them."""
        receivers = self._receivers.get(module)
        if receivers is None:
            receivers = [
                partner
                for partner in self._by_id.values()
                if partner.state in _TOLD and partner.endpoint(module, "RECEIVER")
            ]
            self._receivers[module] = receivers
        return receivers

    async def invite(self, name: str) -> tuple[Partner, str]:
        """A new partner and the token A to hand over, shown this once. Raises `ValueError`."""
        name = name.strip()
        if not name or len(name) > 100 or not name.isprintable():
            raise ValueError("a partner's name has 1 to 100 printable characters")
        token = new_token()
        partner = Partner(
            id=uuid.uuid4().hex[:12],
            name=name,
            state=PartnerState.INVITED,
            created_at=self._now(),
            inbound_token_hash=token_hash(token),
        )
        await self.save(partner)
        return partner, token

    async def save(self, partner: Partner) -> None:
        """Store it; from now on this node sees it so."""
        try:
            await self._store.partners.put(partner)
        except StoreError:
            self._stale.set()  # it may have been stored all the same
            raise
        self._set({**self._by_id, partner.id: partner})

    async def remove(self, partner_id: str) -> None:
        """Forget it and the drivers' tokens that it gave us; it is unknown from now on."""
        self._set({id_: one for id_, one in self._by_id.items() if id_ != partner_id})
        self._stale.set()
        await self._store.partners.delete(partner_id)
        await self._store.tokens.drop_partner(partner_id)

    async def resume(self, partner: Partner) -> None:
        """A suspended partner called us: it is worth trying again."""
        await self.save(replace(partner, state=PartnerState.REGISTERED))

    async def expect(self, token: str, partner_id: str) -> None:
        """Accept another token of a partner while it is being handed over to it.

        During PUT credentials the partner reads our versions with the new token before it has
        answered, and may still use the old one for everything else. Ends by itself.
        """
        message = {"hash": token_hash(token), "partner": partner_id}
        self._note_pending(message)
        await self._store.bus.publish(_PENDING_TOPIC, message)

    def _by_pending(self, hashed: str) -> Partner | None:
        pending = self._pending.get(hashed)
        if pending is None or pending[1] < asyncio.get_running_loop().time():
            return None
        return self._by_id.get(pending[0])

    def _note_pending(self, message: Any) -> None:
        now = asyncio.get_running_loop().time()
        self._pending = {
            hashed: (partner_id, until)
            for hashed, (partner_id, until) in self._pending.items()
            if until > now
        }
        self._pending[message["hash"]] = (message["partner"], now + _PENDING_SECONDS)

    def _set(self, partners: dict[str, Partner]) -> None:
        self._generation += 1
        self._by_id = partners
        self._by_hash = {
            partner.inbound_token_hash: partner
            for partner in partners.values()
            if partner.inbound_token_hash and partner.state is not PartnerState.UNREGISTERED
        }
        self._receivers = {}

    async def _reread(self) -> None:
        generation = self._generation
        partners = await self._store.partners.all()
        # A change made here while reading is newer than what was read.
        if generation == self._generation:
            self._set({partner.id: partner for partner in partners})
        else:
            self._stale.set()

    async def _stay_fresh(self) -> None:
        while not self._closed:
            # not wait_for: in Python 3.11 it may swallow a cancellation
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._reread_seconds):
                    await self._stale.wait()
            self._stale.clear()
            try:
                await self._reread()
            except StoreError as error:
                _log.warning("partners could not be re-read", error=str(error))
                await asyncio.sleep(min(1.0, self._reread_seconds))
