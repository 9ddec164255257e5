"""The numbers by which deliveries are paced and bounded."""

from dataclasses import dataclass, field

from gateway.delivery.backoff import BackoffPolicy


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """Numbers to set; seconds throughout.

    `session_interval` is for partners that have none of their own.
    `poll` is how often a loop looks without being woken; a partner's lease lasts three polls.
    `settling` is how long after a registration a 401 is taken for "not yet": the partner may have
    still to read the answer that completes it.
    """

    in_flight: int = 4
    session_interval: float = 10.0
    poll: float = 10.0
    drain: float = 5.0
    revive: float = 60.0
    settling: float = 10.0
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)
