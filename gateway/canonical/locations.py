"""The Location of OCPI 2.3.0 as the operator hands it in, with the EVSEs' charge point bindings."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.canonical.types import (
    Amount,
    Ascii,
    CiString4,
    CiString25,
    CiString36,
    CiString48,
    Country,
    CountryCode,
    DateTime,
    DisplayText,
    Latitude,
    Longitude,
    Number,
    OcpiObject,
    OpenEnum,
    PartyId,
    String4,
    String10,
    String12,
    String16,
    String45,
    String50,
    String64,
    String100,
    String255,
    TimeOfDay,
    Url,
)
from gateway.domain.timestamps import time_zones

Status = Literal[
    "AVAILABLE",
    "BLOCKED",
    "CHARGING",
    "INOPERATIVE",
    "OUTOFORDER",
    "PLANNED",
    "REMOVED",
    "RESERVED",
    "UNKNOWN",
]
PowerType = Literal["AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"]
EnergySourceCategory = Literal[
    "NUCLEAR", "GENERAL_FOSSIL", "COAL", "GAS", "GENERAL_GREEN", "SOLAR", "WIND", "WATER"
]


def _zone(name: str) -> str:
    if name not in time_zones():
        raise ValueError(f"is not a time zone of the IANA tz database: {name!r}")
    return name


def _unique(what: str, names: Iterable[str]) -> None:
    # CiStrings compare case-insensitively (types 1.1)
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise ValueError(f"{what} {name!r} occurs twice")
        seen.add(name.lower())


def _in_order(begin: str, end: str | None) -> None:
    # both are in one form: UTC with milliseconds
    if end is not None and end <= begin:
        raise ValueError("period_end must be later than period_begin")


class GeoLocation(OcpiObject):
    """mod_locations 1.4.14."""

    latitude: Latitude
    longitude: Longitude


class AdditionalGeoLocation(GeoLocation):
    """A point of interest near the location."""

    name: DisplayText | None = None


class Image(OcpiObject):
    """A picture somewhere else."""

    url: Url
    thumbnail: Url | None = None
    category: OpenEnum
    type: CiString4
    width: Annotated[int, Field(ge=0, le=99999)] | None = None
    height: Annotated[int, Field(ge=0, le=99999)] | None = None


class BusinessDetails(OcpiObject):
    """Operator, suboperator or owner."""

    name: String100
    website: Url | None = None
    logo: Image | None = None


class StatusSchedule(OcpiObject):
    """A planned status; informational."""

    period_begin: DateTime
    period_end: DateTime | None = None
    status: Status

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        _in_order(self.period_begin, self.period_end)
        return self


class RegularHours(OcpiObject):
    """Opening hours of one weekday, local time."""

    weekday: Annotated[int, Field(ge=1, le=7)]
    period_begin: TimeOfDay
    period_end: TimeOfDay

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.period_end <= self.period_begin:
            raise ValueError("period_end must be later than period_begin")
        return self


class ExceptionalPeriod(OcpiObject):
    """An exception to the regular hours, UTC."""

    period_begin: DateTime
    period_end: DateTime

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        _in_order(self.period_begin, self.period_end)
        return self


class Hours(OcpiObject):
    """Opening hours."""

    twentyfourseven: bool
    regular_hours: list[RegularHours] | None = None
    exceptional_openings: list[ExceptionalPeriod] | None = None
    exceptional_closings: list[ExceptionalPeriod] | None = None

    @model_validator(mode="after")
    def _regular_only_if_needed(self) -> Self:
        if not self.twentyfourseven and not self.regular_hours:
            raise ValueError("regular_hours are needed when twentyfourseven is false")
        if self.twentyfourseven and self.regular_hours:
            raise ValueError("regular_hours are only to be used when twentyfourseven is false")
        return self


class EnergySource(OcpiObject):
    """One part of the energy mix."""

    source: EnergySourceCategory
    percentage: Annotated[Amount, Field(le=100)]


class EnvironmentalImpact(OcpiObject):
    """Waste in g/kWh."""

    category: OpenEnum
    amount: Number


class EnergyMix(OcpiObject):
    """Where the energy comes from."""

    is_green_energy: bool
    energy_sources: list[EnergySource] | None = None
    environ_impact: list[EnvironmentalImpact] | None = None
    supplier_name: String64 | None = None
    energy_product_name: String64 | None = None


class PublishToken(OcpiObject):
    """Whose app may show an unpublished location."""

    uid: CiString36 | None = None
    type: OpenEnum | None = None
    visual_number: String64 | None = None
    issuer: String64 | None = None
    group_id: CiString36 | None = None

    @model_validator(mode="after")
    def _identifies(self) -> Self:
        if not (self.uid or self.visual_number or self.group_id):
            raise ValueError("one of uid, visual_number and group_id must be set")
        if self.uid and not self.type:
            raise ValueError("type must be set when uid is")
        if self.visual_number and not self.issuer:
            raise ValueError("issuer must be set when visual_number is")
        return self


class Parking(OcpiObject):
    """A parking place (new in 2.3.0)."""

    id: CiString36
    physical_reference: String12 | None = None
    vehicle_types: Annotated[list[OpenEnum], Field(min_length=1)]
    max_vehicle_weight: Amount | None = None
    max_vehicle_height: Amount | None = None
    max_vehicle_length: Amount | None = None
    max_vehicle_width: Amount | None = None
    parking_space_length: Amount | None = None
    parking_space_width: Amount | None = None
    dangerous_goods_allowed: bool | None = None
    direction: Literal["PARALLEL", "PERPENDICULAR", "ANGLE"] | None = None
    drive_through: bool | None = None
    restricted_to_type: bool
    reservation_required: bool
    time_limit: Amount | None = None
    roofed: bool | None = None
    images: list[Image] | None = None
    lighting: bool | None = None
    refrigeration_outlet: bool | None = None
    standards: list[CiString36] | None = None
    apds_reference: Ascii | None = None


class EvseParking(OcpiObject):
    """Which parking place an EVSE reaches."""

    parking_id: CiString36
    evse_position: Literal["LEFT", "RIGHT", "CENTER"] | None = None


class Connector(OcpiObject):
    """mod_locations 1.3.3; the gateway sets `last_updated` where it is missing."""

    id: CiString36
    standard: OpenEnum
    format: Literal["SOCKET", "CABLE"]
    power_type: PowerType
    max_voltage: Annotated[int, Field(ge=0)]
    max_amperage: Annotated[int, Field(ge=0)]
    max_electric_power: Annotated[int, Field(ge=0)] | None = None
    tariff_ids: list[CiString36] | None = None
    terms_and_conditions: Url | None = None
    capabilities: list[OpenEnum] | None = None
    last_updated: DateTime | None = None


class ChargePointBinding(OcpiObject):
    """Ours, never shown to partners: the station's EVSE (1.6: its connector) behind an EVSE.

    `meter_id` and `home_charging_compensation` are what its sessions' CDRs say (mod_cdrs 10.3.1).
    """

    identity: Annotated[str, Field(min_length=1, max_length=48)]
    evse_id: Annotated[int, Field(ge=1)]
    meter_id: Annotated[String255, Field(min_length=1)] | None = None
    home_charging_compensation: bool | None = None


class Evse(OcpiObject):
    """mod_locations 1.3.2; `status` and `last_updated` are the gateway's to know."""

    uid: CiString36
    evse_id: CiString48 | None = None
    status: Status = "UNKNOWN"
    status_schedule: list[StatusSchedule] | None = None
    capabilities: list[OpenEnum] | None = None
    connectors: Annotated[list[Connector], Field(min_length=1)]
    floor_level: String4 | None = None
    coordinates: GeoLocation | None = None
    physical_reference: String16 | None = None
    directions: list[DisplayText] | None = None
    parking_restrictions: list[OpenEnum] | None = None
    parking: list[EvseParking] | None = None
    images: list[Image] | None = None
    accepted_service_providers: list[String50] | None = None
    charge_point: ChargePointBinding | None = None
    last_updated: DateTime | None = None

    @model_validator(mode="after")
    def _connectors_differ(self) -> Self:
        _unique("connector id", (connector.id for connector in self.connectors))
        _unique("parking_id", (place.parking_id for place in self.parking or ()))
        return self


