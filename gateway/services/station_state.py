"""The owner's cache: what the node that holds a charge point's socket knows of it.

While a connection holds its epoch nobody else writes this charge point's state, so a message
costs no read. The next connection, here or elsewhere, starts from the store.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.charge_points import ChargePointRecord, EvseBinding
from gateway.domain.events import ConnectorState
from gateway.domain.evse_status import EvseReports, EvseStatus
from gateway.domain.ocpi_objects import Site
from gateway.domain.party import Party
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import Authorization
from gateway.domain.transactions import Transaction
from gateway.store import Fence

STATION = 0  # EVSE id of the station itself


@dataclass(slots=True)
class RunningTransaction:
    """An open transaction with what it is priced by; `site` is None while no location is known.

    `session_at` is when its Session was last written, by the event loop's clock.
    """

    transaction: Transaction
    site: Site | None = None
    tariff: Tariff | None = None
    session_at: float = -math.inf


@dataclass(slots=True)
class StationState:
    """One connection's view of its charge point. Only the services look inside."""

    record: ChargePointRecord
    fence: Fence
    protocol: str
    connected_at: datetime
    last_seen: datetime
    boot_accepted: bool = False
    connected: bool = True
    evses: dict[int, EvseReports] = field(default_factory=dict)
    published: dict[int, EvseStatus] = field(default_factory=dict)
    bindings: dict[int, EvseBinding] = field(default_factory=dict)
    open: dict[str, RunningTransaction] = field(default_factory=dict)
    authorizations: dict[str, tuple[Authorization, datetime]] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """The charge point's identity."""
        return self.record.identity

    @property
    def party(self) -> Party:
        """The party that the charge point belongs to."""
        return self.record.party

    @property
    def station_state(self) -> ConnectorState | None:
        """What the station said of itself as a whole."""
        reports = self.evses.get(STATION)
        states = reports.states() if reports else []
        return states[0] if states else None

    def running_on(self, evse_id: int) -> list[RunningTransaction]:
        """The open transactions that occupy an EVSE; a superseded one no longer does."""
        return [
            running
            for running in self.open.values()
            if running.transaction.evse_id == evse_id
            and SUPERSEDED not in running.transaction.flags
        ]


SUPERSEDED = "superseded by a new start"
