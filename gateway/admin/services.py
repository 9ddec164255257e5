"""Exactly what the operator's API needs, handed over by the composition root."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.admin.ports import Check, Frames, Registrar
from gateway.delivery import Deliveries
from gateway.services.charge_points import ChargePoints
from gateway.services.locations import LocationCatalogue
from gateway.services.own_tokens import OwnTokens
from gateway.services.parties import PartyBook
from gateway.services.partners import PartnerDirectory
from gateway.services.routing import StationRouter
from gateway.services.stale import StaleTransactions
from gateway.services.tariffs import TariffBook
from gateway.store import Store


@dataclass(frozen=True, slots=True)
class Services:
    """`versions_url` is where partners begin with us; `checks` are parts of readiness."""

    store: Store
    parties: PartyBook
    charge_points: ChargePoints
    router: StationRouter
    catalogue: LocationCatalogue
    tariffs: TariffBook
    own_tokens: OwnTokens
    partners: PartnerDirectory
    registration: Registrar
    deliveries: Deliveries
    stale: StaleTransactions
    messages: Frames
    operator_token: str = field(repr=False)
    versions_url: str
    now: Callable[[], datetime]
    checks: Mapping[str, Check] = field(default_factory=dict)
