"""What partners in the field do otherwise than the standard says, as switches.

Each is off, so that a partner keeps to the standard unless a test says otherwise.
"""

from dataclasses import dataclass, fields
from typing import Any, Literal

from simulators.partner.exact_json import Json
from simulators.partner.version import Version, decode_token, encode_token

Encoding = Literal["raw", "base64"]


@dataclass(frozen=True, slots=True)
class Habits:
    token: Encoding | None = None
    """How the credentials token stands in the Authorization header, against the version's rule"""
    ok_for_created: bool = False
    """HTTP 200 where 201 is due"""
    data_in_array: bool = False
    """A single object is answered as an array of one"""
    lower_case_ids: bool = False
    """Ids are sent in lower case: party ids in URLs and headers, and ids that the CPO gave"""
    trailing_slashes: bool = False
    """Advertised endpoints end in a slash"""
    credentials_role: Literal["SENDER", "RECEIVER"] = "SENDER"
    no_last_updated: bool = False
    """PATCHes lack last_updated"""
    lax_routing: bool = False
    """A platform of one party and role need not name itself in routing headers, and many refuse
    messages without; this one does not"""
    bare_errors: bool = False
    """HTTP 4xx and 5xx come without the OCPI envelope"""

    def encoding(self, version: Version) -> Encoding:
        return self.token or ("raw" if version.raw_token else "base64")

    def authorization(self, version: Version, token: str) -> str:
        """The value of the header."""
        written = token if self.encoding(version) == "raw" else encode_token(token)
        return f"Token {written}"

    def read(self, version: Version, header: str) -> str | None:
        """The token in the header; None when it is not written as this partner wants it."""
        scheme, _, written = header.partition(" ")
        if scheme != "Token":
            return None
        return written if self.encoding(version) == "raw" else decode_token(written)

    def id(self, text: str) -> str:
        return text.lower() if self.lower_case_ids else text

    def as_json(self) -> Json:
        return {item.name: getattr(self, item.name) for item in fields(self)}


def habits(settings: Any) -> Habits:
    """From JSON; raises ValueError or TypeError."""
    if not isinstance(settings, dict):
        raise TypeError("a JSON object is expected")
    unknown = sorted(set(settings) - {item.name for item in fields(Habits)})
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}")
    read = Habits(**settings)
    if read.token not in {None, "raw", "base64"}:
        raise ValueError("token is raw or base64")
    if read.credentials_role not in {"SENDER", "RECEIVER"}:
        raise ValueError("credentials_role is SENDER or RECEIVER")
    flags = {item.name for item in fields(Habits)} - {"token", "credentials_role"}
    if not all(isinstance(getattr(read, name), bool) for name in flags):
        raise ValueError("a habit is true or false")
    return read
