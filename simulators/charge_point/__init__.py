"""Simulated charge points for OCPP 1.6, 2.0.1 and 2.1, and a fleet of them.

async with SimulatedChargePoint(url, "CP1", "2.0.1") as station:
    await station.until_connected()
    transaction = await station.charge(1, "04A1B2C3", energy_wh=5_000)
    await station.until_acknowledged(transaction)
"""

from simulators.charge_point.clock import VirtualClock
from simulators.charge_point.connector import ConnectorBusyError
from simulators.charge_point.credentials import ClientCertificate
from simulators.charge_point.events import Event
from simulators.charge_point.firmware import FirmwarePlan
from simulators.charge_point.ledger import Ledger, Reading, Token, Transaction
from simulators.charge_point.link import BackOff, Frame
from simulators.charge_point.settings import StationSettings
from simulators.charge_point.station import NotAuthorizedError, SimulatedChargePoint
from simulators.charge_point.vehicle import Vehicle

__all__ = [
    "BackOff",
    "ClientCertificate",
    "ConnectorBusyError",
    "Event",
    "FirmwarePlan",
    "Frame",
    "Ledger",
    "NotAuthorizedError",
    "Reading",
    "SimulatedChargePoint",
    "StationSettings",
    "Token",
    "Transaction",
    "Vehicle",
    "VirtualClock",
]
