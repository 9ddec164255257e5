"""What was reserved on a card ends the session that it pays."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.events import MeterReported, TransactionStarted
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.partners import Partner, PartnerRole
from gateway.domain.party import Party
from gateway.domain.remote_control import RemoteStart, RemoteStop
from gateway.domain.tokens import TokenRef
from gateway.services.billing.preauthorized import PreauthorizedAmounts
from gateway.services.billing.tariffs import TariffBook
from gateway.services.charging.commands import StartSession
from gateway.services.ports import ReplyTo

PARTY = Party("NL", "GWY")
EMS = Party("DE", "EMS")
# 1.20 EUR a kWh, taxes included
TARIFF: dict[str, Any] = {
    "id": "T1",
    "currency": "EUR",
    "tax_included": "NO",
    "preauthorize_amount": 12,
    "elements": [{"price_components": [{"type": "ENERGY", "price": 1, "vat": 20, "step_size": 1}]}],
}
CARD = {
    "country_code": "DE",
    "party_id": "EMS",
    "uid": "CARD-1",
    "type": "AD_HOC_USER",
    "contract_id": "CARD-1",
    "issuer": "A provider",
    "valid": True,
    "whitelist": "NEVER",
    "last_updated": "2026-03-01T09:00:00Z",
}


@dataclass
class Told:
    """A socket that keeps what it is told."""

    commands: list[Command] = field(default_factory=list)

    @property
    def stops(self) -> list[str]:
        """The transactions that it was to stop."""
        return [one.transaction_id for one in self.commands if isinstance(one, RemoteStop)]

    async def call(self, action: str, payload: dict[str, Any], timeout: float) -> Any:
        raise NotImplementedError

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        self.commands.append(command)
        return CommandReply(CommandOutcome.ACCEPTED)

    async def close(self, reason: str) -> None:
        """Nothing is open."""


@dataclass
class Charging:
    """A session that a partner has started."""

    house: Any
    state: Any
    socket: Told
    transaction_id: str
    amounts: PreauthorizedAmounts

    async def draws(self, minutes: int, kwh: str) -> None:
        """What the meter says after so many minutes."""
        sample = Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(kwh) * 1000)
        at = self.house.clock.moment + timedelta(minutes=minutes)
        reading = Reading(at, (sample,))
        await self.house.transactions.metered(
            self.state, MeterReported(1, (reading,), self.transaction_id)
        )


async def charging(house: Any, partner: Partner, tariff: dict[str, Any] = TARIFF) -> Charging:
    await house.partners.save(partner)
    await TariffBook(house.store, house.partners, house.clock).put(PARTY, tariff)
    identity = (await house.station("ocpp1.6")).identity
    socket = Told()
    record = await house.charge_points.get(identity)
    state = await house.charge_points.connect(
        record, protocol="ocpp1.6", remote="127.0.0.1", station=socket
    )
    location = f"LOC-{identity.removeprefix('CP-')}"
    request = StartSession(CARD, location, f"EVSE-{identity.removeprefix('CP-')}")
    to = ReplyTo(partner, PARTY, "https://partner.example/r")
    assert (await house.commands.start_session(to, request)).result == "ACCEPTED"
    await house.commands.close()
    (begun,) = socket.commands
    assert isinstance(begun, RemoteStart)
    started = await house.transactions.started(
        state,
        TransactionStarted(1, TokenRef(begun.id_token), house.clock.moment, Decimal(0)),
    )
    amounts = PreauthorizedAmounts(house.router, house.billing, house.partners)
    return Charging(house, state, socket, started.transaction_id, amounts)


def provider(house: Any) -> Partner:
    return replace(house.partner, roles=(PartnerRole("PTP", EMS, "A provider"),))


async def test_a_session_ends_when_its_amount_is_used_up(house: Any) -> None:
    """payments mod_payments 1.1.3: "can also be stopped by the CPO backend if the preauth limit
    is reached"; once, as long as the charge point has not had its time."""
    session = await charging(house, provider(house))
    await session.draws(60, "9.99")
    assert await session.amounts.look() == 0
    await session.draws(10, "10")
    assert await session.amounts.look() == 1
    assert await session.amounts.look() == 0
    assert session.socket.stops == [session.transaction_id]


@pytest.mark.parametrize("why", ["no such role", "no amount", "not provisioned"])
async def test_no_other_session_has_a_limit(house: Any, why: str) -> None:
    """Authorizations of OCPI have none (mod_tokens 12.3.1, mod_commands 13.3.5)."""
    partner = house.partner if why == "no such role" else provider(house)
    tariff = {name: TARIFF[name] for name in TARIFF if name != "preauthorize_amount"}
    session = await charging(house, partner, tariff if why == "no amount" else TARIFF)
    if why == "not provisioned":
        session.state.record = replace(session.state.record, provision=False)
    await session.draws(600, "100")
    assert await session.amounts.look() == 0
    assert session.socket.stops == []


async def test_what_cannot_have_been_ends_no_session(house: Any) -> None:
    """R21: 100 kWh in 10 minutes is Wh for kWh, or another meter; nobody is told its price."""
    session = await charging(house, provider(house))
    await session.draws(10, "100")
    assert await session.amounts.look() == 0
