"""What all versions that one platform speaks have in common."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from simulators.partner.feed import Feed
from simulators.partner.habits import Habits
from simulators.partner.parties import Parties
from simulators.partner.peer import Registry
from simulators.partner.policy import Policy
from simulators.partner.wallet import Wallet

PAGE_LIMIT = 50


@dataclass(slots=True)
class Site:
    parties: Parties
    feed: Feed
    now: Callable[[], datetime]
    address: Callable[[], str]
    """http://host:port, as others call us"""
    habits: Habits = field(default_factory=Habits)
    registry: Registry = field(default_factory=Registry)
    wallet: Wallet = field(default_factory=Wallet)
    policy: Policy = field(default_factory=Policy)
    page_limit: int = PAGE_LIMIT
    """How many objects one page of our lists has"""
