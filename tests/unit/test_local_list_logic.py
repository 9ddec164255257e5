"""The logic of local authorization lists, against a small model of a station."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import exact_json
from gateway.domain.local_list import (
    Floors,
    Held,
    Limits,
    Listed,
    ListEntry,
    SendLocalList,
    UpdateType,
    Wanted,
    choose,
    difference,
    differential,
    entry_of,
    full,
    key_of,
    may_be_listed,
    ranges_below,
)
from gateway.ocpp.v201.local_list import send_list


@dataclass
class ModelStation:
    """1.6 5.15 and 6.41, nothing else: what a strict station makes of SendLocalList."""

    limits: Limits
    version: int = 0
    cards: dict[str, ListEntry] = field(default_factory=dict)
    most: int = 0

    def take(self, message: SendLocalList) -> None:
        assert message.version > self.version, "versions rise"
        assert len(message.entries) + len(message.removed) <= self.limits.per_message
        uids = [key_of(uid) for uid in (*message.removed, *(one.uid for one in message.entries))]
        assert len(uids) == len(set(uids)), "All idTags MUST be unique"
        if message.update_type is UpdateType.FULL:
            self.cards = {}
        for uid in message.removed:
            self.cards.pop(key_of(uid), None)
        for entry in message.entries:
            self.cards[key_of(entry.uid)] = entry
        self.version = message.version
        assert len(self.cards) <= self.limits.capacity, "LocalAuthListMaxLength"


@dataclass
class Tokens:
    """What the store keeps: revisions per uid, of own tokens and partners' ones, and the words."""

    revision: int = 0
    at: dict[bool, dict[str, int]] = field(default_factory=lambda: {True: {}, False: {}})
    words: dict[bool, dict[str, ListEntry | None]] = field(
        default_factory=lambda: {True: {}, False: {}}
    )

    def change(self, uid: str, own: bool, entry: ListEntry | None, forget: bool) -> None:
        self.revision += 1
        self.at[own][uid] = self.revision
        if forget:
            self.words[own].pop(uid, None)
        else:
            self.words[own][uid] = entry

    def listed(self, own: bool) -> list[Listed]:
        found = []
        for uid, revision in sorted(self.at[own].items(), key=lambda pair: -pair[1]):
            entry = self.words[own].get(uid)
            overridden = not own and uid in self.words[True]
            if entry is not None and not overridden:
                found.append(Listed(revision, own, entry))
        return found

    def wanted(self, capacity: int) -> Wanted:
        return choose(
            self.revision,
            self.listed(True)[: capacity + 1],
            self.listed(False)[: capacity + 1],
            capacity,
        )

    def between(self, own: bool, first: int, last: int) -> list[str]:
        return [uid for uid, revision in self.at[own].items() if first <= revision <= last]


def synchronised(tokens: Tokens, station: ModelStation, held: Held | None) -> Held:
    """As the gateway does it: the differences if it is sure of the list, else all of it."""
    wanted = tokens.wanted(station.limits.capacity)
    if held is None:
        messages = list(full(wanted.entries, station.version + 1, station.limits))
    else:
        changed = [
            uid
            for own in (True, False)
            for uid in tokens.between(own, held.revision + 1, tokens.revision)
        ]
        below = [
            uid
            for own, (first, last) in ranges_below(held, wanted).items()
            for uid in tokens.between(own, first, last)
        ]
        put, removed = difference(held, wanted, changed, below)
        messages = list(differential(put, removed, station.version + 1, station.limits))
    for message in messages:
        station.take(message)
    return Held(station.version, wanted.revision, wanted.floors)


UIDS = st.sampled_from([f"UID{number}" for number in range(12)])
CHANGES = st.tuples(UIDS, st.booleans(), st.sampled_from(["listed", "unlisted", "gone"]))
STEPS = st.lists(
    st.one_of(CHANGES, st.just("sync"), st.integers(0, 15).map(lambda size: ("capacity", size))),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS, capacity=st.integers(0, 15), per_message=st.integers(1, 6))
def test_any_changes_within_any_limits_leave_the_station_with_the_wanted_list(
    steps: list[Any], capacity: int, per_message: int
) -> None:
    tokens = Tokens()
    station = ModelStation(Limits(capacity, per_message))
    held: Held | None = None
    for number, step in enumerate([*steps, "sync"]):
        if step == "sync":
            held = synchronised(tokens, station, held)
            wanted = tokens.wanted(station.limits.capacity)
            assert station.cards == {key: one.entry for key, one in wanted.listed.items()}
        elif step[0] == "capacity":
            # a station that can take less has forgotten nothing: it is told to
            if step[1] >= len(station.cards):
                station.limits = Limits(step[1], per_message)
        else:
            uid, own, fate = step
            entry = ListEntry(uid, f"group {number}") if fate == "listed" else None
            tokens.change(uid, own, entry, forget=fate == "gone")


@given(count=st.integers(0, 50), per_message=st.integers(1, 9), version=st.integers(1, 9))
def test_a_full_list_is_one_full_message_and_differentials(
    count: int, per_message: int, version: int
) -> None:
    entries = [ListEntry(f"UID{number}") for number in range(count)]
    messages = list(full(entries, version, Limits(100, per_message)))
    kinds = [message.update_type for message in messages]
    assert kinds == [UpdateType.FULL] + [UpdateType.DIFFERENTIAL] * (len(messages) - 1)
    assert [message.version for message in messages] == list(
        range(version, version + len(messages))
    )
    assert [entry for message in messages for entry in message.entries] == entries


@pytest.mark.parametrize("most", [1_000, 2_000, 5_000])
def test_a_message_keeps_within_the_bytes_that_the_station_takes(most: int) -> None:
    """LocalAuthListCtrlr.BytesPerMessage, with every member that an entry can have."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    entries = [ListEntry(f"{number:036}", "G" * 36, at) for number in range(40)]
    removed = [f"{number:035}X" for number in range(40)]
    limits = Limits(100, 100, bytes_per_message=most)
    for messages in (full(entries, 1, limits), differential(entries, removed, 1, limits)):
        for message in messages:
            payload = send_list(message).payload
            assert len(exact_json.dumps([2, "m" * 36, "SendLocalList", payload])) <= most


def test_what_changes_nothing_is_no_message() -> None:
    assert list(differential((), (), 5, Limits(10, 10))) == []


def test_own_tokens_come_first_and_then_the_newest() -> None:
    own = [Listed(3, True, ListEntry("OWN"))]
    partners = [Listed(at, False, ListEntry(f"P{at}")) for at in (9, 8, 7)]
    wanted = choose(9, own, partners, 3)
    assert [entry.uid for entry in wanted.entries] == ["OWN", "P9", "P8"]
    assert wanted.floors == Floors(own=0, partners=8)


CARD = {"uid": "04AB", "type": "RFID", "valid": True, "whitelist": "ALWAYS", "group_id": "G"}
OWN = {"uid": "04AB", "type": "RFID", "status": "Accepted", "expires_at": None, "group_id": None}


@pytest.mark.parametrize(
    ("whitelist", "valid", "type_", "listed"),
    [
        ("ALWAYS", True, "RFID", True),
        ("ALLOWED_OFFLINE", True, "RFID", True),
        ("ALLOWED", True, "RFID", False),  # may be asked for, and need not be in anybody's list
        ("NEVER", True, "RFID", False),  # "Whitelisting is forbidden" (mod_tokens 12.4.5)
        ("ALWAYS", False, "RFID", False),  # blocked
        ("ALWAYS", True, "APP_USER", False),  # is in no card reader
        ("ALWAYS", True, "AD_HOC_USER", False),
    ],
)
def test_the_whitelist_type_decides_what_is_listed(
    whitelist: str, valid: bool, type_: str, listed: bool
) -> None:
    token = CARD | {"whitelist": whitelist, "valid": valid, "type": type_}
    assert (entry_of([(token, "p1")]) is not None) is listed


def test_an_own_token_takes_the_place_of_a_partners() -> None:
    """As it does when it is presented."""
    assert entry_of([(CARD, "p1"), (OWN, None)]) == (ListEntry("04AB"), True)
    assert entry_of([(CARD, "p1"), (OWN | {"status": "Blocked"}, None)]) is None
    assert may_be_listed(OWN | {"status": "Blocked"}, own=True)


def test_a_master_pass_is_on_no_list() -> None:
    """It could start something there."""
    token = OWN | {"group_id": "Police"}
    assert entry_of([(token, None)], "POLICE") is None
    assert entry_of([(token, None)], "OTHER") is not None
