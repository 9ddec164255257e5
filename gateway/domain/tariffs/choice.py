"""Which of a connector's tariffs a session is priced by.

A Connector may name several: "only one of each Tariff.type can be active at the same time"
(mod_locations, `tariff_ids`). Which of them are valid is decided once, at the start of the session
(`offered`); of these one is chosen (`chosen`), by what each type is for (mod_tariffs, TariffType):

1. PROFILE_CHEAP, PROFILE_FAST, PROFILE_GREEN: "valid when Charging Preference: [...] is set for
   the session".
2. AD_HOC_PAYMENT: "valid when ad-hoc payment is used at the Charge Point (for example: Debit or
   Credit card payment terminal)". That is not what a token of type AD_HOC_USER says, which is made
   by an eMSP's server "to bind a Session to a customer, probably an app user" (mod_tokens).
3. REGULAR: "valid when using an RFID, without any Charging Preference, or when Charging
   Preference: REGULAR is set"; any registered token is as good as an RFID, ad-hoc payment is not.
   And one without a type, which "is valid for all sessions".

Of those that are for the same, one that the operator keeps for the session's partner comes first,
then REGULAR before no type, then the order of the Connector's list.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.charging_preferences import TARIFF_OF
from gateway.domain.partners import Partner
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import AuthMethod, TokenType
from gateway.domain.transactions import Transaction

Document = Mapping[str, Any]

PARTNERS = "partners"
"""Our own member of an operator's Tariff: the ids of the partners that it is for, who alone see it
and for whose tokens alone it is chosen. No partner is ever shown it."""

_REGULAR = ("REGULAR", None)
_UNTYPED = (None,)


@dataclass(frozen=True, slots=True)
class Buyer:
    """Whom a tariff is chosen for.

    `partner_id` is that of the partner whose token charges, None: the operator's own, or nobody is
    known yet. `profile` is the `profile_type` of the ChargingPreferences that were accepted last.
    """

    partner_id: str | None = None
    ad_hoc: bool = False
    profile: str | None = None


EVERYBODY = Buyer()


@dataclass(frozen=True, slots=True)
class Offer:
    """What a session can be priced by: the tariffs that were valid at its start, as they were then.

    `expected`: its connector names tariffs, so that a session without one cannot be right.
    `preference` is whose Session the driver has put ChargingPreferences to, and their profile.
    """

    tariffs: tuple[Document, ...]
    expected: bool
    preference: tuple[str, str] | None = None


def offered(tariffs: Iterable[Document | None], at: datetime) -> tuple[Document, ...]:
    """Those that exist and are valid at a moment."""
    return tuple(one for one in tariffs if one is not None and _valid(one, at))


def chosen(tariffs: Sequence[Document], buyer: Buyer) -> Document | None:
    """The one that counts, as partners may see it; None if none is for this buyer."""
    for types in _types(buyer):
        fitting = [
            one
            for one in tariffs
            if one.get("type") in types and is_shown_to(one, buyer.partner_id)
        ]
        if fitting:
            order = [(PARTNERS not in one, types.index(one.get("type"))) for one in fitting]
            first = fitting[order.index(min(order))]
            return shown(first)
    return None


def is_shown_to(tariff: Document, partner_id: str | None) -> bool:
    """Whether a partner is to see a tariff; None is everybody who is no partner."""
    return PARTNERS not in tariff or partner_id in tariff[PARTNERS]


def shown(tariff: Document) -> dict[str, Any]:
    """A tariff without what is nobody's business but the operator's."""
    return {name: value for name, value in tariff.items() if name != PARTNERS}


def buyer_of(
    transaction: Transaction, partner: Partner | None, preference: tuple[str, str] | None
) -> Buyer:
    """Whom a transaction's tariff is for. A preference counts for its own Session only."""
    own = preference is not None and preference[0] == transaction.session_id
    return Buyer(
        partner_id=transaction.partner_id,
        ad_hoc=_is_paid_on_the_spot(transaction, partner),
        profile=preference[1] if preference is not None and own else None,
    )


def _is_paid_on_the_spot(transaction: Transaction, partner: Partner | None) -> bool:
    """Whether a payment terminal's provider (PTP) has it started, or the station itself says so.

    The station does by the type of the token that it presents: DirectPayment or Local (2.x).
    """
    if partner is not None and any(role.role == "PTP" for role in partner.roles):
        return True
    presented = transaction.auth_method is not AuthMethod.COMMAND
    token = transaction.token
    return presented and token is not None and token.type is TokenType.AD_HOC_USER


def profile_types(tariffs: Iterable[Document], partner_id: str | None) -> set[str]:
    """The types of the tariffs that a partner's session can be priced by."""
    return {str(one["type"]) for one in tariffs if one.get("type") and is_shown_to(one, partner_id)}


def _types(buyer: Buyer) -> Iterable[tuple[str | None, ...]]:
    """What may count, what is meant for this session most closely first."""
    if buyer.profile is not None and buyer.profile in TARIFF_OF:
        yield (TARIFF_OF[buyer.profile],)
    if buyer.ad_hoc:
        yield ("AD_HOC_PAYMENT",)
    yield _UNTYPED if buyer.ad_hoc else _REGULAR


def _valid(tariff: Document, at: datetime) -> bool:
    """ "The time when this tariff becomes active" to "the time after which [it] is no longer
    valid" (mod_tariffs)."""
    start, end = tariff.get("start_date_time"), tariff.get("end_date_time")
    return (start is None or from_text(start) <= at) and (end is None or at < from_text(end))
