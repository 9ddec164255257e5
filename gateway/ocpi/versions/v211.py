"""Canonical (2.3.0) objects in the words of OCPI 2.1.1: the differences from 2.2.1.

2.1.1 knows no parties in its objects (they stand in the URL), no `publish`, no taxes, one tariff
a connector, whole seconds and ASCII alone; Session and CDR hold their Location.
"""

from gateway.domain.party import Party
from gateway.ocpi.versions import v221
from gateway.ocpi.versions.picking import without
from gateway.ocpi.versions.v211_enums import TOKEN_TYPES
from gateway.ocpi.versions.v211_locations import connector, evse, location, seconds
from gateway.ocpi.versions.v211_sessions import cdr, session
from gateway.ocpi.versions.v211_tariffs import tariff
from gateway.ocpi.versions.wire import Object, Wire

_NEW_IN_TOKENS = (
    "country_code",
    "party_id",
    "contract_id",
    "group_id",
    "default_profile_type",
    "energy_contract",
)


def token(document: Object) -> Object:
    """A Token, back to the partner that owns it: members of its own are kept."""
    newer = v221.token(document)
    return without(newer, *_NEW_IN_TOKENS) | {
        "type": TOKEN_TYPES(newer["type"]),
        "auth_id": newer["contract_id"],
        "last_updated": seconds(newer["last_updated"]),
    }


def token_in(document: Object, owner: Party | None = None) -> Object:
    """A partner's Token, given the party in whose name it came.

    Also one that is canonical already but for some members of 2.1.1, as a PATCH makes it.
    """
    read = without(document, "auth_id")
    if "auth_id" in document:
        read["contract_id"] = document["auth_id"]
    if owner is not None:
        read |= {"country_code": owner.country_code, "party_id": owner.party_id}
    return read


WIRE = Wire(
    location=location,
    evse=evse,
    connector=connector,
    session=session,
    cdr=cdr,
    tariff=tariff,
    token=token,
    token_in=token_in,
    embeds_location=True,
)
