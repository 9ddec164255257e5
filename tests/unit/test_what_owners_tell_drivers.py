"""The word of a token's owner on the display of a charge point (OCPP 2.x)."""

from typing import Any, cast

from gateway.domain.display_text import DisplayText
from gateway.domain.tokens import Authorization, AuthorizationStatus
from gateway.ocpp.v201.cost import personal_message
from gateway.services.billing.cost import Costs

TARIFF = DisplayText("en", "0.30 EUR/kWh")
TOLD = DisplayText("nl", "Saldo te laag")


class Priced:
    """Knows the tariff of every EVSE."""

    def text(self, *_: Any) -> DisplayText:
        return TARIFF


def shown(status: AuthorizationStatus, info: DisplayText | None) -> str | None:
    decision = Authorization(status, info=info)
    message = personal_message(cast(Costs, Priced()), cast(Any, None), 1, decision)
    return message["personalMessage"]["content"] if message else None


def test_the_owners_word_comes_before_the_tariff() -> None:
    """OCPI mod_tokens 12.3.1 `info`; OCPP IdTokenInfoType.personalMessage."""
    assert shown(AuthorizationStatus.ACCEPTED, None) == TARIFF.text
    assert shown(AuthorizationStatus.ACCEPTED, TOLD) == TOLD.text


def test_a_refused_driver_is_told_why_and_no_tariff() -> None:
    assert shown(AuthorizationStatus.NO_CREDIT, TOLD) == TOLD.text
    assert shown(AuthorizationStatus.NO_CREDIT, None) is None
