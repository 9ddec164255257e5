"""A simulated roaming partner: it speaks OCPI 2.1.1, 2.2.1 and 2.3.0, and checks what it gets."""

from simulators.partner.client import CallFailed
from simulators.partner.commands import Command
from simulators.partner.faults import Fault
from simulators.partner.habits import Habits
from simulators.partner.peer import Peer
from simulators.partner.platform import SimulatedPartner
from simulators.partner.policy import Authorization

__all__ = ["Authorization", "CallFailed", "Command", "Fault", "Habits", "Peer", "SimulatedPartner"]
