"""Local authorization lists on a real store, with stations that only know lists and settings."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.configuration import ReadSettings
from gateway.domain.local_list import ClearCache, GetLocalListVersion, SendLocalList, UpdateType
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.services.access.local_list import LocalLists
from gateway.services.ports import NotConnected, UnknownChargePoint
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.stations.initiative import Occasion
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fence, Store

PARTY = Party("NL", "GWY")
T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
SETTINGS = {
    "ocpp1.6": {
        "SupportedFeatureProfiles": "Core,LocalAuthListManagement",
        "LocalAuthListEnabled": "true",
        "LocalAuthListMaxLength": "8",
        "SendLocalListMaxLength": "3",
    },
    "ocpp2.0.1": {
        "LocalAuthListCtrlr.Enabled": "true",
        "LocalAuthListCtrlr.Available": "true",
        "LocalAuthListCtrlr.ItemsPerMessage": "3",
        "LocalAuthListCtrlr.Entries#MaxSet": "8",
    },
}


def now() -> datetime:
    return T0


@dataclass(eq=False)
class ListStation:
    """A socket whose station keeps a list; `answers` are words to say instead of Accepted."""

    protocol: str = "ocpp1.6"
    settings: dict[str, str] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)
    version: int = 0
    heard: list[Command] = field(default_factory=list)
    answers: list[tuple[CommandOutcome, str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.settings = {**SETTINGS[self.protocol], **self.settings}

    async def call(self, action: str, payload: dict[str, Any], timeout: float) -> Any:
        raise NotImplementedError

    async def close(self, reason: str) -> None:
        raise NotImplementedError

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        self.heard.append(command)
        match command:
            case ReadSettings(names):
                known = {name: self.settings[name] for name in names if name in self.settings}
                unknown = [name for name in names if name not in self.settings]
                data = {"values": known, "unknown": unknown, "readonly": [], "refused": {}}
                return CommandReply(CommandOutcome.ACCEPTED, data=data)
            case GetLocalListVersion():
                return CommandReply(CommandOutcome.ACCEPTED, data={"version": self.version})
            case SendLocalList():
                return self.take(command)
            case ClearCache():
                return CommandReply(CommandOutcome.REJECTED, "Rejected")
        return CommandReply(CommandOutcome.NOT_SUPPORTED)

    def take(self, message: SendLocalList) -> CommandReply:
        if self.answers:
            return CommandReply(*self.answers.pop(0))
        if message.version <= self.version:
            return CommandReply(CommandOutcome.REJECTED, "VersionMismatch")
        if message.update_type is UpdateType.FULL:
            self.cards = {}
        for uid in message.removed:
            self.cards.pop(uid.lower(), None)
        self.cards |= {one.uid.lower(): one.uid for one in message.entries}
        self.version = message.version
        return CommandReply(CommandOutcome.ACCEPTED, "Accepted")

    @property
    def sent(self) -> list[SendLocalList]:
        return [one for one in self.heard if isinstance(one, SendLocalList)]

    @property
    def kinds(self) -> list[str]:
        return [one.update_type.value for one in self.sent]


@dataclass
class House:
    store: Store
    partners: PartnerDirectory
    router: StationRouter
    lists: LocalLists

    async def connect(
        self, station: ListStation, occasion: Occasion = Occasion.BOOTED, identity: str = "CP1"
    ) -> StationState:
        record = ChargePointRecord(identity, PARTY, SecurityProfile.UNSECURED)
        await self.store.charge_points.put(record)
        epoch, _ = await self.store.party(PARTY).stations.connect(
            identity, node_id="node-1", protocol=station.protocol, remote="-", at=T0
        )
        state = StationState(record, Fence(identity, epoch), station.protocol, T0, T0)
        self.router.attach(state, station)
        await self.lists.routine(state, station, occasion)
        return state

    async def push(self, *uids: str, valid: bool = True, **fields: Any) -> None:
        for uid in uids:
            await self.store.tokens.put("ems", card(uid, valid=valid, **fields))

    async def state_of(self, identity: str = "CP1") -> str:
        return str((await self.lists.shown(identity))["state"])


def card(uid: str, **fields: Any) -> dict[str, Any]:
    return {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": uid,
        "type": "RFID",
        "contract_id": f"DE-EMS-{uid}",
        "issuer": "EMS",
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": "2026-03-01T09:00:00Z",
    } | fields


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what it looks at gives no event
            await asyncio.sleep(0.01)


@pytest.fixture
async def house(store: Store) -> AsyncIterator[House]:
    partners = PartnerDirectory(store, now)
    await partners.load()
    await partners.save(Partner("ems", "EMS", PartnerState.REGISTERED, T0))
    router = StationRouter(store, "node-1")
    lists = LocalLists(store, partners, router, now, interval=0.02)
    await lists.start()
    yield House(store, partners, router, lists)
    await lists.close()
    await partners.close()


@pytest.fixture(params=["ocpp1.6", "ocpp2.0.1"])
def station(request: pytest.FixtureRequest) -> ListStation:
    return ListStation(request.param)


async def test_while_no_token_is_for_lists_nothing_is_asked(
    house: House, station: ListStation
) -> None:
    await house.push("A", whitelist="NEVER")
    await house.connect(station)
    assert station.heard == []


async def test_a_station_gets_the_whole_list_within_its_limits(
    house: House, station: ListStation
) -> None:
    await house.push("A", "B", "C", "D")
    await house.connect(station)
    assert set(station.cards.values()) == {"A", "B", "C", "D"}
    assert station.kinds == ["Full", "Differential"]
    shown = await house.lists.shown("CP1")
    assert (shown["state"], shown["version"], shown["entries"]) == ("in step", 2, 4)
    assert shown["capacity"] == 8


async def test_a_station_that_holds_what_we_believe_is_left_alone(
    house: House, station: ListStation
) -> None:
    await house.push("A")
    await house.connect(station)
    station.heard.clear()
    await house.connect(station)
    assert station.sent == []


async def test_a_station_that_has_another_version_is_told_everything(
    house: House, station: ListStation
) -> None:
    await house.push("A")
    await house.connect(station)
    station.version, station.cards = 40, {"x": "X"}
    await house.connect(station)
    assert station.kinds[-1] == "Full"
    assert (station.version, set(station.cards)) == (41, {"a"})


async def test_a_token_that_is_blocked_leaves_the_list_at_once_by_a_difference(
    house: House, station: ListStation
) -> None:
    await house.push("A", "B")
    await house.connect(station)
    await house.push("A", valid=False)
    await until(lambda: set(station.cards) == {"b"})
    assert station.kinds == ["Full", "Differential"]
    assert station.sent[-1].removed == ("A",)


async def test_an_own_token_that_is_blocked_or_removed_leaves_the_list(
    house: House, station: ListStation
) -> None:
    tokens = house.store.tokens
    for uid in ("Own1", "Own2"):
        await tokens.put_own("RFID", uid, {"status": "Accepted", "expires_at": None})
    await house.connect(station)
    assert len(station.cards) == 2
    await tokens.put_own("RFID", "Own1", {"status": "Blocked", "expires_at": None})
    await tokens.delete_own("RFID", "Own2")
    await until(lambda: station.cards == {})
    # as they were spelled: some stations compare with regard to case
    assert {uid for one in station.sent for uid in one.removed} == {"Own1", "Own2"}


async def test_many_changes_are_few_messages(house: House) -> None:
    """A pull of many tokens must not become as many messages."""
    roomy = {"LocalAuthListMaxLength": "5000", "SendLocalListMaxLength": "5000"}
    station = ListStation(settings=roomy)
    await house.push("A")
    await house.connect(station)
    for first in range(0, 150, 50):
        await asyncio.gather(*(house.push(f"T{first + more}") for more in range(50)))
    await until(lambda: len(station.cards) == 151)
    assert len(station.sent) < 75
    assert station.kinds.count("Full") == 1


async def test_a_list_that_does_not_fit_has_own_tokens_and_then_the_newest(
    house: House, station: ListStation
) -> None:
    await house.store.tokens.put_own("RFID", "OWN", {"status": "Accepted", "expires_at": None})
    await house.push(*(f"T{number:02}" for number in range(20)))
    await house.connect(station)
    newest = {f"t{number}" for number in range(13, 20)}
    assert set(station.cards) == {"own", *newest}
    await house.push("T00", group_id="G")
    await until(lambda: "t00" in station.cards)
    assert set(station.cards) == {"own", "t00", *(newest - {"t13"})}
    await house.push("T19", valid=False)
    await until(lambda: "t13" in station.cards)
    assert len(station.cards) == 8


@pytest.mark.parametrize("word", ["VersionMismatch", "Failed"])
async def test_a_difference_that_is_refused_becomes_the_whole_list(
    house: House, station: ListStation, word: str
) -> None:
    """1.6 5.15: "SHOULD retry sending the full local authorization list"."""
    await house.push("A")
    await house.connect(station)
    station.answers = [(CommandOutcome.REJECTED, word)]
    await house.push("B")
    await until(lambda: set(station.cards) == {"a", "b"})
    assert station.kinds == ["Full", "Differential", "Full"]


async def test_a_station_that_keeps_refusing_is_shown_and_left_alone(
    house: House, station: ListStation
) -> None:
    station.answers = [(CommandOutcome.REJECTED, "Failed")] * 3
    await house.push("A")
    await house.connect(station)
    for uid in ("B", "C", "D", "E"):
        await house.push(uid)
        await asyncio.sleep(0.05)
    await house.connect(station)
    assert len(station.sent) == 3
    shown = await house.lists.shown("CP1")
    assert (shown["state"], shown["last_error"]) == ("refused", "Failed")
    await house.lists.send_anew("CP1")
    await until(lambda: len(station.cards) == 5)
    assert await house.state_of() == "in step"


async def test_not_supported_is_the_last_word_until_the_operator_asks(house: House) -> None:
    station = ListStation(answers=[(CommandOutcome.NOT_SUPPORTED, "NotSupported")])
    await house.push("A")
    await house.connect(station)
    await house.connect(station)
    await house.push("B")
    assert len(station.sent) == 1
    assert await house.state_of() == "not supported"


async def test_an_unanswered_message_is_found_out_about_before_the_next(house: House) -> None:
    """It may have arrived, or not."""
    station = ListStation(answers=[(CommandOutcome.TIMEOUT, None)])
    await house.push("A")
    await house.connect(station)
    await house.push("B")
    await until(lambda: set(station.cards) == {"a", "b"})
    assert station.kinds[:2] == ["Full", "Full"]
    assert station.sent[1].version > station.sent[0].version


@pytest.mark.parametrize(
    ("protocol", "name", "value"),
    [
        ("ocpp1.6", "LocalAuthListEnabled", "false"),
        ("ocpp1.6", "SupportedFeatureProfiles", "Core"),
        ("ocpp2.0.1", "LocalAuthListCtrlr.Enabled", "false"),
        ("ocpp2.0.1", "LocalAuthListCtrlr.Available", "false"),
    ],
)
async def test_a_station_that_wants_none_gets_none(
    house: House, protocol: str, name: str, value: str
) -> None:
    station = ListStation(protocol, {name: value})
    await house.push("A")
    await house.connect(station)
    assert station.sent == []
    assert (await house.state_of()).startswith("not ")


async def test_the_operator_overrules_the_station_both_ways(
    house: House, station: ListStation
) -> None:
    await house.push("A")
    await house.connect(station)
    await house.lists.want("CP1", False)
    await until(lambda: station.cards == {})
    assert station.kinds == ["Full", "Differential"]  # what it had from us is taken back
    await house.push("B")
    await house.lists.want("CP1", True)
    await until(lambda: set(station.cards) == {"a", "b"})


async def test_a_partner_that_is_gone_takes_its_tokens_along(
    house: House, station: ListStation
) -> None:
    """Nobody is left who would pay."""
    await house.push("A")
    await house.connect(station)
    await house.partners.save(Partner("ems", "EMS", PartnerState.UNREGISTERED, T0))
    await house.connect(station)
    assert station.cards == {}


async def test_a_list_has_nobody_whose_partner_is_not_to_know_of_the_stations_party(
    house: House, station: ListStation
) -> None:
    """What is not visible cannot be billed; seen again, the list has them again."""
    await house.push("A")
    await house.connect(station)
    assert set(station.cards) == {"a"}
    for visible, cards in ((frozenset({Party("DE", "XYZ")}), set()), (None, {"a"})):
        await house.partners.save(
            Partner("ems", "EMS", PartnerState.REGISTERED, T0, parties=visible)
        )
        await house.connect(station)
        assert set(station.cards) == cards


async def test_uids_that_do_not_fit_an_id_tag_are_left_out_in_16_only(
    house: House, station: ListStation
) -> None:
    await house.push("SHORT", "X" * 21)
    await house.connect(station)
    assert len(station.cards) == (1 if station.protocol == "ocpp1.6" else 2)


async def test_changes_on_one_node_reach_the_stations_of_another(
    house: House, station: ListStation, redis_url: str
) -> None:
    await house.push("A")
    await house.connect(station)
    other = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-2")
    await other.tokens.put("ems", card("B"))
    await until(lambda: set(station.cards) == {"a", "b"})
    await other.close()


async def test_what_cannot_be_asked_is_said(house: House) -> None:
    with pytest.raises(UnknownChargePoint):
        await house.lists.shown("NOBODY")
    await house.store.charge_points.put(ChargePointRecord("CP9", PARTY, SecurityProfile.UNSECURED))
    with pytest.raises(NotConnected):
        await house.lists.send_anew("CP9")
    assert (await house.lists.shown("CP9"))["state"] == "not asked yet"


async def test_a_cache_is_cleared_on_the_operators_word(house: House) -> None:
    station = ListStation()
    await house.connect(station)
    reply = await house.lists.clear_cache("CP1")
    assert (reply.outcome, reply.status) == (CommandOutcome.REJECTED, "Rejected")


async def test_a_long_list_does_not_hold_up_what_comes_after_it(store: Store) -> None:
    """The routines of a station run one after the other; a list goes on beside them."""
    go_on = asyncio.Event()

    class Slow(ListStation):
        async def execute(self, command: Command, timeout: float) -> CommandReply:
            if isinstance(command, SendLocalList):
                await go_on.wait()
            return await super().execute(command, timeout)

    partners = PartnerDirectory(store, now)
    await partners.load()
    await partners.save(Partner("ems", "EMS", PartnerState.REGISTERED, T0))
    router = StationRouter(store, "node-1")
    lists = LocalLists(store, partners, router, now, longest_hold=0)
    slow_house = House(store, partners, router, lists)
    await store.tokens.put("ems", card("A"))
    station = Slow()
    await slow_house.connect(station)  # the routine is over, the list is not there
    assert station.cards == {}
    go_on.set()
    await until(lambda: set(station.cards) == {"a"})
    await lists.close()
    await partners.close()
