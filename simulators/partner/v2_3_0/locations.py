"""OCPI 2.3.0 mod_locations: parking places, what a Connector can do, and open enumerations."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simulators.partner.v2_2_1 import locations as v2_2_1
from simulators.partner.v2_2_1.types import (
    Boolean,
    CiString25,
    CiString36,
    CiString255,
    Number,
    OcpiObject,
    String12,
    String50,
)
from simulators.partner.v2_3_0.types import OpenEnum

ConnectorCapability = OpenEnum
EVSEPosition = Literal["LEFT", "RIGHT", "CENTER"]
ParkingDirection = Literal["PARALLEL", "PERPENDICULAR", "ANGLE"]
VehicleType = OpenEnum

# "unless the value of the vehicle_types field contains no values other than"
SMALL_VEHICLES = frozenset({"PERSONAL_VEHICLE", "MOTORCYCLE"})


class Image(v2_2_1.Image):
    category: OpenEnum


class BusinessDetails(v2_2_1.BusinessDetails):
    logo: Image | None = None


class EnvironmentalImpact(v2_2_1.EnvironmentalImpact):
    category: OpenEnum


class EnergyMix(v2_2_1.EnergyMix):
    environ_impact: Sequence[EnvironmentalImpact] | None = None


class PublishTokenType(v2_2_1.PublishTokenType):
    type: OpenEnum | None = None


class Connector(v2_2_1.Connector):
    standard: OpenEnum
    capabilities: Sequence[ConnectorCapability] | None = None


class EVSEParking(OcpiObject):
    clause: ClassVar[str] = "2.3.0 mod_locations, EVSEParking"

    parking_id: CiString36
    evse_position: EVSEPosition | None = None


class EVSE(v2_2_1.EVSE):
    capabilities: Sequence[OpenEnum] | None = None
    connectors: Annotated[Sequence[Connector], Field(min_length=1)]
    parking_restrictions: Sequence[OpenEnum] | None = None
    parking: Sequence[EVSEParking] | None = None
    images: Sequence[Image] | None = None
    accepted_service_providers: Sequence[String50] | None = None


class Parking(OcpiObject):
    clause: ClassVar[str] = "2.3.0 mod_locations, Parking object"

    id: CiString36
    physical_reference: String12 | None = None
    vehicle_types: Annotated[Sequence[VehicleType], Field(min_length=1)]
    max_vehicle_weight: Number | None = None
    max_vehicle_height: Number | None = None
    max_vehicle_length: Number | None = None
    max_vehicle_width: Number | None = None
    parking_space_length: Number | None = None
    parking_space_width: Number | None = None
    dangerous_goods_allowed: Boolean | None = None
    direction: ParkingDirection | None = None
    drive_through: Boolean | None = None
    restricted_to_type: Boolean
    reservation_required: Boolean
    time_limit: Number | None = None
    roofed: Boolean | None = None
    images: Sequence[Image] | None = None
    lighting: Boolean | None = None
    refrigeration_outlet: Boolean | None = None
    standards: Sequence[CiString36] | None = None
    apds_reference: CiString255 | None = None


class Location(v2_2_1.Location):
    publish_allowed_to: Sequence[PublishTokenType] | None = None
    parking_type: OpenEnum | None = None
    evses: Sequence[EVSE] | None = None
    parking_places: Sequence[Parking] | None = None
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: Sequence[OpenEnum] | None = None
    help_phone: CiString25 | None = None
    images: Sequence[Image] | None = None
    energy_mix: EnergyMix | None = None
