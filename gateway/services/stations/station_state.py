"""The owner's cache: what the node that holds a charge point's socket knows of it.

While a connection holds its epoch nobody else writes this charge point's state, so a message
costs no read. The next connection, here or elsewhere, starts from the store.
"""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.domain.bills.cost import StationDisplay
from gateway.domain.bills.sessions import Site
from gateway.domain.boot import RegistrationStatus
from gateway.domain.charge_points import ChargePointRecord, EvseBinding, PresentedCertificate
from gateway.domain.deviations import DeviationLog
from gateway.domain.events import ConnectorState
from gateway.domain.evse_status import EvseReports, EvseStatus
from gateway.domain.flags import SUPERSEDED
from gateway.domain.metering.signed_values import NOTHING_SIGNED, Evidence
from gateway.domain.metering.use import MeteredUse
from gateway.domain.party import Party
from gateway.domain.quirks import EffectiveQuirks
from gateway.domain.reports import Progress
from gateway.domain.reservations import Reserved
from gateway.domain.tariffs import Tariff
from gateway.domain.tokens import Authorization, AuthorizationStatus
from gateway.domain.transactions import Transaction
from gateway.services.transaction_log import Entry
from gateway.store import Fence

STATION = 0  # EVSE id of the station itself
OCPP_16 = "ocpp1.6"

# None: nobody has been asked yet (2.x, cable first).
_MAY_CHARGE = (None, AuthorizationStatus.ACCEPTED)


@dataclass(slots=True)
class RunningTransaction:
    """An open transaction with what it is priced by; `site` is None while no location is known.

    `session_at` is when its Session was last written, by the event loop's clock; `owed_at` and
    `owed_as` are when, and saying what, it was last owed to its partner. `site_kept`: the store
    has the site. `entries` is how long its log is. `reserved`: the reservation that it used.
    """

    transaction: Transaction
    site: Site | None = None
    tariff: Tariff | None = None
    session_at: float = -math.inf
    owed_at: float = -math.inf
    owed_as: object = None
    site_kept: bool = False
    told_cost: Decimal | None = None  # what its station was told last
    use: MeteredUse | None = None  # None: to be made anew from its log
    unread: list[Entry] = field(default_factory=list)  # what the use has not been told yet
    evidence: Evidence = NOTHING_SIGNED  # known once it is to be billed
    kept_session: Mapping[str, Any] | None = None  # as the store has it, once it has ended
    entries: int = 0
    reserved: Reserved | None = None

    def forget_use(self) -> None:
        """What is known of its use is not so, or may not be: the next bill makes it anew."""
        self.use = None
        self.unread.clear()


@dataclass(slots=True)
class StationState:
    """One connection's view of its charge point. Only the services look inside.

    `boot_answer` is what its last boot was told, `prepared` whether its settings were seen to
    while that was Pending.
    """

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
    # held by whoever changes transactions: a handler, the operator's hand, the end of a wait
    steps: asyncio.Lock = field(default_factory=asyncio.Lock)
    deviations: DeviationLog = field(default_factory=DeviationLog)
    quirks: EffectiveQuirks = field(init=False)
    boot_answer: RegistrationStatus | None = None
    prepared: bool = False
    reports: dict[tuple[str, int], Progress] | None = None  # None: not read yet
    certificate: PresentedCertificate | None = None  # what it proved itself with (profile 3)
    display: StationDisplay | None = None  # None: not asked, or it is not to be
    watching: set[str] | None = None  # messages that an operation waits for; None: not known yet

    def __post_init__(self) -> None:
        self.quirks = EffectiveQuirks(self.record.quirks)

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

    def in_use(self, evse_id: int) -> bool:
        """Whether a transaction really holds an EVSE, so that nobody else can charge there.

        One with a refused token does not: some stations never end what they never began. Nor
        does one that a 1.6 connector has outlived: Available there means that none runs (4.9),
        so its stop was lost. A 2.x transaction may well begin before the cable is in.
        """
        freed_at = self._freed_at(evse_id) if self.protocol == OCPP_16 else None
        return any(
            running.transaction.authorization in _MAY_CHARGE
            and (freed_at is None or freed_at <= running.transaction.started_at)
            for running in self.running_on(evse_id)
        )

    def _freed_at(self, evse_id: int) -> datetime | None:
        """Since when an EVSE's connectors are all Available, by the station's clock."""
        reports = list(self.evses.get(evse_id, EvseReports()).connectors.values())
        if not reports or any(one.state is not ConnectorState.AVAILABLE for one in reports):
            return None
        return max(one.at for one in reports)
