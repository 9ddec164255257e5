"""OCPI 2.3.0 mod_sessions and mod_cdrs: taxed prices in Sessions and CDRs."""

from collections.abc import Sequence

from simulators.partner.v2_2_1 import cdrs as v2_2_1
from simulators.partner.v2_2_1.sessions import SessionFields
from simulators.partner.v2_3_0.tariffs import Tariff
from simulators.partner.v2_3_0.types import OpenEnum, Price


class CdrToken(v2_2_1.CdrToken):
    type: OpenEnum


class CdrLocation(v2_2_1.CdrLocation):
    connector_standard: OpenEnum


class Session(SessionFields):
    cdr_token: CdrToken
    total_cost: Price | None = None


class CDR(v2_2_1.CdrFields):
    cdr_token: CdrToken
    cdr_location: CdrLocation
    tariffs: Sequence[Tariff] | None = None
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy_cost: Price | None = None
    total_time_cost: Price | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None
