"""The few configuration values that change a station's behaviour, under version-neutral names.

Each OCPP version maps its own keys or variables onto them.
"""

from dataclasses import dataclass

ENERGY = "Energy.Active.Import.Register"
SAMPLED_MEASURANDS = (ENERGY, "Power.Active.Import", "Current.Import", "Voltage", "SoC")


@dataclass
class StationSettings:
    heartbeat_interval: int = 300
    """real seconds; the BootNotification answer overrides it"""
    sample_interval: int = 60
    """virtual seconds between two Sample.Periodic readings; 0: none"""
    connection_timeout: int = 120
    """virtual seconds that an authorization waits for the cable"""
    message_attempts: int = 3
    message_retry_interval: int = 60
    """real seconds, times the number of refusals so far"""
    authorize_remote_starts: bool = False
    stop_on_invalid_token: bool = True
    accept_unknown_offline: bool = True
    sampled_measurands: tuple[str, ...] = SAMPLED_MEASURANDS
    ended_measurands: tuple[str, ...] = (ENERGY,)
