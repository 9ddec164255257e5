"""What tells the versions of OCPI apart, besides the shapes of objects (`Wire`)."""

from dataclasses import dataclass

from gateway.ocpi.versions.commands import COMMANDS_221, CommandWords
from gateway.ocpi.versions.wire import Wire


@dataclass(frozen=True, slots=True)
class Version:
    """One version as this platform speaks it.

    `endpoints` are our modules, each with the role that we have in it. `has_roles`: endpoints name
    a role, and Credentials list CredentialsRoles instead of one party. `has_routing`: messages
    carry OCPI-from and OCPI-to. `raw_token`: the token stands in the Authorization header as it
    is, not in Base64. `dated_patches`: a PATCH "SHALL contain the last_updated field".
    `has_restricted_locations`: a Location has `publish_allowed_to`. `has_preferences`: a partner
    may PUT charging preferences. `commands`: where the Commands modules differ.
    `patches_append_periods`: the charging_periods of a Session's PATCH are added to those that are
    there. 2.1.1 does not say so, and may be read otherwise ("the fields to be updated",
    transport_and_format).
    """

    number: str
    wire: Wire
    endpoints: tuple[tuple[str, str], ...]
    has_roles: bool = True
    has_routing: bool = True
    raw_token: bool = False
    has_restricted_locations: bool = True
    has_preferences: bool = True
    has_credit_cdrs: bool = True
    commands: CommandWords = COMMANDS_221
    dated_patches: bool = True
    patches_append_periods: bool = True
