"""Prices, running costs and payments at scripted stations of all versions."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

COSTMSG = "org.openchargealliance.costmsg"
BEGUN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
PRICED: dict[str, Any] = {
    "id": "T1",
    "currency": "EUR",
    "tax_included": "NO",
    "tariff_alt_text": [
        {"language": "nl", "text": "30 cent per kWh"},
        {"language": "en", "text": "30 cents per kWh"},
    ],
    "elements": [
        {"price_components": [{"type": "ENERGY", "price": Decimal("0.30"), "vat": 21,
                               "step_size": 1}]}
    ],
}  # fmt: skip
EMPTY_ANSWERS = ("CostUpdated", "NotifyWebPaymentStarted")
SHOWS = {"Enabled[Cost]": "true", "Enabled[Tariff]": "true"}


def at(minutes: int) -> str:
    return (BEGUN + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


@dataclass
class Display:
    """A station that answers what it is asked, and keeps it. `settings` are those it has."""

    wire: Any
    version: str
    settings: dict[str, str]
    has: list[dict[str, Any]] = field(default_factory=list)
    set_status: str = "Accepted"
    transfer_status: str = "Accepted"
    told: list[tuple[str, Any]] = field(default_factory=list)
    _answers: dict[str, asyncio.Future[Any]] = field(default_factory=dict)
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def read(self) -> None:
        async for text in self.wire.socket:
            frame = json.loads(text, parse_float=Decimal)
            if frame[0] != 2:
                self._answers.pop(frame[1]).set_result(frame)
                continue
            answer = self._answer(frame[2], frame[3])
            await self.wire.send(json.dumps([3, frame[1], answer], default=str))
            async with self._heard:
                self.told.append((frame[2], frame[3]))
                self._heard.notify_all()

    async def call(self, action: str, payload: dict[str, Any]) -> Any:
        message_id = f"m{len(self.told)}-{action}-{id(payload)}"
        future = self._answers[message_id] = asyncio.get_running_loop().create_future()
        await self.wire.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(10):
            answer = await future
        assert answer[0] == 3, answer
        return answer[2]

    async def hears(self, action: str, where: Any = lambda _payload: True) -> Any:
        """The next or an earlier message of that action."""

        def found() -> list[Any]:
            return [said for name, said in self.told if name == action and where(said)]

        async with asyncio.timeout(10), self._heard:
            await self._heard.wait_for(found)
        return found()[0]

    def heard(self, action: str) -> list[Any]:
        return [said for name, said in self.told if name == action]

    def costs(self) -> list[Any]:
        """What it was told of running costs, in order."""
        if self.version != "1.6":
            return [said["totalCost"] for said in self.heard("CostUpdated")]
        return [data["cost"] for kind, data in self.messages() if kind == "RunningCost"]

    def messages(self) -> list[tuple[str, Any]]:
        """1.6: the messages of the application note."""
        return [
            (said["messageId"], json.loads(said["data"], parse_float=Decimal))
            for said in self.heard("DataTransfer")
            if said["vendorId"] == COSTMSG
        ]

    async def until_told(self, cost: str) -> None:
        async with asyncio.timeout(10), self._heard:
            await self._heard.wait_for(lambda: Decimal(cost) in self.costs())

    def _answer(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        of_action = getattr(self, f"_{action}", None)
        if of_action is not None:
            return of_action(payload)
        return {} if action in EMPTY_ANSWERS else {"status": "Accepted"}

    def _GetConfiguration(self, _payload: Any) -> dict[str, Any]:  # noqa: N802 - the action's name
        keys = [
            {"key": key, "value": value, "readonly": True} for key, value in self.settings.items()
        ]
        return {"configurationKey": keys, "unknownKey": []}

    def _GetVariables(self, payload: Any) -> dict[str, Any]:  # noqa: N802
        return {"getVariableResult": [self._variable(one) for one in payload["getVariableData"]]}

    def _SetVariables(self, payload: Any) -> dict[str, Any]:  # noqa: N802
        refused = [
            {name: one[name] for name in ("component", "variable")}
            | {"attributeStatus": "Rejected"}
            for one in payload["setVariableData"]
        ]
        return {"setVariableResult": refused}

    def _GetBaseReport(self, _payload: Any) -> dict[str, Any]:  # noqa: N802
        return {"status": "NotSupported"}

    def _DataTransfer(self, _payload: Any) -> dict[str, Any]:  # noqa: N802
        return {"status": self.transfer_status}

    def _GetTariffs(self, _payload: Any) -> dict[str, Any]:  # noqa: N802
        if not self.has:
            return {"status": "NoTariff"}
        return {"status": "Accepted", "tariffAssignments": self.has}

    def _SetDefaultTariff(self, payload: Any) -> dict[str, Any]:  # noqa: N802
        if self.set_status == "Accepted":
            tariff_id, evse_id = payload["tariff"]["tariffId"], payload["evseId"]
            one = {"tariffId": tariff_id, "tariffKind": "DefaultTariff", "evseIds": [evse_id]}
            self.has = [one]
        return {"status": self.set_status}

    def _ClearTariffs(self, _payload: Any) -> dict[str, Any]:  # noqa: N802
        self.has = []
        return {"clearTariffsResult": [{"status": "Accepted"}]}

    def _variable(self, asked: dict[str, Any]) -> dict[str, Any]:
        variable = asked["variable"]
        name = variable["name"]
        if "instance" in variable:
            name += f"[{variable['instance']}]"
        known = asked["component"]["name"] == "TariffCostCtrlr" and name in self.settings
        said = {"component": asked["component"], "variable": variable}
        if not known:
            return {**said, "attributeStatus": "UnknownVariable"}
        return {**said, "attributeStatus": "Accepted", "attributeValue": self.settings[name]}

    # --- a transaction, in either version's words ---

    async def boot(self) -> None:
        if self.version == "1.6":
            body: dict[str, Any] = {"chargePointVendor": "V", "chargePointModel": "M"}
        else:
            body = {"reason": "PowerUp", "chargingStation": {"vendorName": "V", "model": "M"}}
        assert (await self.call("BootNotification", body))["status"] == "Accepted"

    async def start(self) -> Any:
        if self.version == "1.6":
            start = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": at(0)}
            self.transaction = (await self.call("StartTransaction", start))["transactionId"]
            return None
        self.transaction = "tx-1"
        return await self.event("Started", 0, 0, idToken={"idToken": "CARD", "type": "ISO14443"})

    async def meter(self, minutes: int, wh: int) -> Any:
        if self.version != "1.6":
            return await self.event("Updated", minutes, wh)
        value = {"timestamp": at(minutes), "sampledValue": [{"value": str(wh)}]}
        body = {"connectorId": 1, "transactionId": self.transaction, "meterValue": [value]}
        return await self.call("MeterValues", body)

    async def stop(self, minutes: int, wh: int, **more: Any) -> Any:
        if self.version != "1.6":
            return await self.event("Ended", minutes, wh, **more)
        body = {"transactionId": self.transaction, "meterStop": wh, "timestamp": at(minutes)}
        return await self.call("StopTransaction", body)

    async def event(self, kind: str, minutes: int, wh: int, **more: Any) -> Any:
        trigger = {"Started": "Authorized", "Updated": "MeterValuePeriodic"}.get(kind, "EVDeparted")
        value = {"timestamp": at(minutes), "sampledValue": [{"value": wh}]}
        self.seq_no = 0 if kind == "Started" else self.seq_no + 1
        return await self.call(
            "TransactionEvent",
            {
                "eventType": kind,
                "timestamp": at(minutes),
                "triggerReason": trigger,
                "seqNo": self.seq_no,
                "transactionInfo": {"transactionId": self.transaction, "chargingState": "Charging"},
                "evse": {"id": 1, "connectorId": 1},
                "meterValue": [value],
                **more,
            },
        )


@pytest.fixture
async def shop(start_scene: Any) -> Any:
    """A gateway that tells costs as fast as it can."""
    scene = await start_scene(cost_interval=0.03, completion_wait=0)
    await scene.put("tokens/RFID/CARD", {"status": "Accepted", "language": "nl"})
    return scene


@contextlib.asynccontextmanager
async def display(
    scene: Any, version: str, settings: dict[str, str], *, provision: bool = True, **more: Any
) -> AsyncIterator[Display]:
    if "tariff" not in more:
        more["tariff"] = PRICED
    tariff = more.pop("tariff")
    await scene.register_charger("CP1", provision=provision, tariff=tariff)
    async with scene.wire("CP1", version, boot=False) as wire:
        station = Display(wire, version, settings, **more)
        reading = asyncio.create_task(station.read())
        try:
            await station.boot()
            yield station
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


def shows(version: str) -> dict[str, str]:
    return {"CustomDisplayCostAndPrice": "true"} if version == "1.6" else dict(SHOWS)


async def until_asked(station: Display) -> None:
    """The gateway knows what the station shows."""
    if station.version == "1.6":
        await station.hears(
            "GetConfiguration", lambda said: "CustomDisplayCostAndPrice" in said.get("key", ())
        )
    else:
        await station.hears("GetVariables", _asks_for_cost)


def _asks_for_cost(said: Any) -> bool:
    return any(one["component"]["name"] == "TariffCostCtrlr" for one in said["getVariableData"])


every_version = pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])


@every_version
async def test_a_station_that_shows_cost_is_told_what_the_session_costs(shop, version):
    """ocpp-rules 31: including taxes, and what the priced session says."""
    async with display(shop, version, shows(version)) as station:
        await until_asked(station)
        await station.start()
        await station.meter(10, 2_000)
        await station.until_told("0.73")  # 2 kWh x 0.30 x 1.21 = 0.726
        await station.meter(20, 5_000)
        await station.until_told("1.82")  # 1.815
        (session,) = await shop.get("sessions")
        assert session["total_cost"]["before_taxes"] == Decimal("1.5")
        assert session["total_cost"]["taxes"][0]["amount"] == Decimal("0.315")
        # each amount once: it is told again only when it changes
        await _a_few_intervals(shop)
        assert len(set(station.costs())) == len(station.costs())


async def test_1_6_shows_the_prices_beside_the_cost_and_the_final_cost_after_the_stop(shop):
    async with display(shop, "1.6", shows("1.6")) as station:
        await until_asked(station)
        await station.start()
        await station.meter(10, 2_000)
        await station.until_told("0.73")
        await station.stop(20, 5_000)
        await station.hears("DataTransfer", lambda said: said["messageId"] == "FinalCost")
        said = station.messages()
        running = next(data for kind, data in said if kind == "RunningCost" and data["cost"])
        assert running == {
            "transactionId": station.transaction,
            "timestamp": at(10).replace("Z", ".000Z"),
            "meterValue": 2000,
            "cost": Decimal("0.73"),
            "state": "Charging",
            "chargingPrice": {"kWhPrice": Decimal("0.363")},
        }
        assert said[-1] == (
            "FinalCost",
            {
                "transactionId": station.transaction,
                "cost": Decimal("1.82"),
                "priceText": "1.82 EUR, 5.00 kWh",
            },
        )


async def test_1_6_shows_a_driver_the_tariff_in_their_language(shop):
    async with display(shop, "1.6", shows("1.6")) as station:
        await until_asked(station)
        await shop.until(lambda: _authorized(station))
        assert ("SetUserPrice", {"idToken": "CARD", "priceText": "30 cent per kWh"}) in (
            station.messages()
        )


async def _authorized(station: Display) -> bool:
    await station.call("Authorize", {"idTag": "CARD"})
    return bool(station.messages())


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_2x_shows_a_driver_the_tariff_with_the_decision(shop, version):
    """I01: personalMessage of IdTokenInfo."""
    card = {"idToken": "CARD", "type": "ISO14443"}
    expected = {"format": "UTF8", "language": "nl", "content": "30 cent per kWh"}
    async with display(shop, version, shows(version)) as station:
        await until_asked(station)

        async def shown() -> bool:
            info = (await station.call("Authorize", {"idToken": card}))["idTokenInfo"]
            return info.get("personalMessage") == expected

        await shop.until(shown)
        answer = await station.start()
        assert answer["idTokenInfo"]["personalMessage"] == expected
        stranger = {"idToken": "NOBODY", "type": "ISO14443"}
        refused = await station.call("Authorize", {"idToken": stranger})
        assert "personalMessage" not in refused["idTokenInfo"]


@every_version
async def test_a_station_that_does_not_show_cost_is_told_nothing(shop, version):
    off = {"CustomDisplayCostAndPrice": "false"} if version == "1.6" else {"Enabled[Cost]": "false"}
    async with display(shop, version, off) as station:
        await until_asked(station)
        await station.start()
        await station.meter(10, 2_000)
        await station.stop(20, 5_000)
        await _a_few_intervals(shop)
        assert station.costs() == []
        assert station.messages() == []


@every_version
async def test_nothing_is_told_while_provision_is_off(shop, version):
    async with display(shop, version, shows(version), provision=False) as station:
        assert (await shop.ask("PUT", "charge-points/CP1/costs", {"wanted": True}))[0] == 200
        await station.start()
        await station.meter(10, 2_000)
        await _a_few_intervals(shop)
        assert station.told == []


async def _a_few_intervals(scene: Any) -> None:
    """Time in which a station that shows cost would have been told; its absence is awaited."""
    for _ in range(3):
        await scene.get("charge-points/CP1/costs")
        await asyncio.sleep(0.04)


@every_version
async def test_the_operator_has_a_station_told_that_says_nothing_of_itself(shop, version):
    async with display(shop, version, {}) as station:
        await until_asked(station)
        shown = await shop.put("charge-points/CP1/costs", {"wanted": True})
        assert shown["wanted"] is True
        await station.start()
        await station.meter(10, 2_000)
        await station.until_told("0.73")


@every_version
async def test_nothing_is_told_of_a_price_that_is_not_sure(shop, version):
    """A register that goes back holds the CDR, and the price."""
    async with display(shop, version, shows(version)) as station:
        await until_asked(station)
        await station.start()
        await station.meter(10, 2_000)
        await station.until_told("0.73")
        await station.meter(20, 100)
        await station.meter(30, 9_000)
        await _a_few_intervals(shop)
        assert station.costs()[-1] == Decimal("0.73")


async def test_a_station_says_how_many_decimals_it_shows(shop):
    settings = shows("2.0.1") | {"NumberOfDecimalsForCostValues": "3"}
    async with display(shop, "2.0.1", settings) as station:
        await until_asked(station)
        await station.start()
        await station.meter(10, 2_000)
        await station.until_told("0.726")


async def test_a_message_that_a_station_does_not_know_is_sent_once(shop):
    async with display(shop, "1.6", shows("1.6")) as station:
        station.transfer_status = "UnknownMessageId"
        await until_asked(station)
        await station.start()
        await station.hears("DataTransfer", lambda said: said["messageId"] == "RunningCost")
        await station.meter(10, 2_000)
        await _a_few_intervals(shop)
        assert len(station.costs()) == 1


async def test_costs_of_a_charge_point_that_is_not_there_are_404(shop):
    assert (await shop.ask("GET", "charge-points/NONE/costs"))[0] == 404
    assert (await shop.ask("PUT", "charge-points/NONE/costs", {"wanted": True}))[0] == 404


# --- 2.1: tariffs, the station's own cost, payments ------------------------------------------


async def test_a_2_1_station_gets_the_tariff_of_its_evse_and_the_next_one(shop):
    async with display(shop, "2.1", shows("2.1")) as station:
        first = await station.hears("SetDefaultTariff")
        assert first["evseId"] == 1
        tariff = first["tariff"]
        assert tariff["currency"] == "EUR"
        assert tariff["energy"] == {
            "prices": [{"priceKwh": Decimal("0.3")}],
            "taxRates": [{"type": "VAT", "tax": 21}],
        }
        dearer = json.loads(json.dumps(PRICED, default=str))
        dearer["elements"][0]["price_components"][0]["price"] = Decimal("0.40")
        await shop.put("tariffs/T1", dearer)
        second = await station.hears(
            "SetDefaultTariff", lambda said: said["tariff"]["tariffId"] != tariff["tariffId"]
        )
        assert second["tariff"]["energy"]["prices"] == [{"priceKwh": Decimal("0.4")}]

        async def stands() -> bool:
            (one,) = (await shop.get("charge-points/CP1/costs"))["default_tariffs"]
            return (one["state"], one["tariff_id"]) == ("set", second["tariff"]["tariffId"])

        await shop.until(stands)


async def test_a_station_that_has_its_tariff_is_not_told_it_again(shop):
    """Its id is of what it says, so a station that kept it over a reboot has the right one."""
    async with display(shop, "2.1", shows("2.1")) as station:
        await station.hears("SetDefaultTariff")
        has = station.has
    async with display(shop, "2.1", shows("2.1"), has=has) as station:
        await station.hears("GetTariffs")
        await _a_few_intervals(shop)
        assert station.heard("SetDefaultTariff") == []
        assert station.heard("ClearTariffs") == []


async def test_a_tariff_that_a_station_cannot_say_is_not_sent_and_the_operator_sees_why(shop):
    fee = {"price_components": [{"type": "FLAT", "price": 1, "step_size": 1}],
           "restrictions": {"min_kwh": 10}}  # fmt: skip
    odd = PRICED | {"elements": [fee, *PRICED["elements"]]}
    async with display(shop, "2.1", shows("2.1"), tariff=odd) as station:

        async def seen() -> bool:
            stands = (await shop.get("charge-points/CP1/costs"))["default_tariffs"]
            return [one["state"] for one in stands] == ["unsayable"]

        await shop.until(seen)
        (stands,) = (await shop.get("charge-points/CP1/costs"))["default_tariffs"]
        assert stands["reasons"] == ["fixedFee: min_kwh is no condition of a fee at a station"]
        assert station.heard("SetDefaultTariff") == []


async def test_a_station_that_refuses_a_tariff_is_shown_with_its_word(shop):
    async with display(shop, "2.1", shows("2.1"), set_status="TooManyElements") as station:
        await station.hears("SetDefaultTariff")

        async def seen() -> bool:
            stands = (await shop.get("charge-points/CP1/costs"))["default_tariffs"]
            return [(one["state"], one["word"]) for one in stands] == [
                ("refused", "TooManyElements")
            ]

        await shop.until(seen)


async def test_a_tariff_that_is_gone_is_cleared(shop):
    async with display(shop, "2.1", shows("2.1")) as station:
        told = await station.hears("SetDefaultTariff")
        assert (await shop.ask("DELETE", "tariffs/T1"))[0] == 204
        cleared = await station.hears("ClearTariffs")
        assert cleared == {"tariffIds": [told["tariff"]["tariffId"]], "evseId": 1}


@pytest.mark.parametrize(("theirs", "flagged"), [("1.82", False), ("1.90", True)])
async def test_a_station_that_reckons_otherwise_is_flagged_and_ours_is_billed(
    shop, theirs, flagged
):
    """ocpp-rules 32: costDetails."""
    details = {
        "totalCost": {
            "currency": "EUR",
            "typeOfCost": "NormalCost",
            "total": {"inclTax": float(theirs)},
        },
        "totalUsage": {"energy": 5000, "chargingTime": 1200, "idleTime": 0},
    }
    async with display(shop, "2.1", {}) as station:
        await station.start()
        answer = await station.stop(20, 5_000, costDetails=details)
        assert answer["totalCost"] == Decimal("1.815")
        (transaction,) = await shop.get("transactions")
        assert ("station's own cost differs" in transaction["flags"]) is flagged
        (kept,) = (await shop.get("charge-points/CP1/costs"))["station_costs"]
        assert (kept["station"], kept["gateway"]) == (Decimal(theirs), Decimal("1.815"))
        (cdr,) = await shop.get("cdrs")
        assert cdr["total_cost"]["before_taxes"] == Decimal("1.5")


SETTLEMENT = {
    "pspRef": "PSP-1",
    "status": "Settled",
    "settlementAmount": 12.5,
    "settlementTime": "2026-03-02T10:00:00Z",
    "transactionId": "tx-1",
}
HOOKS = """
from decimal import Decimal

