"""Everything the gateway remembers, in a Redis or Valkey server.

The design, in four ideas:

**Answer means durable.** `Store.commit` returns when the server has confirmed, and the server
confirms when its log is on the disk (`appendfsync always`). What a charger hears depends on it.

**A change is one script.** A `Change` collects the writes of one party; a single Lua script
checks its fence and its expectations and applies all of it, or none (commit.lua). Documents,
indexes, what is owed to partners and the wake-up of their deliveries belong to the same change,
so no crash can leave one without the other.

**Group commit.** All callers of a process share one writer, which sends whatever is pending as
one batch (group_commit.py). Each change stands by itself; only the round trip and the disk write
are shared.

**Fencing.** Each connection of a charge point takes an epoch (`Stations.connect`); its changes
carry it, and the script refuses one whose epoch is over. Two sockets, or two nodes, can never
both write for a charge point.

All keys of a party share one hash tag, hence one slot of Redis Cluster; keys.py alone knows their
names. Only commands that Redis 7.0 and Valkey 9 both have are used.
"""

from gateway.store.bus import Bus, Lease
from gateway.store.change import Change, Fence
from gateway.store.charge_points import ChargePointRegistry
from gateway.store.documents import Documents, Page, PageQuery, StoredPage
from gateway.store.errors import (
    BusError,
    BusRefused,
    BusTimeout,
    Conflict,
    Fenced,
    SchemaMismatch,
    StoreError,
    StoreUnavailable,
)
from gateway.store.evse_states import EvseLive, EvseStates
from gateway.store.owed import Owed
from gateway.store.parties import PartyRecord
from gateway.store.partner_objects import OwnedObject, PartnerObjects
from gateway.store.partners import PartnerRecords
from gateway.store.remote_starts import RemoteStarts
from gateway.store.stations import Route, Stations
from gateway.store.store import PartyStore, Store
from gateway.store.tokens import KnownToken, TokenBook
from gateway.store.transactions import Transactions

__all__ = [
    "Bus",
    "BusError",
    "BusRefused",
    "BusTimeout",
    "Change",
    "ChargePointRegistry",
    "Conflict",
    "Documents",
    "EvseLive",
    "EvseStates",
    "Fence",
    "Fenced",
    "KnownToken",
    "Lease",
    "Owed",
    "OwnedObject",
    "Page",
    "PageQuery",
    "PartnerObjects",
    "PartnerRecords",
    "PartyRecord",
    "PartyStore",
    "RemoteStarts",
    "Route",
    "SchemaMismatch",
    "Stations",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "StoredPage",
    "TokenBook",
    "Transactions",
]
