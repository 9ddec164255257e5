"""Canonical (2.3.0) objects in the words of OCPI 2.2.1.

Pure functions; the argument is never changed. Members that 2.2.1 does not document are left out,
so that nothing of ours (an EVSE's charge point) or of 2.3.0 alone reaches a partner. Where an enum
of 2.2.1 is closed and the canonical value is not in it, a table says what is sent instead, and why.
"""

from gateway.ocpi.versions.v221_enums import TOKEN_TYPES
from gateway.ocpi.versions.v221_locations import connector, evse, location
from gateway.ocpi.versions.v221_sessions import cdr, session
from gateway.ocpi.versions.v221_tariffs import price, tariff
from gateway.ocpi.versions.v230 import token_in
from gateway.ocpi.versions.wire import Object, Wire

__all__ = ["WIRE", "cdr", "connector", "evse", "location", "price", "session", "tariff", "token"]


def token(document: Object) -> Object:
    """A Token, back to the partner that owns it: members of its own are kept."""
    return document | {"type": TOKEN_TYPES(document["type"])}


WIRE = Wire(
    location=location,
    evse=evse,
    connector=connector,
    session=session,
    cdr=cdr,
    tariff=tariff,
    token=token,
    token_in=token_in,
)
