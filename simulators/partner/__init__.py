"""A simulated roaming partner: an eMSP that speaks OCPI and checks everything it receives."""

from simulators.partner.client import CallFailed
from simulators.partner.commands import Command
from simulators.partner.faults import Fault
from simulators.partner.peer import Peer
from simulators.partner.platform import SimulatedPartner
from simulators.partner.tokens import Authorization

__all__ = ["Authorization", "CallFailed", "Command", "Fault", "Peer", "SimulatedPartner"]
