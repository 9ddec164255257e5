"""OCPI 2.1.1 mod_locations: no owner in the objects, one tariff per Connector, shorter enums."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simulators.partner.v2_1_1.types import (
    DateTime,
    DisplayText,
    Id36,
    Id39,
    String4,
    String10,
    String16,
    String45,
    String64,
    String100,
    String255,
)
from simulators.partner.v2_2_1.locations import (
    ConnectorFormat,
    EnergySource,
    EnvironmentalImpactCategory,
    RegularHours,
    Status,
)
from simulators.partner.v2_2_1.types import (
    Boolean,
    CiString48,
    Country,
    Enum,
    Int,
    Number,
    OcpiObject,
    Url,
    one_of,
)

Capability = Annotated[
    Enum,
    one_of(
        "CHARGING_PROFILE_CAPABLE",
        "CREDIT_CARD_PAYABLE",
        "REMOTE_START_STOP_CAPABLE",
        "RESERVABLE",
        "RFID_READER",
        "UNLOCK_CAPABLE",
    ),
]
ConnectorType = Annotated[
    Enum,
    one_of(
        "CHADEMO",
        *(f"DOMESTIC_{letter}" for letter in "ABCDEFGHIJKL"),
        "IEC_60309_2_single_16",
        "IEC_60309_2_three_16",
        "IEC_60309_2_three_32",
        "IEC_60309_2_three_64",
        "IEC_62196_T1",
        "IEC_62196_T1_COMBO",
        "IEC_62196_T2",
        "IEC_62196_T2_COMBO",
        "IEC_62196_T3A",
        "IEC_62196_T3C",
        "TESLA_R",
        "TESLA_S",
    ),
]
Facility = Annotated[
    Enum,
    one_of(
        "HOTEL",
        "RESTAURANT",
        "CAFE",
        "MALL",
        "SUPERMARKET",
        "SPORT",
        "RECREATION_AREA",
        "NATURE",
        "MUSEUM",
        "BUS_STOP",
        "TAXI_STAND",
        "TRAIN_STATION",
        "AIRPORT",
        "CARPOOL_PARKING",
        "FUEL_STATION",
        "WIFI",
    ),
]
LocationType = Literal[
    "ON_STREET", "PARKING_GARAGE", "UNDERGROUND_GARAGE", "PARKING_LOT", "OTHER", "UNKNOWN"
]
ParkingRestriction = Literal["EV_ONLY", "PLUGGED", "DISABLED", "CUSTOMERS", "MOTORCYCLES"]
PowerType = Literal["AC_1_PHASE", "AC_3_PHASE", "DC"]

# six decimals, where later versions allow five to seven
Latitude = Annotated[str, Field(strict=True, max_length=10, pattern=r"^-?[0-9]{1,2}\.[0-9]{6}$")]
Longitude = Annotated[str, Field(strict=True, max_length=11, pattern=r"^-?[0-9]{1,3}\.[0-9]{6}$")]


class GeoLocation(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_locations, GeoLocation"

    latitude: Latitude
    longitude: Longitude


class AdditionalGeoLocation(GeoLocation):
    clause: ClassVar[str] = "2.1.1 mod_locations, AdditionalGeoLocation"

    name: DisplayText | None = None


class ExceptionalPeriod(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_locations, ExceptionalPeriod"

    period_begin: DateTime
    period_end: DateTime


class Hours(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_locations, Hours"

    # "Choice: one of two": regular_hours, or twentyfourseven
    twentyfourseven: Boolean | None = None
    regular_hours: Sequence[RegularHours] | None = None
    exceptional_openings: Sequence[ExceptionalPeriod] | None = None
    exceptional_closings: Sequence[ExceptionalPeriod] | None = None


class EnvironmentalImpact(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_locations, EnvironmentalImpact"

    # called category from 2.2 on
    source: EnvironmentalImpactCategory
    amount: Number


class EnergyMix(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_locations, EnergyMix"

    is_green_energy: Boolean
    energy_sources: Sequence[EnergySource] | None = None
    environ_impact: Sequence[EnvironmentalImpact] | None = None
    supplier_name: String64 | None = None
    energy_product_name: String64 | None = None


class StatusSchedule(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_locations, StatusSchedule"

    period_begin: DateTime
    period_end: DateTime | None = None
    status: Status


class Connector(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_locations, Connector object"

    id: Id36
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    voltage: Int
    amperage: Int
    tariff_id: Id36 | None = None
    terms_and_conditions: Url | None = None
    last_updated: DateTime


class Image(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_locations, Image"

    url: Url
    thumbnail: Url | None = None
    category: Literal["CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"]
    type: String4
    width: Annotated[Int, Field(ge=0, le=99999)] | None = None
    height: Annotated[Int, Field(ge=0, le=99999)] | None = None


class BusinessDetails(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_locations, BusinessDetails"

    name: String100
    website: Url | None = None
    logo: Image | None = None


class EVSE(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_locations, EVSE object"

    uid: Id39
    evse_id: CiString48 | None = None
    status: Status
    status_schedule: Sequence[StatusSchedule] | None = None
    capabilities: Sequence[Capability] | None = None
    connectors: Annotated[Sequence[Connector], Field(min_length=1)]
    floor_level: String4 | None = None
    coordinates: GeoLocation | None = None
    physical_reference: String16 | None = None
    directions: Sequence[DisplayText] | None = None
    parking_restrictions: Sequence[ParkingRestriction] | None = None
    images: Sequence[Image] | None = None
    last_updated: DateTime


class Location(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_locations, Location object"

    id: Id39
    type: LocationType
    name: String255 | None = None
    address: String45
    city: String45
    postal_code: String10
    country: Country
    coordinates: GeoLocation
    related_locations: Sequence[AdditionalGeoLocation] | None = None
    evses: Sequence[EVSE] | None = None
    directions: Sequence[DisplayText] | None = None
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: Sequence[Facility] | None = None
    time_zone: String255 | None = None
    opening_times: Hours | None = None
    charging_when_closed: Boolean | None = None
    images: Sequence[Image] | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime
