"""The closed enums of OCPI 2.2.1 that 2.3.0 has opened or extended, and what is said instead."""

from collections.abc import Mapping

TOKEN_TYPES: Mapping[str, str] = {
    # new in 2.3.0 (types of tokens for ISO 15118); 2.2.1 has "Other type of token"
    "EMAID": "OTHER",
}

CONNECTOR_STANDARDS = frozenset(
    [
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
    ]
)

RENAMED_STANDARDS: Mapping[str, str] = {
    # 2.3.0 ConnectorType: TESLA_S is "Mechanically compatible with SAE J3400"
    "SAE_J3400": "TESLA_S",
}

PARKING_RESTRICTIONS: Mapping[str, str] = {
    "CUSTOMERS": "CUSTOMERS",
    "DISABLED": "DISABLED",
    "EV_ONLY": "EV_ONLY",
    "MOTORCYCLES": "MOTORCYCLES",
    "PLUGGED": "PLUGGED",
    # 2.2.1's own use case of CUSTOMERS: "only guests, employees or customers can charge"
    "EMPLOYEES": "CUSTOMERS",
    # residents are a closed circle as well; without the word everybody would be invited
    "TENANTS": "CUSTOMERS",
    # likewise: a restriction to some must not vanish
    "TAXIS": "CUSTOMERS",
}

CAPABILITIES = frozenset(
    [
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
    ]
)

FACILITIES = frozenset(
    [
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
    ]
)

PARKING_TYPES = frozenset(
    [
        "ALONG_MOTORWAY",
        "PARKING_GARAGE",
        "PARKING_LOT",
        "ON_DRIVEWAY",
        "ON_STREET",
        "UNDERGROUND_GARAGE",
    ]
)

IMAGE_CATEGORIES = frozenset(
    ["CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER"]
)

IMPACT_CATEGORIES = frozenset(("NUCLEAR_WASTE", "CARBON_DIOXIDE"))
