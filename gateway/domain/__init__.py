"""What the gateway knows about charging, pure: no I/O, no clock, no await.

Wire types stay at the edges; here live the events that charge points cause, the state they
change, the energy and the money that follow, and the canonical OCPI 2.3.0 objects.
"""
