"""OCPI 2.2.1 mod_locations: Location, EVSE, Connector and their parts."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simulators.partner.v2_2_1.types import (
    Boolean,
    CiString4,
    CiString36,
    CiString48,
    Country,
    CountryCode,
    DateTime,
    DisplayText,
    Enum,
    HourMinute,
    Int,
    Number,
    OcpiObject,
    PartyId,
    String4,
    String10,
    String16,
    String45,
    String64,
    String100,
    String255,
    Url,
    one_of,
)

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
Capability = Annotated[
    Enum,
    one_of(
        "CHARGING_PROFILE_CAPABLE",
        "CHARGING_PREFERENCES_CAPABLE",
        "CHIP_CARD_SUPPORT",
        "CONTACTLESS_CARD_SUPPORT",
        "CREDIT_CARD_PAYABLE",
        "DEBIT_CARD_PAYABLE",
        "PED_TERMINAL",
        "REMOTE_START_STOP_CAPABLE",
        "RESERVABLE",
        "RFID_READER",
        "START_SESSION_CONNECTOR_REQUIRED",
        "TOKEN_GROUP_CAPABLE",
        "UNLOCK_CAPABLE",
    ),
]
ConnectorType = Annotated[
    Enum,
    one_of(
        "CHADEMO",
        "CHAOJI",
        "DOMESTIC_A",
        "DOMESTIC_B",
        "DOMESTIC_C",
        "DOMESTIC_D",
        "DOMESTIC_E",
        "DOMESTIC_F",
        "DOMESTIC_G",
        "DOMESTIC_H",
        "DOMESTIC_I",
        "DOMESTIC_J",
        "DOMESTIC_K",
        "DOMESTIC_L",
        "DOMESTIC_M",
        "DOMESTIC_N",
        "DOMESTIC_O",
        "GBT_AC",
        "GBT_DC",
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
        "NEMA_5_20",
        "NEMA_6_30",
        "NEMA_6_50",
        "NEMA_10_30",
        "NEMA_10_50",
        "NEMA_14_30",
        "NEMA_14_50",
        "PANTOGRAPH_BOTTOM_UP",
        "PANTOGRAPH_TOP_DOWN",
        "TESLA_R",
        "TESLA_S",
    ),
]
ConnectorFormat = Literal["SOCKET", "CABLE"]
PowerType = Literal["AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"]
ParkingRestriction = Annotated[
    Enum, one_of("EV_ONLY", "PLUGGED", "DISABLED", "CUSTOMERS", "MOTORCYCLES")
]
ParkingType = Annotated[
    Enum,
    one_of(
        "ALONG_MOTORWAY",
        "PARKING_GARAGE",
        "PARKING_LOT",
        "ON_DRIVEWAY",
        "ON_STREET",
        "UNDERGROUND_GARAGE",
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
        "BIKE_SHARING",
        "BUS_STOP",
        "TAXI_STAND",
        "TRAM_STOP",
        "METRO_STATION",
        "TRAIN_STATION",
        "AIRPORT",
        "PARKING_LOT",
        "CARPOOL_PARKING",
        "FUEL_STATION",
        "WIFI",
    ),
]
ImageCategory = Annotated[
    Enum, one_of("CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER")
]
EnergySourceCategory = Literal[
    "NUCLEAR", "GENERAL_FOSSIL", "COAL", "GAS", "GENERAL_GREEN", "SOLAR", "WIND", "WATER"
]
EnvironmentalImpactCategory = Annotated[Enum, one_of("NUCLEAR_WASTE", "CARBON_DIOXIDE")]
TOKEN_TYPES = ("AD_HOC_USER", "APP_USER", "OTHER", "RFID")
TokenType = Annotated[Enum, one_of(*TOKEN_TYPES)]

Latitude = Annotated[str, Field(strict=True, pattern=r"^-?[0-9]{1,2}\.[0-9]{5,7}$")]
Longitude = Annotated[str, Field(strict=True, pattern=r"^-?[0-9]{1,3}\.[0-9]{5,7}$")]


class GeoLocation(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, GeoLocation"

    latitude: Latitude
    longitude: Longitude


class AdditionalGeoLocation(GeoLocation):
    clause: ClassVar[str] = "2.2.1 mod_locations, AdditionalGeoLocation"

    name: DisplayText | None = None


class Image(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, Image"

    url: Url
    thumbnail: Url | None = None
    category: ImageCategory
    type: CiString4
    width: Annotated[Int, Field(ge=0, le=99999)] | None = None
    height: Annotated[Int, Field(ge=0, le=99999)] | None = None


class BusinessDetails(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, BusinessDetails"

    name: String100
    website: Url | None = None
    logo: Image | None = None


class EnergySource(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, EnergySource"

    source: EnergySourceCategory
    percentage: Annotated[Number, Field(ge=0, le=100)]


class EnvironmentalImpact(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, EnvironmentalImpact"

    category: EnvironmentalImpactCategory
    amount: Number


class EnergyMix(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, EnergyMix"

    is_green_energy: Boolean
    energy_sources: Sequence[EnergySource] | None = None
    environ_impact: Sequence[EnvironmentalImpact] | None = None
    supplier_name: String64 | None = None
    energy_product_name: String64 | None = None


class ExceptionalPeriod(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, ExceptionalPeriod"

    period_begin: DateTime
    period_end: DateTime


class RegularHours(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, RegularHours"

    weekday: Annotated[Int, Field(ge=1, le=7)]
    period_begin: HourMinute
    period_end: HourMinute


class Hours(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, Hours"

    twentyfourseven: Boolean
    regular_hours: Sequence[RegularHours] | None = None
    exceptional_openings: Sequence[ExceptionalPeriod] | None = None
    exceptional_closings: Sequence[ExceptionalPeriod] | None = None


class PublishTokenType(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, PublishTokenType"

    uid: CiString36 | None = None
    type: TokenType | None = None
    visual_number: String64 | None = None
    issuer: String64 | None = None
    group_id: CiString36 | None = None


class StatusSchedule(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, StatusSchedule"

    period_begin: DateTime
    period_end: DateTime | None = None
    status: Status


class Connector(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, Connector object"

    id: CiString36
    standard: ConnectorType
    format: ConnectorFormat
    power_type: PowerType
    max_voltage: Int
    max_amperage: Int
    max_electric_power: Int | None = None
    tariff_ids: Sequence[CiString36] | None = None
    terms_and_conditions: Url | None = None
    last_updated: DateTime


class EVSE(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_locations, EVSE object"

    uid: CiString36
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
    clause: ClassVar[str] = "2.2.1 mod_locations, Location object"

    country_code: CountryCode
    party_id: PartyId
    id: CiString36
    publish: Boolean
    publish_allowed_to: Sequence[PublishTokenType] | None = None
    name: String255 | None = None
    address: String255
    city: String45
    postal_code: String10 | None = None
    state: String45 | None = None
    country: Country
    coordinates: GeoLocation
    related_locations: Sequence[AdditionalGeoLocation] | None = None
    parking_type: ParkingType | None = None
    evses: Sequence[EVSE] | None = None
    directions: Sequence[DisplayText] | None = None
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: Sequence[Facility] | None = None
    time_zone: String255
    opening_times: Hours | None = None
    charging_when_closed: Boolean | None = None
    images: Sequence[Image] | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime
