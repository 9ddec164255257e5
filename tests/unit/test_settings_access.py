"""Settings read and written within a station's limits (ocpp-rules 28)."""

from dataclasses import dataclass, field

import pytest

from gateway.domain.baseline import Kind, State, Wish
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.configuration import ReadSettings, WriteSettings
from gateway.services.stations import settings_access
from gateway.services.stations.baseline_run import BaselineRun
from gateway.services.stations.settings_access import MAX_TIMEOUTS, MessageLimits, split

ITEMS = "DeviceDataCtrlr.ItemsPerMessage[{}]"
BYTES = "DeviceDataCtrlr.BytesPerMessage[{}]"
NAMES = [f"C.V{number}" for number in range(7)]


@dataclass(eq=False)
class Station:
    """A station with settings; `most` is how many it takes in one message before it refuses.

    `keys`: it is one of 1.6. `allowed`: the members that its lists may have.
    """

    settings: dict[str, str] = field(default_factory=dict)
    most: int = 1_000
    keys: bool = False
    silent: bool = False
    readonly: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    reboots: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    allowed: frozenset[str] | None = None
    heard: list[ReadSettings | WriteSettings] = field(default_factory=list)

    async def execute(self, command, timeout):
        self.heard.append(command)
        if self.silent:
            return CommandReply(CommandOutcome.TIMEOUT)
        if isinstance(command, ReadSettings):
            return self._read(command.names)
        if self.keys and len(command.values) > 1:
            return CommandReply(CommandOutcome.FAILED)
        if len(command.values) > self.most:
            return CommandReply(CommandOutcome.FAILED, data={"error": "OccurrenceConstraint"})
        return self._write(command.values)

    def _read(self, names):
        if len(names) > self.most:
            return CommandReply(CommandOutcome.FAILED, data={"error": "OccurrenceConstraint"})
        known = names if names else [name for name in self.settings if name not in self.hidden]
        data = {
            "values": {name: self.settings[name] for name in known if name in self.settings},
            "unknown": [name for name in known if name not in self.settings],
            "readonly": [name for name in known if name in self.readonly],
            "refused": {},
        }
        return CommandReply(CommandOutcome.ACCEPTED, data=data)

    def _write(self, values):
        results = {name: self._one(name, value) for name, value in values.items()}
        return CommandReply(CommandOutcome.ACCEPTED, data={"results": results})

    def _one(self, name, value):
        if name not in self.settings:
            return "UnknownVariable"
        members = set(value.split(","))
        if name in self.refuses or (self.allowed is not None and not members <= self.allowed):
            return "Rejected"
        self.settings[name] = value
        return "RebootRequired" if name in self.reboots else "Accepted"

    def sizes(self, kind):
        of = {ReadSettings: lambda one: one.names, WriteSettings: lambda one: one.values}[kind]
        return [len(of(one)) for one in self.heard if isinstance(one, kind)]

    def written(self):
        return [one.values for one in self.heard if isinstance(one, WriteSettings)]


def station(read=10, write=10, **more):
    limits = {ITEMS.format("GetVariables"): str(read), ITEMS.format("SetVariables"): str(write)}
    return Station({**limits, **dict.fromkeys(NAMES, "1"), **more})


async def test_no_message_holds_more_items_than_the_station_takes():
    one = station(read=3, write=2)
    one.most = 3

    found = await settings_access.read(one, NAMES)
    done = await settings_access.write(one, dict.fromkeys(NAMES, "2"))

    assert found.values == dict.fromkeys(NAMES, "1")
    assert max(one.sizes(ReadSettings)) == 3
    assert one.sizes(WriteSettings) == [2, 2, 2, 1]
    assert done.results == dict.fromkeys(NAMES, "Accepted")


async def test_even_the_question_for_the_limits_keeps_within_them():
    one = station(read=1)
    one.most = 1

    found = await settings_access.read(one, NAMES)

    assert set(found.values) == set(NAMES)
    assert one.sizes(ReadSettings) == [1] * (4 + len(NAMES))


async def test_the_limits_are_asked_once():
    one = station()
    await settings_access.read(one, NAMES)
    first = len(one.heard)
    await settings_access.read(one, NAMES)

    assert len(one.heard) == first + 1


async def test_no_message_is_longer_than_the_station_takes():
    one = station()
    one.settings[BYTES.format("SetVariables")] = "1000"
    values = dict.fromkeys(NAMES, "x" * 300)

    await settings_access.write(one, values)

    assert one.sizes(WriteSettings) == [1] * 7


async def test_a_station_that_takes_less_than_it_says_gets_halves():
    one = station(read=10)
    one.most = 2

    found = await settings_access.read(one, NAMES)

    assert set(found.values) == set(NAMES)
    assert found.outcome is CommandOutcome.ACCEPTED


async def test_one_setting_takes_one_call():
    one = station()
    await settings_access.read(one, NAMES[:1])
    await settings_access.write(one, {NAMES[0]: "2"})

    assert len(one.heard) == 2


async def test_a_station_that_does_not_answer_is_left_alone():
    one = Station(silent=True)

    found = await settings_access.read(one, NAMES)

    assert found.outcome is CommandOutcome.TIMEOUT
    assert len(one.heard) <= 1 + MAX_TIMEOUTS


