"""The use cases between the edges: what happens when a charger reports or a partner asks.

A service names exactly the stores and other services it needs, decides with `gateway.domain`,
and writes one atomic change. The edges are reached only through the protocols in `ports`.
"""
