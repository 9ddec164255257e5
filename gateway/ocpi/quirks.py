"""What the quirks of a partner change: each is read here, in one function, and nowhere else.

`gateway.domain.partner_quirks` names and describes them.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from gateway.domain import partner_quirks as quirk
from gateway.domain.partners import Partner
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.outgoing.urls import join
from gateway.ocpi.versions import VERSIONS, Version, spoken_with

Endpoints = tuple[tuple[str, str], ...]

_PAYMENTS, _INVOICES = "payments", "invoicereconciliation"
_BY_AGREEMENT = frozenset((_PAYMENTS, _INVOICES))


def wants_raw_token(version: Version, quirks: Collection[str]) -> bool:
    """How the token that we present is written: as it is (2.1.1), or in Base64."""
    if version.raw_token:
        return quirk.BASE64_TOKEN not in quirks
    return quirk.RAW_TOKEN in quirks


def token_quirk(version: Version, raw: bool) -> str | None:
    """The quirk of a partner that took the token in this form, and not in its version's."""
    if raw == version.raw_token:
        return None
    return quirk.RAW_TOKEN if raw else quirk.BASE64_TOKEN


def versions_for(partner: Partner) -> Sequence[Version]:
    """The versions that may be spoken with a partner, best first."""
    pinned = quirk.parameter(partner.quirks, quirk.PINNED_VERSION)
    if pinned is None:
        return VERSIONS
    return [version for version in VERSIONS if version.number == pinned]


def needs_credentials_module(partner: Partner) -> bool:
    """Whether a partner without a credentials endpoint is refused."""
    return quirk.NO_CREDENTIALS_MODULE not in partner.quirks


def advertised(version: Version, partner: Partner) -> Endpoints:
    """Our endpoints as the partner's platform looks for them: identifier and role.

    "Do NOT send custom moduleIDs to parties you are not 100% sure will understand" them: a strict
    one refuses the whole document. What is not of the core goes to whoever has it as well.
    """
    known = {one.identifier for one in partner.endpoints}
    if quirk.PAYMENTS_MODULE in partner.quirks:
        known.add(_PAYMENTS)
    if quirk.INVOICE_RECONCILIATION_MODULE in partner.quirks:
        known.add(_INVOICES)
    listed = [one for one in version.endpoints if one[0] not in _BY_AGREEMENT or one[0] in known]
    if version.has_roles and quirk.CREDENTIALS_RECEIVER in partner.quirks:
        listed.append(("credentials", "RECEIVER"))
    return tuple(listed)


def advertised_url(partner: Partner, url: str) -> str:
    """One of our endpoints' URLs, as it is to stand in the version details."""
    return f"{url}/" if quirk.ADVERTISED_SLASH in partner.quirks else url


def object_url(partner: Partner, endpoint: str, *ids: str) -> str:
    """The URL of an object at the partner, or of the endpoint itself."""
    if quirk.LOWER_CASE_IDS in partner.quirks:
        ids = tuple(id_.lower() for id_ in ids)
    url = join(endpoint, *ids) if ids else endpoint
    slash = quirk.TRAILING_SLASH in partner.quirks and not url.endswith("/")
    return f"{url}/" if slash else url


def shaped(partner: Partner, answer: Answer) -> Answer:
    """An answer as the partner can read it."""
    if answer.http_status == 201 and quirk.NO_201 in partner.quirks:
        answer = replace(answer, http_status=200)
    if isinstance(answer.data, dict) and quirk.ARRAY_DATA in partner.quirks:
        answer = replace(answer, data=[answer.data])
    return answer


def routed(partner: Partner) -> bool:
    """Whether OCPI-to and OCPI-from mean something between us: not in 2.1.1."""
    return spoken_with(partner).has_routing and quirk.NO_ROUTING_HEADERS not in partner.quirks


def understands_patch(partner: Partner) -> bool:
    """Whether a change may be sent as a PATCH."""
    return quirk.NO_PATCH not in partner.quirks


def needs_last_updated(version: Version, partner: Partner) -> bool:
    """Whether a PATCH of the partner is refused without last_updated (ocpi-rules 9)."""
    return version.dated_patches and quirk.PATCH_WITHOUT_LAST_UPDATED not in partner.quirks


def takes_cdr_again(partner: Partner) -> bool:
    """Whether a CDR whose POST got no answer is posted again (R14, ocpi-rules 15)."""
    return quirk.NO_CDR_REPOST not in partner.quirks
