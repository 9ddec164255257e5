"""Prices and cost on a charge point's display: OCA's application note for 1.6.

1.6 has no message for it; the note ("OCPP and California pricing requirements") agrees on
DataTransfers of a vendor id. A charge point that understands them has the configuration key
CustomDisplayCostAndPrice.
"""

from gateway import exact_json
from gateway.domain.bills.cost import PricesNow, ShowFinalCost, ShowPrice, ShowRunningCost
from gateway.domain.data_transfer import TransferData
from gateway.domain.timestamps import to_text
from gateway.ocpp.dialect import Asked, Block, Payload
from gateway.ocpp.v16.data_transfer import transfer_data

VENDOR = "org.openchargealliance.costmsg"


def set_user_price(command: ShowPrice) -> Asked:
    """SetUserPrice: for the driver whose idTag was just accepted."""
    return _message("SetUserPrice", {"idToken": command.id_token, "priceText": command.text})


def running_cost(command: ShowRunningCost) -> Asked:
    """RunningCost: the cost so far, and the prices that the display may count on with."""
    data: Payload = {
        "transactionId": int(command.transaction_id),
        "timestamp": to_text(command.at),
        "meterValue": int(command.meter_wh),
        "cost": command.cost,
        "state": "Charging" if command.charging else "Idle",
        "chargingPrice": _charging_price(command.prices),
    }
    if command.prices.idle_hour is not None:
        data["idlePrice"] = {"hourPrice": command.prices.idle_hour}
    return _message("RunningCost", data)


def final_cost(command: ShowFinalCost) -> Asked:
    """FinalCost: what is to be paid."""
    data: Payload = {
        "transactionId": int(command.transaction_id),
        "cost": command.cost,
        "priceText": command.text,
    }
    return _message("FinalCost", data)


def _charging_price(prices: PricesNow) -> Payload:
    named = {"kWhPrice": prices.kwh, "hourPrice": prices.hour, "flatFee": prices.flat}
    return {name: price for name, price in named.items() if price is not None}


def _message(message_id: str, data: Payload) -> Asked:
    text = exact_json.dumps(data).decode()  # DataTransfer.req's data is text
    return transfer_data(TransferData(VENDOR, message_id, text))


BLOCK = Block(
    asks={
        ShowPrice: set_user_price,
        ShowRunningCost: running_cost,
        ShowFinalCost: final_cost,
    }
)