class Location(OcpiObject):
    """mod_locations 1.3.1."""

    country_code: CountryCode
    party_id: PartyId
    id: CiString36
    publish: bool
    publish_allowed_to: list[PublishToken] | None = None
    name: String255 | None = None
    address: String255
    city: String45
    postal_code: String10 | None = None
    state: String45 | None = None
    country: Country
    coordinates: GeoLocation
    related_locations: list[AdditionalGeoLocation] | None = None
    parking_type: OpenEnum | None = None
    evses: list[Evse] | None = None
    parking_places: list[Parking] | None = None
    directions: list[DisplayText] | None = None
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: list[OpenEnum] | None = None
    time_zone: Annotated[String255, AfterValidator(_zone)]
    opening_times: Hours | None = None
    charging_when_closed: bool | None = None
    images: list[Image] | None = None
    energy_mix: EnergyMix | None = None
    help_phone: CiString25 | None = None
    last_updated: DateTime | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        evses = self.evses or []
        places = self.parking_places or []
        _unique("EVSE uid", (evse.uid for evse in evses))
        _unique("parking id", (place.id for place in places))
        known = {place.id.lower() for place in places}
        for evse in evses:
            for parking in evse.parking or ():
                if parking.parking_id.lower() not in known:
                    raise ValueError(f"EVSE {evse.uid!r} names no parking place of this location")
        # a charge point's identity is compared as it is (OCPP-J), so no folding here
        bindings = [
            (evse.charge_point.identity, evse.charge_point.evse_id)
            for evse in evses
            if evse.charge_point is not None and evse.status != "REMOVED"
        ]
        if len(set(bindings)) != len(bindings):
            raise ValueError("two EVSEs are bound to the same EVSE of a charge point")
        if self.publish and self.publish_allowed_to:
            raise ValueError("publish_allowed_to may only be used when publish is false")
        return self