from gateway.domain.payments import Company, Receipt


async def receipt(identity, settlement):
    assert settlement.amount == Decimal("12.5")
    return Receipt(f"https://cpo.example/{identity}/{settlement.psp_ref}", "R1")


async def vat(identity, asked):
    if asked.vat_number == "NL1":
        return Company("Acme", "Street 1", "Utrecht", "NL")
    if asked.vat_number == "BROKEN":
        raise RuntimeError("the register is away")
    return None
"""


async def test_a_settlement_is_kept_and_readable(scene):
    await scene.register_charger("CP1")
    async with scene.wire("CP1", "2.1") as wire:
        answer = await wire.call("NotifySettlement", SETTLEMENT)
        assert answer[2] == {}
    (kept,) = await scene.get("charge-points/CP1/kept/NotifySettlement")
    assert kept["payload"]["pspRef"] == "PSP-1"
    assert kept["payload"]["settlementAmount"] == Decimal("12.5")


async def test_the_operators_hooks_make_receipts_and_know_vat_numbers(
    start_scene: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "payment_hooks.py").write_text(HOOKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    scene = await start_scene(settlement_hook="payment_hooks:receipt", vat_hook="payment_hooks:vat")
    await scene.register_charger("CP1")
    async with scene.wire("CP1", "2.1") as wire:
        answer = await wire.call("NotifySettlement", SETTLEMENT)
        assert answer[2] == {"receiptUrl": "https://cpo.example/CP1/PSP-1", "receiptId": "R1"}
        valid = await wire.call("VatNumberValidation", {"vatNumber": "NL1", "evseId": 1})
        assert valid[2] == {
            "vatNumber": "NL1",
            "evseId": 1,
            "status": "Accepted",
            "company": {"name": "Acme", "address1": "Street 1", "city": "Utrecht", "country": "NL"},
        }
        for number in ("NL2", "BROKEN"):
            invalid = await wire.call("VatNumberValidation", {"vatNumber": number})
            assert invalid[2] == {"vatNumber": number, "status": "Rejected"}
    assert len(await scene.get("charge-points/CP1/kept/VatNumberValidation")) == 3


async def test_a_vat_number_is_rejected_while_nobody_can_tell(scene):
    await scene.register_charger("CP1")
    async with scene.wire("CP1", "2.1") as wire:
        answer = await wire.call("VatNumberValidation", {"vatNumber": "NL1"})
        assert answer[2] == {"vatNumber": "NL1", "status": "Rejected"}


async def test_a_station_is_told_that_somebody_pays_on_the_web(shop):
    body = {"evse_id": 1, "timeout": 60}
    async with display(shop, "2.1", {}, provision=False) as station:
        status, answer = await shop.ask("POST", "charge-points/CP1/web-payments", body)
        assert (status, answer["outcome"]) == (200, "ACCEPTED")
        assert station.heard("NotifyWebPaymentStarted") == [{"evseId": 1, "timeout": 60}]
    assert (await shop.ask("POST", "charge-points/NONE/web-payments", body))[0] == 404
    wrong = {"evse_id": 0, "timeout": 60}
    assert (await shop.ask("POST", "charge-points/CP1/web-payments", wrong))[0] == 422


async def test_a_payment_page_has_the_code_of_a_url_checked(scene):
    await scene.register_charger("CP1")
    body = {"code": "00000000", "shared_secret": "a secret of the station"}
    status, answer = await scene.ask("POST", "charge-points/CP1/web-payments/check", body)
    assert (status, answer) == (200, {"valid": False})


async def test_a_direct_payment_is_accepted_only_as_a_known_token(scene):
    """2.1's DirectPayment carries the terminal's reference, which nobody here has vouched for."""
    await scene.put("tokens/AD_HOC_USER/PSP-KNOWN", {"status": "Accepted"})
    await scene.register_charger("CP1")
    async with scene.wire("CP1", "2.1") as wire:
        said = {}
        for reference in ("PSP-KNOWN", "PSP-1"):
            token = {"idToken": reference, "type": "DirectPayment"}
            answer = await wire.call("Authorize", {"idToken": token})
            said[reference] = answer[2]["idTokenInfo"]["status"]
    assert said["PSP-KNOWN"] == "Accepted"
    assert said["PSP-1"] != "Accepted"
