"""Quirks of partners: what their platforms do otherwise than the standard says, by name.

A partner has quirks in effect (`Partner.quirks`) and quirks that were seen (`quirks_seen`). What a
handshake proves, by a refusal and a success, takes effect by itself; what it only hints at is
shown to the operator, who decides. `gateway.ocpi.quirks` is where they are read.
"""

from collections.abc import Iterable
from dataclasses import dataclass

RAW_TOKEN = "raw_token"  # noqa: S105 - the name of a quirk
BASE64_TOKEN = "base64_token"  # noqa: S105 - the name of a quirk
CREDENTIALS_RECEIVER = "credentials_receiver"
NO_CREDENTIALS_MODULE = "no_credentials_module"
ADVERTISED_SLASH = "advertised_slash"
TRAILING_SLASH = "trailing_slash"
LOWER_CASE_IDS = "lower_case_ids"
NO_201 = "no_201"
ARRAY_DATA = "array_data"
NO_ROUTING_HEADERS = "no_routing_headers"
NO_PATCH = "no_patch"
PATCH_WITHOUT_LAST_UPDATED = "patch_without_last_updated"
NO_CDR_REPOST = "no_cdr_repost"
PINNED_VERSION = "pinned_version"
PAYMENTS_MODULE = "payments_module"
INVOICE_RECONCILIATION_MODULE = "invoice_reconciliation_module"

TOKEN_FORMS = frozenset((RAW_TOKEN, BASE64_TOKEN))
PROVEN = TOKEN_FORMS | {CREDENTIALS_RECEIVER, TRAILING_SLASH}
"""What takes effect when a handshake shows it."""

_OPERATOR = "set by the operator"


@dataclass(frozen=True, slots=True)
class PartnerQuirk:
    """One way to deviate, for a partner that `shows` it.

    `does` is what the gateway does about it, `detected` how it is found out, `clause` what the
    standard says. With a `parameter` the quirk is written `name:value`.
    """

    name: str
    shows: str
    does: str
    detected: str
    clause: str
    parameter: str | None = None


QUIRKS: dict[str, PartnerQuirk] = {
    quirk.name: quirk
    for quirk in (
        PartnerQuirk(
            RAW_TOKEN,
            "wants its token as it is, from 2.2.1 on",
            "sends the token without Base64",
            "at the handshake: the Base64 form is answered 401, the token as it is is not",
            "2.2.1 transport_and_format 4.1.2: the octets of the token in Base64",
        ),
        PartnerQuirk(
            BASE64_TOKEN,
            "wants its token in Base64, in 2.1.1",
            "sends the token in Base64",
            "at the handshake: the token as it is is answered 401, the Base64 form is not",
            "2.1.1 transport_and_format, request format: the token as it is",
        ),
        PartnerQuirk(
            CREDENTIALS_RECEIVER,
            "looks for role RECEIVER in our credentials endpoint",
            "lists the credentials endpoint under both roles",
            "at the handshake: its own credentials endpoint has role RECEIVER only",
            'version_information_endpoint: the role "is not relevant", "advised to send SENDER"',
        ),
        PartnerQuirk(
            NO_CREDENTIALS_MODULE,
            "does not list a credentials endpoint",
            "registers it all the same; tokens cannot be renewed from our side",
            _OPERATOR,
            'version_information_endpoint, ModuleID: "Required for all implementations"',
        ),
        PartnerQuirk(
            ADVERTISED_SLASH,
            "appends ids to our endpoints without a slash",
            "ends every endpoint in our version details with a slash",
            _OPERATOR,
            "not in the standard, which leaves open how an endpoint ends",
        ),
        PartnerQuirk(
            TRAILING_SLASH,
            "answers only URLs that end with a slash",
            "ends the URLs of objects and endpoints with a slash",
            "at the handshake: its version details redirect to the same URL with a slash",
            "not in the standard, which leaves open how a URL ends",
        ),
        PartnerQuirk(
            LOWER_CASE_IDS,
            "finds objects by ids in lower case only",
            "writes country_code, party_id and ids in lower case in URLs",
            _OPERATOR,
            "2.2.1 types 16.1: a CiString is case-insensitive, in URLs too",
        ),
        PartnerQuirk(
            NO_201,
            "takes HTTP 201 for an error",
            "answers 200 where something was created",
            _OPERATOR,
            "2.2.1 status_codes: 201 when the object has been newly created",
        ),
        PartnerQuirk(
            ARRAY_DATA,
            "reads a single object only from an array of one",
            "wraps the object in an answer's data in an array",
            "hinted at the handshake: its own version details or credentials come in an array",
            "transport_and_format, response format: data is one object or a list",
        ),
        PartnerQuirk(
            NO_ROUTING_HEADERS,
            "refuses or misuses the OCPI-to and OCPI-from headers",
            "sends none and ignores those that it sends",
            _OPERATOR,
            "2.2.1 transport_and_format 4.2.2: routing headers",
        ),
        PartnerQuirk(
            NO_PATCH,
            "does not understand PATCH",
            "PUTs the whole object each time",
            _OPERATOR,
            "2.2.1 mod_locations 8.2.2.3, mod_sessions 9.2.2.3: PATCH of the receiver interface",
        ),
        PartnerQuirk(
            PATCH_WITHOUT_LAST_UPDATED,
            "leaves last_updated out of a PATCH",
            "takes the time of arrival for it",
            _OPERATOR,
            '2.2.1 mod_tokens 12.2.1.3: a PATCH "SHALL contain the last_updated field"',
        ),
        PartnerQuirk(
            NO_CDR_REPOST,
            "must not get a CDR twice when its answer was lost",
            "posts a CDR once; the partner has to GET what it missed",
            _OPERATOR,
            "2.2.1 mod_cdrs 10.2.2.2, transport_and_format 4.3: messages are not to be replayed",
        ),
        PartnerQuirk(
            PINNED_VERSION,
            "lists a version that does not work, or fails on one that we list",
            "speaks that version only with it, and lists no other to it",
            _OPERATOR,
            "version_information_endpoint: the client chooses a mutual version",
            parameter="a version number, as in pinned_version:2.1.1",
        ),
        PartnerQuirk(
            PAYMENTS_MODULE,
            "has agreed to use the payments module of 2.3.0 with us",
            "lists that module in our version details",
            "listed without it for a partner that has such an endpoint itself",
            "2.3.0 version_information_endpoint: payments is no ModuleID of the core; others "
            '"MAY only be sent to parties with which there is an agreement"',
        ),
        PartnerQuirk(
            INVOICE_RECONCILIATION_MODULE,
            "has agreed to use the invoice reconciliation module of 2.3.0 with us",
            "lists that module in our version details",
            "listed without it for a partner that has such an endpoint itself",
            "2.3.0 version_information_endpoint: as for payments_module",
        ),
    )
}


def faults(named: Iterable[str]) -> list[str]:
    """What is wrong with quirks as an operator wrote them."""
    found = []
    for text in named:
        name, colon, value = text.partition(":")
        quirk = QUIRKS.get(name)
        if quirk is None:
            found.append(f"{text}: there is no such quirk")
        elif quirk.parameter is None and colon:
            found.append(f"{name} takes no parameter")
        elif quirk.parameter is not None and not value:
            found.append(f"{name} needs {quirk.parameter}")
    return found


def parameter(quirks: Iterable[str], name: str) -> str | None:
    """The value that a quirk was set with, None without the quirk."""
    prefix = f"{name}:"
    return next((text[len(prefix) :] for text in quirks if text.startswith(prefix)), None)
