"""What the demo consists of: charge points, locations, tariffs, as an operator would enter them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

VERSIONS = ("1.6", "2.0.1")
STATIONS_PER_VERSION = 4
CONNECTORS = 2
POWER_KW = 22  # 230 V, 32 A, three phases
PREFIX = "DEMO"
TIME_SCALE = 120
TARIFFS: tuple[dict[str, Any], ...] = (
    {
        "id": "AC-DAY",
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [
            {
                "price_components": [
                    {"type": "FLAT", "price": Decimal("0.50"), "vat": Decimal(21), "step_size": 1},
                    {
                        "type": "ENERGY",
                        "price": Decimal("0.35"),
                        "vat": Decimal(21),
                        "step_size": 1,
                    },
                    {
                        "type": "PARKING_TIME",
                        "price": Decimal(2),
                        "vat": Decimal(21),
                        "step_size": 60,
                    },
                ]
            }
        ],
    },
    {
        "id": "ENERGY-TIME",
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [
            {
                "price_components": [
                    {
                        "type": "ENERGY",
                        "price": Decimal("0.59"),
                        "vat": Decimal(21),
                        "step_size": 1,
                    },
                    {"type": "TIME", "price": Decimal("1.20"), "vat": Decimal(21), "step_size": 60},
                ]
            }
        ],
    },
)


@dataclass(frozen=True, slots=True)
class Charger:
    """One simulated charge point of the demo, and where it stands."""

    identity: str
    version: str
    location_id: str
    number: int


def chargers() -> list[Charger]:
    """The charge points, the older OCPP version first."""
    count = STATIONS_PER_VERSION * len(VERSIONS)
    return [
        Charger(f"{PREFIX}-{n + 1:04d}", VERSIONS[n // STATIONS_PER_VERSION], f"LOC{n % 2 + 1}", n)
        for n in range(count)
    ]


def location(location_id: str) -> dict[str, Any]:
    """The OCPI Location of the charge points that stand there."""
    second = location_id == "LOC2"
    return {
        "id": location_id,
        "publish": True,
        "name": "Station Square" if second else "Harbour Garage",
        "address": "Station Square 2" if second else "Harbour Street 1",
        "city": "Utrecht",
        "postal_code": "3511 ED",
        "country": "NLD",
        "coordinates": {"latitude": "52.08946", "longitude": "5.11010"},
        "time_zone": "Europe/Amsterdam",
        "evses": [
            _evse(charger, connector, TARIFFS[second]["id"])
            for charger in chargers()
            if charger.location_id == location_id
            for connector in range(1, CONNECTORS + 1)
        ],
    }


def evse_uid(charger: Charger, connector: int) -> str:
    """The OCPI uid of a connector's EVSE; it says nothing of the OCPP identity."""
    return f"E{charger.number + 1:02d}-{connector}"


def _evse(charger: Charger, connector: int, tariff_id: str) -> dict[str, Any]:
    return {
        "uid": evse_uid(charger, connector),
        "evse_id": f"NL*GWY*E{charger.number + 1:02d}{connector}",
        "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE"],
        "charge_point": {"identity": charger.identity, "evse_id": connector},
        "connectors": [
            {
                "id": "1",
                "standard": "IEC_62196_T2",
                "format": "SOCKET",
                "power_type": "AC_3_PHASE",
                "max_voltage": 230,
                "max_amperage": 32,
                "tariff_ids": [tariff_id],
            }
        ],
    }
