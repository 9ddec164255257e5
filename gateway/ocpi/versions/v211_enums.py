"""The closed enums of OCPI 2.1.1, in which 2.2.1's values (all of them) have to be said."""

from gateway.ocpi.versions.words import Words, words

_NO_PLUG = (None, "a wrong plug sends a driver to a charger that does not fit")

TOKEN_TYPES = Words(
    "TokenType",
    words("OTHER RFID"),
    {
        "AD_HOC_USER": ("OTHER", 'new in 2.2; "Other type of token" (mod_tokens 4.3)'),
        "APP_USER": ("OTHER", 'new in 2.2; "Other type of token" (mod_tokens 4.3)'),
    },
    ("OTHER", '"Other type of token" (mod_tokens 4.3)'),
)

CONNECTOR_STANDARDS = Words(
    "ConnectorType",
    words(
        """
        CHADEMO
        DOMESTIC_A DOMESTIC_B DOMESTIC_C DOMESTIC_D DOMESTIC_E DOMESTIC_F DOMESTIC_G DOMESTIC_H
        DOMESTIC_I DOMESTIC_J DOMESTIC_K DOMESTIC_L
        IEC_60309_2_single_16 IEC_60309_2_three_16 IEC_60309_2_three_32 IEC_60309_2_three_64
        IEC_62196_T1 IEC_62196_T1_COMBO IEC_62196_T2 IEC_62196_T2_COMBO IEC_62196_T3A IEC_62196_T3C
        TESLA_R TESLA_S
        """
    ),
    dict.fromkeys(
        words(
            """
            CHAOJI DOMESTIC_M DOMESTIC_N DOMESTIC_O GBT_AC GBT_DC
            NEMA_5_20 NEMA_6_30 NEMA_6_50 NEMA_10_30 NEMA_10_50 NEMA_14_30 NEMA_14_50
            PANTOGRAPH_BOTTOM_UP PANTOGRAPH_TOP_DOWN
            """
        ),
        _NO_PLUG,
    ),
    _NO_PLUG,
)

POWER_TYPES = Words(
    "PowerType",
    words("AC_1_PHASE AC_3_PHASE DC"),
    {
        "AC_2_PHASE": ("AC_1_PHASE", "at least one phase is there; three are not"),
        "AC_2_PHASE_SPLIT": ("AC_1_PHASE", "one winding with a tap: voltage times amperage holds"),
    },
    ("AC_1_PHASE", "the least that may be"),
)

LOCATION_TYPES = Words(
    "LocationType",
    words("ON_STREET PARKING_GARAGE PARKING_LOT UNDERGROUND_GARAGE"),
    {
        "ALONG_MOTORWAY": ("OTHER", '"None of the given possibilities" (mod_locations 4.16)'),
        "ON_DRIVEWAY": ("OTHER", '"None of the given possibilities" (mod_locations 4.16)'),
    },
    ("UNKNOWN", '"Parking location type is not known by the operator (default)"'),
)

CAPABILITIES = Words(
    "Capability",
    words(
        """
        CHARGING_PROFILE_CAPABLE CREDIT_CARD_PAYABLE REMOTE_START_STOP_CAPABLE RESERVABLE
        RFID_READER UNLOCK_CAPABLE
        """
    ),
    dict.fromkeys(
        words(
            """
            CHARGING_PREFERENCES_CAPABLE CHIP_CARD_SUPPORT CONTACTLESS_CARD_SUPPORT
            DEBIT_CARD_PAYABLE PED_TERMINAL TOKEN_GROUP_CAPABLE
            """
        ),
        (None, "new in 2.2, and no other word means it"),
    )
    | {
        "START_SESSION_CONNECTOR_REQUIRED": (
            None,
            "new in 2.2; with several connectors REMOTE_START_STOP_CAPABLE goes as well, "
            "for START_SESSION of 2.1.1 cannot name one",
        )
    },
)

FACILITIES = Words(
    "Facility",
    words(
        """
        HOTEL RESTAURANT CAFE MALL SUPERMARKET SPORT RECREATION_AREA NATURE MUSEUM BUS_STOP
        TAXI_STAND TRAIN_STATION AIRPORT CARPOOL_PARKING FUEL_STATION WIFI
        """
    ),
    dict.fromkeys(
        words("BIKE_SHARING TRAM_STOP METRO_STATION PARKING_LOT"),
        (None, "new in 2.2, and no other word means it"),
    ),
)

AUTH_METHODS = Words(
    "AuthMethod",
    words("AUTH_REQUEST WHITELIST"),
    {"COMMAND": ("AUTH_REQUEST", "the eMSP's own command: it was asked, not a whitelist")},
    ("AUTH_REQUEST", "whatever it was, no whitelist"),
)

DIMENSIONS = Words(
    "CdrDimensionType",
    words("ENERGY MAX_CURRENT MIN_CURRENT PARKING_TIME TIME"),
    dict.fromkeys(
        words(
            """
            CURRENT ENERGY_EXPORT ENERGY_IMPORT MAX_POWER MIN_POWER POWER RESERVATION_TIME
            STATE_OF_CHARGE
            """
        ),
        (None, "new in 2.2; the period's other dimensions stay"),
    ),
)

SESSION_STATUSES = Words(
    "SessionStatus",
    words("ACTIVE COMPLETED INVALID PENDING"),
    {"RESERVATION": ("PENDING", '"has not yet started [...] might never become active"')},
    ("PENDING", "the initial state"),
)

ALL = (
    TOKEN_TYPES,
    CONNECTOR_STANDARDS,
    POWER_TYPES,
    LOCATION_TYPES,
    CAPABILITIES,
    FACILITIES,
    AUTH_METHODS,
    DIMENSIONS,
    SESSION_STATUSES,
)
