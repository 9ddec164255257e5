"""The closed enums of OCPI 2.2.1 that 2.3.0 has opened or extended, and what is said instead."""

from gateway.ocpi.versions.words import Words, words

TOKEN_TYPES = Words(
    "TokenType",
    words("AD_HOC_USER APP_USER OTHER RFID"),
    {"EMAID": ("OTHER", 'new in 2.3.0; "Other type of token" (mod_tokens 12.4.4)')},
    ("OTHER", '"Other type of token" (mod_tokens 12.4.4)'),
)

CONNECTOR_STANDARDS = Words(
    "ConnectorType",
    words(
        """
        CHADEMO CHAOJI
        DOMESTIC_A DOMESTIC_B DOMESTIC_C DOMESTIC_D DOMESTIC_E DOMESTIC_F DOMESTIC_G DOMESTIC_H
        DOMESTIC_I DOMESTIC_J DOMESTIC_K DOMESTIC_L DOMESTIC_M DOMESTIC_N DOMESTIC_O
        GBT_AC GBT_DC
        IEC_60309_2_single_16 IEC_60309_2_three_16 IEC_60309_2_three_32 IEC_60309_2_three_64
        IEC_62196_T1 IEC_62196_T1_COMBO IEC_62196_T2 IEC_62196_T2_COMBO IEC_62196_T3A IEC_62196_T3C
        NEMA_5_20 NEMA_6_30 NEMA_6_50 NEMA_10_30 NEMA_10_50 NEMA_14_30 NEMA_14_50
        PANTOGRAPH_BOTTOM_UP PANTOGRAPH_TOP_DOWN
        TESLA_R TESLA_S
        """
    ),
    {
        "MCS": (None, "a wrong plug sends a driver to a charger that does not fit"),
        "SAE_J3400": ("TESLA_S", '"Mechanically compatible with SAE J3400" (2.3.0 ConnectorType)'),
    },
    (None, "a wrong plug sends a driver to a charger that does not fit"),
)

PARKING_RESTRICTIONS = Words(
    "ParkingRestriction",
    words("CUSTOMERS DISABLED EV_ONLY MOTORCYCLES PLUGGED"),
    {
        "EMPLOYEES": ("CUSTOMERS", '"only guests, employees or customers can charge" (example)'),
        "TENANTS": ("CUSTOMERS", "a closed circle too; unsaid, everybody would be invited"),
        "TAXIS": ("CUSTOMERS", "likewise: a restriction to some must not vanish"),
    },
)

CAPABILITIES = Words(
    "Capability",
    words(
        """
        CHARGING_PROFILE_CAPABLE CHARGING_PREFERENCES_CAPABLE CHIP_CARD_SUPPORT
        CONTACTLESS_CARD_SUPPORT CREDIT_CARD_PAYABLE DEBIT_CARD_PAYABLE PED_TERMINAL
        REMOTE_START_STOP_CAPABLE RESERVABLE RFID_READER START_SESSION_CONNECTOR_REQUIRED
        TOKEN_GROUP_CAPABLE UNLOCK_CAPABLE
        """
    ),
)

FACILITIES = Words(
    "Facility",
    words(
        """
        HOTEL RESTAURANT CAFE MALL SUPERMARKET SPORT RECREATION_AREA NATURE MUSEUM BIKE_SHARING
        BUS_STOP TAXI_STAND TRAM_STOP METRO_STATION TRAIN_STATION AIRPORT PARKING_LOT
        CARPOOL_PARKING FUEL_STATION WIFI
        """
    ),
)

PARKING_TYPES = Words(
    "ParkingType",
    words(
        """
        ALONG_MOTORWAY PARKING_GARAGE PARKING_LOT ON_DRIVEWAY ON_STREET UNDERGROUND_GARAGE
        """
    ),
)

IMAGE_CATEGORIES = Words(
    "ImageCategory",
    words("CHARGER ENTRANCE LOCATION NETWORK OPERATOR OTHER OWNER"),
    otherwise=("OTHER", '"Other" (mod_locations 8.4.16)'),
)

IMPACT_CATEGORIES = Words(
    "EnvironmentalImpactCategory",
    words("NUCLEAR_WASTE CARBON_DIOXIDE"),
    otherwise=(None, "the category is the entry's meaning: the entry is left out"),
)

ALL = (
    TOKEN_TYPES,
    CONNECTOR_STANDARDS,
    PARKING_RESTRICTIONS,
    CAPABILITIES,
    FACILITIES,
    PARKING_TYPES,
    IMAGE_CATEGORIES,
    IMPACT_CATEGORIES,
)


def nearest_plug(power_type: str | None) -> str:
    """What a bill says where there is no word for its plug (MCS).

    A bill must arrive, and nobody drives there by it: the most common plug of the same current.
    """
    return "IEC_62196_T2_COMBO" if power_type == "DC" else "IEC_62196_T2"
