"""Canonical objects in the words of OCPI 2.3.0: the same, without what is ours alone.

The operator's document goes out as it came in, members included that the standard does not know:
"An OCPI Platform SHALL NOT reject request or response payloads based on the presence of JSON
object field names that are not documented" (transport_and_format). Never shown: the charge point
behind an EVSE, which is an OCPP identity (S7), whom a tariff is for, and the members that a stored
CDR keeps for the versions that need them.
"""

from gateway.domain.bills.cdrs import KEPT_LOCATION
from gateway.domain.party import Party
from gateway.domain.tariffs.choice import PARTNERS
from gateway.ocpi.versions.picking import without
from gateway.ocpi.versions.wire import Object, Wire

# mod_cdrs 10.4.4: CdrLocation is shorter than Location, string(45) and string(20)
_CDR_LOCATION_LENGTHS = {"address": 45, "state": 20}


def location(document: Object) -> Object:
    """A Location, without the charge points behind its EVSEs."""
    if "evses" not in document:
        return dict(document)
    return document | {"evses": [evse(one) for one in document["evses"]]}


def evse(document: Object) -> Object:
    """An EVSE, without the charge point behind it."""
    return without(document, "charge_point")


def connector(document: Object) -> Object:
    """A Connector."""
    return dict(document)


def tariff(document: Object) -> Object:
    """A Tariff."""
    return without(document, PARTNERS)


def session(document: Object, _location: Object | None = None) -> Object:
    """A Session."""
    return dict(document)


def cdr(document: Object) -> Object:
    """A CDR, its cdr_location no longer than that class allows."""
    where = dict(document["cdr_location"])
    for name, longest in _CDR_LOCATION_LENGTHS.items():
        if name in where:
            where[name] = where[name][:longest]
    return without(document, KEPT_LOCATION) | {"cdr_location": where}


def token(document: Object) -> Object:
    """A Token, back to the partner that owns it: members of its own are kept."""
    return dict(document)


def token_in(document: Object, _owner: Party | None = None) -> Object:
    """A partner's Token: 2.3.0 is the canonical version, and what 2.2.1 has is a subset of it."""
    return dict(document)


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