async def test_configuration_keys_are_read_within_their_limit_and_written_one_by_one():
    keys = {f"Key{number}": "1" for number in range(5)}
    one = Station({"GetConfigurationMaxKeys": "2", **keys}, keys=True)

    found = await settings_access.read(one, keys)
    await settings_access.write(one, dict.fromkeys(keys, "2"))

    assert found.values == keys
    assert one.sizes(ReadSettings) == [1, 2, 2, 1]
    assert one.sizes(WriteSettings) == [1] * 5


@pytest.mark.parametrize("limit", ["", "0", "-1", "many", "NaN"])
async def test_a_limit_that_makes_no_sense_is_none(limit):
    one = station(read=limit, write=limit)

    found = await settings_access.read(one, NAMES)

    assert set(found.values) == set(NAMES)


def test_an_item_that_is_too_long_alone_goes_alone():
    parts = list(split(("a", "b", "c"), lambda name: 5_000 if name == "b" else 1, _limit(1_000)))

    assert parts == [("a",), ("b",), ("c",)]


def _limit(size):
    return MessageLimits(10, size)


# --- bringing a station to what is wanted --------------------------------------------------


async def carried_out(one, *wanted, before=None, is_16=True):
    run = BaselineRun(one, before or {})
    return {each.name: each for each in await run.carry_out(list(wanted), is_16=is_16)}


def wish(name, value="2", kind=Kind.TEXT):
    return Wish(name, value, "a test", kind)


async def test_only_what_differs_is_written():
    one = Station({"A": "1", "B": "2"}, keys=True)

    found = await carried_out(one, wish("A"), wish("B"))

    assert one.written() == [{"A": "2"}]
    assert (found["A"].state, found["A"].value) == (State.SET, "2")
    assert (found["B"].state, found["B"].value) == (State.AS_WANTED, "2")


async def test_what_the_station_does_not_have_is_not_written():
    one = Station({"A": "2"}, keys=True)

    found = await carried_out(one, wish("A"), wish("B"))

    assert one.written() == []
    assert found["B"].state is State.UNKNOWN


async def test_keys_that_are_not_listed_are_asked_for_by_name():
    one = Station({"A": "1", "B": "1"}, keys=True, hidden=("B",))

    found = await carried_out(one, wish("B"))

    assert found["B"].state is State.SET


async def test_a_key_is_found_in_whatever_case_the_station_spells_it():
    one = Station({"meterVALUESampleInterval": "2"}, keys=True)

    found = await carried_out(one, wish("MeterValueSampleInterval"))

    assert found["MeterValueSampleInterval"].state is State.AS_WANTED


async def test_a_read_only_key_is_not_written():
    one = Station({"A": "1"}, keys=True, readonly=("A",))

    found = await carried_out(one, wish("A"))

    assert one.written() == []
    assert (found["A"].state, found["A"].answer) == (State.REFUSED, "ReadOnly")


async def test_a_reboot_that_is_required_is_told_and_not_begun():
    one = Station({"A": "1"}, keys=True, reboots=("A",))

    found = await carried_out(one, wish("A"))

    assert found["A"].state is State.REBOOT_REQUIRED


async def test_of_a_refused_list_the_station_gets_all_that_it_takes():
    allowed = frozenset({"Energy", "Power"})
    one = Station({"L": "Power"}, keys=True, allowed=allowed)

    found = await carried_out(one, wish("L", "Energy,SoC,Power", Kind.LIST))

    assert (found["L"].state, found["L"].value) == (State.SET_IN_PART, "Energy,Power")
    assert one.settings["L"] == "Energy,Power"
    assert len(one.written()) == 1 + 3


async def test_a_list_that_was_taken_in_part_is_left_as_it_is():
    allowed = frozenset({"Energy"})
    one = Station({"L": ""}, keys=True, allowed=allowed)
    list_wish = wish("L", "Energy,SoC", Kind.AT_LEAST)
    before = await carried_out(one, list_wish)
    one.heard.clear()

    found = await carried_out(one, list_wish, before=before)

    assert one.written() == []
    assert found["L"].state is State.SET_IN_PART


async def test_a_refusal_stands_until_the_setting_or_the_wish_changes():
    one = Station({"A": "1"}, keys=True, refuses=("A",))
    before = await carried_out(one, wish("A"))
    one.heard.clear()

    again = await carried_out(one, wish("A"), before=before)
    assert (one.written(), again["A"].state) == ([], State.REFUSED)

    await carried_out(one, wish("A", "3"), before=before)
    assert one.written() == [{"A": "3"}]


async def test_a_silent_station_costs_a_bounded_number_of_calls():
    one = Station(silent=True, keys=True)

    found = await carried_out(one, *(wish(f"Key{number}") for number in range(30)))

    assert {each.state for each in found.values()} == {State.UNANSWERED}
    assert len(one.heard) <= 2 * MAX_TIMEOUTS


async def test_variables_are_read_and_written_in_few_messages():
    one = station()

    found = await carried_out(one, *(wish(name) for name in NAMES), is_16=False)

    assert {each.state for each in found.values()} == {State.SET}
    assert one.sizes(WriteSettings) == [7]
