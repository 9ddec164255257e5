"""Who must be told what, and when; knows neither HTTP nor the shapes of OCPI.

What is owed
    The services mark an object as owed to a partner in the same commit that changes it. What is
    kept is the set of objects that a partner has not acknowledged since they last changed, never
    the messages ("OCPI messages SHOULD NOT be queued", transport_and_format 4.3): however long a
    partner is away, the set is bounded by the number of objects, and on its return it gets the
    current state of each, once.

One loop per partner (`per_partner`)
    Partners never wait for each other: each has its own loop, its own requests in flight and its
    own back-off. Within a partner, objects go out oldest first and several at a time, but one at
    a time per lane (a location with its EVSEs, a session with its CDR), so that nothing stale
    arrives after something new. A location brings the EVSEs that are owed with it. An object is
    settled by the version that it had when its push began, and only if it was not marked again.

Is the partner down is another question than was the object refused
    A refusal ends that object's turn and goes into the partner's list for the operator; others go
    on. Silence, a timeout or a server error stops the partner as a whole: it backs off, growing
    and with jitter (`backoff`), and one object at a time is tried until one gets through. An
    object that alone keeps failing while others pass (`suspects`) is set aside, in the end
    refused. A 401 suspends the partner, with one alert. A partner that calls us is there, so it
    is tried at once.

Sessions are coalesced (`pacing`)
    A running session changes with every meter value. Between two pushes of it lies a minimum
    time, the partner's own `session_interval` or everybody's, unless its status changed. It is
    kept in memory: after a restart, or on another node, the first push goes at once.

What outlives a restart (`standing`, `condition`)
    A pause, a Retry-After, a suspension and whether the operator has been told of it: stored when
    they change, taken over by whoever delivers next. So no restart is a reason to call upon
    everybody who is down. Outcomes are counted by the hour, for the success rate of the last day.

Several nodes
    A lease per partner: one node delivers, the others stand by. Wake-ups come over the store's
    bus, which may lose some; a slow poll finds what was missed. What was on its way when a lease
    ran out may arrive after what the next node has sent: it is owed again, and goes whole.
"""

from gateway.delivery.clock import Clock, SystemClock
from gateway.delivery.deliveries import Deliveries
from gateway.delivery.policy import DeliveryPolicy
from gateway.delivery.ports import Transport

__all__ = ["Clock", "Deliveries", "DeliveryPolicy", "SystemClock", "Transport"]
