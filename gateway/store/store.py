"""The store as the rest of the gateway sees it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog
from redis.asyncio import Redis

from gateway.domain.party import Party
from gateway.store import keys
from gateway.store.baselines import Baselines
from gateway.store.bus import Bus
from gateway.store.certificates import CertificateRecords
from gateway.store.change import Change, Fence
from gateway.store.charge_points import ChargePointRegistry
from gateway.store.charging_preferences import ChargingPreferenceRecords
from gateway.store.deliveries import DeliveryRecords
from gateway.store.documents import Documents
from gateway.store.errors import SchemaMismatch, StoreError, StoreUnavailable
from gateway.store.evse_states import EvseStates
from gateway.store.group_commit import LOAD_SCRIPT, GroupCommit
from gateway.store.hub_clients import HubClientRecords
from gateway.store.listed_tokens import ListedTokens
from gateway.store.owed import Owed
from gateway.store.parked import Parked
from gateway.store.parties import PartyRecords
from gateway.store.partner_objects import PartnerObjects
from gateway.store.partners import PartnerRecords
from gateway.store.quirk_rules import QuirkRules
from gateway.store.remote_starts import RemoteStarts
from gateway.store.reservations import Reservations
from gateway.store.schema import SCHEMA_VERSIONS
from gateway.store.sealing import Sealer
from gateway.store.server import Server, connect_pool, location, unopened_connection
from gateway.store.station_records import StationRecords
from gateway.store.stations import Stations
from gateway.store.tariff_audiences import TariffAudiences
from gateway.store.tickets import Tickets
from gateway.store.token_pulls import TokenPulls
from gateway.store.token_uses import TokenUses
from gateway.store.tokens import TokenBook
from gateway.store.transactions import Transactions
from gateway.store.wire import Replies, Wire, connect

_log = structlog.get_logger(__name__)

_PING_TIMEOUT = 1.0


class PartyStore:
    """Everything of one party."""

    def __init__(self, server: Server, party: Party) -> None:
        self.party = party
        self._keys = party_keys = keys.PartyKeys(party)
        self.locations = Documents(server, party_keys, "locations")
        self.tariffs = Documents(server, party_keys, "tariffs")
        self.tariff_audiences = TariffAudiences(server, party_keys)
        self.sessions = Documents(server, party_keys, "sessions")
        self.cdrs = Documents(server, party_keys, "cdrs")
        self.invoices = Documents(server, party_keys, "invoice-reconciliations")
        self.evses = EvseStates(server, party_keys)
        self.stations = Stations(server, party_keys)
        self.baselines = Baselines(server, party_keys)
        self.transactions = Transactions(server, party_keys)
        self.owed = Owed(server, party_keys)
        self.parked = Parked(server, party_keys)
        self.remote_starts = RemoteStarts(server, party_keys)
        self.token_uses = TokenUses(server, party_keys)
        self.reservations = Reservations(server, party_keys)
        self.preferences = ChargingPreferenceRecords(server, party_keys)
        self.operations = StationRecords(server, party_keys, "operations")
        self.files = StationRecords(server, party_keys, "files")

    def change(self, fence: Fence | None = None) -> Change:
        """A new, empty change of this party."""
        return Change(self.party, fence, self._keys)


class Store:
    """One process's access to the shared state. Make it with `Store.open`."""

    def __init__(self, redis: Redis, *, secret_key: bytes, node_id: str) -> None:
        self.redis = redis
        self._server = Server(redis)
        self.bus = Bus(redis, self._server, node_id)
        self.charge_points = ChargePointRegistry(self._server)
        self.parties = PartyRecords(self._server, self.bus)
        self.hub_clients = HubClientRecords(self._server, self.bus)
        self.partners = PartnerRecords(self._server, self.bus, Sealer(secret_key))
        self.deliveries = DeliveryRecords(self._server)
        self.tokens = TokenBook(self._server)
        self.token_pulls = TokenPulls(self._server, self.bus)
        self.terminals = PartnerObjects(self._server, "terminals")
        self.confirmations = PartnerObjects(self._server, "financial-advice-confirmations")
        self.received_invoices = PartnerObjects(self._server, "invoice-reconciliations")
        self.listed_tokens = ListedTokens(self._server)
        self.tickets = Tickets(self._server)
        self.quirk_rules = QuirkRules(self._server)
        self.certificates = CertificateRecords(self._server, Sealer(secret_key))
        self._group_commit = GroupCommit(self._connect_writer)
        self._parties: dict[Party, PartyStore] = {}

    @classmethod
    async def open(cls, url: str, *, secret_key: bytes, node_id: str) -> "Store":
        """Connect to `unix:///path?db=0`, `redis://` or `rediss://`.

        Raises StoreUnavailable, SchemaMismatch, and StoreError if the server may evict keys.
        """
        store = cls(
            Redis(connection_pool=connect_pool(url)), secret_key=secret_key, node_id=node_id
        )
        try:
            await store._check_policy()
            await store._check_schema()
            await store._group_commit.start()
            await store.bus.start()
        except BaseException:
            await store.close()
            raise
        _log.info("store opened", server=location(url))
        return store

    async def close(self) -> None:
        """Finish the batch in flight, then disconnect."""
        await self.bus.close()
        await self._group_commit.close()
        await self.redis.aclose()
        await self.redis.connection_pool.disconnect()

    @property
    def connected(self) -> bool:
        """Whether a commit would be tried now; False while the server is known to be away."""
        return self._group_commit.connected

    async def ping(self) -> bool:
        """Whether the server answers, in bounded time, and commits are tried."""
        if not self.connected:
            return False
        try:
            async with asyncio.timeout(_PING_TIMEOUT):
                await self._server.command("PING")
        except (StoreUnavailable, TimeoutError):
            return False
        return True

    def party(self, party: Party) -> PartyStore:
        """The store of one party."""
        found = self._parties.get(party)
        if found is None:
            found = self._parties[party] = PartyStore(self._server, party)
        return found

    def commit(self, change: Change) -> Coroutine[Any, Any, None]:
        """Apply a change, all or nothing; awaited, returns when the server has confirmed.

        Raises Fenced and Conflict (nothing was written), and StoreUnavailable (unknown; what
        depends on it must not be answered).
        """
        return self._group_commit.commit(change)

    async def _connect_writer(self) -> Wire:
        """Connect for commits; refuses a server that has lost our data since it was checked.

        To write into an empty store what belongs on top of a full one would make it worse.
        """
        wire = await connect(unopened_connection(self.redis), [LOAD_SCRIPT])
        version = await Replies(wire).call("GET", keys.SCHEMA)
        if version is None or version.decode() not in SCHEMA_VERSIONS:
            wire.close()
            raise ConnectionError("the server has come back without the gateway's data")
        return wire

    async def _check_policy(self) -> None:
        memory = await self._server.command("INFO", "memory")
        policy = memory.get("maxmemory_policy")
        if policy != "noeviction":
            raise StoreError(
                f"the server's maxmemory-policy is {policy}: it would drop transactions when "
                "memory runs out; set it to noeviction"
            )
        persistence = await self._server.command("INFO", "persistence")
        if not persistence.get("aof_enabled"):
            _log.warning("the server keeps no log: what it has confirmed can be lost")

    async def _check_schema(self) -> None:
        await self._server.command("SET", keys.SCHEMA, SCHEMA_VERSIONS[0], "NX")
        version = (await self._server.command("GET", keys.SCHEMA)).decode()
        if version not in SCHEMA_VERSIONS:
            raise SchemaMismatch(
                f"the data has schema version {version!r}, "
                f"this gateway needs one of {', '.join(SCHEMA_VERSIONS)}"
            )
