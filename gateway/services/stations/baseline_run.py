"""One attempt to bring a station's settings to what is wanted."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.domain.baseline import (
    LISTS,
    Kind,
    Outcome,
    State,
    Wish,
    items,
    outcome,
    satisfied,
    state_after,
    to_write,
)
from gateway.domain.configuration import TAKEN, folded
from gateway.services.stations import settings_access
from gateway.services.stations.settings_access import Reachable, SettingsRead

MAX_MEMBERS = 12  # of a refused list, tried one after the other
_READ_ONLY = "ReadOnly"


class BaselineRun:
    """Reads, compares and writes. `before`: what the station said earlier, which still stands."""

    def __init__(self, station: Reachable, before: Mapping[str, Outcome]) -> None:
        self._station = station
        self._before = before
        self.all_keys: dict[str, str] | None = None  # 1.6: every key, once they were read
        self.readonly: frozenset[str] = frozenset()

    async def carry_out(self, wanted: list[Wish], *, is_16: bool) -> list[Outcome]:
        """What became of each wish, in their order."""
        found = await self._read(wanted, is_16=is_16)
        outcomes: dict[str, Outcome] = {}
        to_set: list[Wish] = []
        for wish in wanted:
            known = self._known(wish, found)
            if known is None:
                to_set.append(wish)
            else:
                outcomes[wish.name] = known
        outcomes |= await self._write(to_set, found)
        return [outcomes[wish.name] for wish in wanted]

    async def _read(self, wanted: list[Wish], *, is_16: bool) -> SettingsRead:
        """The wanted settings by the names of the wishes."""
        names = {folded(wish.name): wish.name for wish in wanted}
        if not is_16:
            return await settings_access.read(self._station, names.values())
        found = await settings_access.read(self._station, ())
        self.readonly = frozenset(found.readonly)
        if found.values:
            self.all_keys = dict(found.values)
        found.values = {names.get(folded(key), key): text for key, text in found.values.items()}
        found.readonly = [names.get(folded(key), key) for key in found.readonly]
        # some stations do not list every key that they have
        unlisted = [name for name in names.values() if name not in found.values]
        if unlisted and found.values:
            more = await settings_access.read(self._station, unlisted)
            found.values |= more.values
            found.unknown += more.unknown
            found.readonly += more.readonly
        return found

    def _known(self, wish: Wish, found: SettingsRead) -> Outcome | None:
        """What became of a wish that nothing is written for; None: write it."""
        if wish.name in found.values:
            value = found.values[wish.name]
            if satisfied(wish, value):
                return outcome(wish, value, State.AS_WANTED)
            if wish.name in found.readonly:
                return outcome(wish, value, State.REFUSED, _READ_ONLY)
            return self._standing(wish, value)
        if wish.name in found.refused:  # it cannot be read; maybe it can be written
            return None
        state = State.UNKNOWN if wish.name in found.unknown else State.UNANSWERED
        return outcome(wish, None, state)

    def _standing(self, wish: Wish, value: str) -> Outcome | None:
        """A refusal that the station gave earlier to the same wish, the setting being the same."""
        before = self._before.get(wish.name)
        if before is None or before.wanted != wish.value:
            return None
        if before.state not in (State.REFUSED, State.SET_IN_PART) or before.value is None:
            return None
        kind = Kind.LIST if wish.kind in LISTS else Kind.TEXT
        if not satisfied(replace(wish, value=before.value, kind=kind), value):
            return None
        return outcome(wish, value, before.state, before.answer)

    async def _write(self, to_set: list[Wish], found: SettingsRead) -> dict[str, Outcome]:
        texts = {wish.name: to_write(wish, found.values.get(wish.name)) for wish in to_set}
        results = (await settings_access.write(self._station, texts)).results
        outcomes = {}
        for wish in to_set:
            value, text = found.values.get(wish.name), texts[wish.name]
            word = results.get(wish.name)
            if word is None:
                outcomes[wish.name] = outcome(wish, value, State.UNANSWERED)
                continue
            state = state_after(word)
            if state is State.REFUSED and wish.kind in LISTS and len(items(text)) > 1:
                outcomes[wish.name] = await self._narrow(wish, value, text, word)
            else:
                outcomes[wish.name] = outcome(wish, text if word in TAKEN else value, state, word)
        return outcomes

    async def _narrow(self, wish: Wish, value: str | None, text: str, word: str) -> Outcome:
        """The list was refused as a whole: add one member after the other, keeping those taken.

        The last list that is taken is the longest one there is if the station judges each member
        by itself, and else still begins with what matters most. One write a member, no more.
        """
        taken: list[str] = []
        has, state = value, State.REFUSED
        for member in items(text)[:MAX_MEMBERS]:
            attempt = ",".join([*taken, member])
            written = await settings_access.write(self._station, {wish.name: attempt})
            answer = written.results.get(wish.name)
            if answer is None:
                break
            if answer in TAKEN:
                taken.append(member)
                has, state, word = attempt, State.SET_IN_PART, answer
        return outcome(wish, has, state, word)
