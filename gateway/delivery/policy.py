"""The numbers by which deliveries are paced and bounded."""

from dataclasses import dataclass, field

from gateway.delivery.backoff import BackoffPolicy


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """Numbers to set; seconds throughout.

    `poll` is how often a loop looks without being woken; a partner's lease lasts three polls.
    """

    in_flight: int = 4
    session_interval: float = 10.0
    poll: float = 10.0
    drain: float = 5.0
    revive: float = 60.0
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)
