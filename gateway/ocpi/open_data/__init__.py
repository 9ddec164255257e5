"""The open data feed: published locations and their tariffs for everybody, as regulators require.

Off unless `GATEWAY_OPEN_DATA` is on. Nobody is asked who he is, so nothing is read from the store
for a request: every few minutes the feed is written anew, one file per version and kind, and
whole files as well as pages are served from it.
"""

from gateway.ocpi.open_data.publisher import Publisher
from gateway.ocpi.open_data.routes import NAME, add_routes

__all__ = ["NAME", "Publisher", "add_routes"]
