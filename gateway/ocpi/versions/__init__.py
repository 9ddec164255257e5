"""The versions of OCPI that this platform speaks: one canonical 2.3.0 model, and differences."""

from gateway.domain.partners import Partner
from gateway.ocpi.versions import v211, v221, v230
from gateway.ocpi.versions.commands import COMMANDS_211
from gateway.ocpi.versions.version import Version

__all__ = ["BY_NUMBER", "VERSIONS", "Version", "spoken_with"]

_MODULES_211 = (
    # the role "is not relevant" for credentials; "It is advised to send SENDER"
    ("credentials", "SENDER"),
    ("locations", "SENDER"),
    ("sessions", "SENDER"),
    ("cdrs", "SENDER"),
    ("tariffs", "SENDER"),
    ("tokens", "RECEIVER"),
    ("commands", "RECEIVER"),
)
_MODULES_221 = (
    *_MODULES_211,
    ("hubclientinfo", "RECEIVER"),
    ("chargingprofiles", "RECEIVER"),
)
_MODULES_230 = (
    *_MODULES_221,
    ("payments", "RECEIVER"),
    ("invoicereconciliation", "SENDER"),
    ("invoicereconciliation", "RECEIVER"),
)

VERSIONS = (
    Version("2.3.0", v230.WIRE, _MODULES_230),
    Version("2.2.1", v221.WIRE, _MODULES_221),
    Version(
        "2.1.1",
        v211.WIRE,
        _MODULES_211,
        has_roles=False,
        has_routing=False,
        raw_token=True,
        dated_patches=False,
        has_restricted_locations=False,
        patches_append_periods=False,
        has_preferences=False,
        has_credit_cdrs=False,
        commands=COMMANDS_211,
    ),
)
"""Best first."""

BY_NUMBER = {version.number: version for version in VERSIONS}


def spoken_with(partner: Partner) -> Version:
    """The version that was agreed on with a registered partner."""
    return BY_NUMBER[partner.version or "2.2.1"]
