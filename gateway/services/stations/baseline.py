"""After a boot: a station's settings are read, and set where they are not as wanted.

What is wanted is in `domain.baseline`. Each station's result is kept, so that the operator sees
what was set, what was refused and what waits for a reboot; a reboot is never ours to begin. What
a station has refused is not tried again until its firmware, the wish or the operator changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import msgspec
import structlog

from gateway.domain.baseline import Baseline, Outcome, State, Wish, is_settled, outcome, wishes
from gateway.domain.boot import RegistrationStatus
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.configuration import folded, is_secret
from gateway.domain.party import Party
from gateway.domain.timestamps import to_text
from gateway.services.ports import NotConnected, Station, Withheld
from gateway.services.stations.baseline_run import BaselineRun
from gateway.services.stations.device_model import CONFIGURATION
from gateway.services.stations.initiative import Occasion
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.settings_access import ByRouter, Reachable
from gateway.services.stations.station_state import OCPP_16, StationState
from gateway.store import Change, Store

log = structlog.get_logger(__name__)

_RESULT = "settings"
_OWN = "baseline"
_MASK = "***"
# Their values are newer than what was read before.
_TAKEN = (State.SET, State.SET_IN_PART, State.REBOOT_REQUIRED)


@dataclass(frozen=True, slots=True)
class Settings:
    """What came of the last attempt; `at` None: there was none yet."""

    at: str | None
    firmware_version: str | None
    settings: list[Outcome]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is wanted of a station as it is now, and what came of it last time."""

    wishes: list[Wish]
    is_16: bool
    firmware_version: str | None
    last: Settings | None

    @property
    def is_due(self) -> bool:
        """Whether the last attempt was about something else, or was not finished."""
        last = self.last
        if last is None or last.firmware_version != self.firmware_version:
            return True
        tried = {(one.name, one.wanted) for one in last.settings}
        asked = {(wish.name, _shown(wish.name, wish.value)) for wish in self.wishes}
        return tried != asked or not is_settled(last.settings)


class BaselineService:
    """The wanted settings of all stations."""

    def __init__(self, store: Store, router: StationRouter, now: Callable[[], datetime]) -> None:
        self._store = store
        self._router = router
        self._now = now

    async def refresh(self, state: StationState, station: Station, occasion: Occasion) -> None:
        """The routine: after a boot, and after a reconnection if there is something left to do."""
        if occasion is Occasion.BOOTED and state.prepared:
            return  # done just now, while its boot was pending
        wanted = await self._wanted(state.record, state.protocol)
        if occasion is Occasion.CONNECTED and not wanted.is_due:
            return
        change = self._store.party(state.party).change(state.fence)
        await self._run(state.record, station, wanted, change, insist=False)

    async def apply(self, record: ChargePointRecord) -> Settings:
        """By the operator's hand: now, and also what was refused before.

        Raises `NotConnected`, and `Withheld` when the station's boot was rejected.
        """
        party = self._store.party(record.party)
        route = await party.stations.route(record.identity)
        if route is None:
            raise NotConnected("The charge point is not connected")
        fields = await party.stations.load(record.identity)
        if (fields.get("boot") or {}).get("status") == RegistrationStatus.REJECTED:
            raise Withheld("Its boot was rejected; until it boots again it is sent nothing")
        wanted = await self._wanted(record, route.protocol)
        station = ByRouter(self._router, record.identity)
        return await self._run(record, station, wanted, party.change(), insist=True)

    async def get(self, record: ChargePointRecord) -> Settings:
        """The last result; before the first attempt, what will be wanted."""
        last = await self._last(record)
        if last is not None:
            return last
        route = await self._store.party(record.party).stations.route(record.identity)
        wanted = await self._wanted(record, route.protocol if route else None)
        return Settings(None, None, [outcome(one, None, State.NOT_ASKED) for one in wanted.wishes])

    async def own(self, record: ChargePointRecord) -> dict[str, str | None]:
        """The operator's baseline for this station alone."""
        fields = await self._store.party(record.party).stations.load(record.identity)
        found: dict[str, str | None] = fields.get(_OWN) or {}
        return found

    async def put_own(self, record: ChargePointRecord, settings: Mapping[str, str | None]) -> None:
        """Replace it; it counts from the station's next boot, or when it is applied."""
        party = self._store.party(record.party)
        change = party.change()
        party.stations.put(change, record.identity, _OWN, dict(settings))
        await self._store.commit(change)

    async def baseline(self, party: Party) -> Baseline:
        """The operator's baseline for all stations of a party."""
        stored = await self._store.party(party).baselines.get()
        return Baseline() if stored is None else msgspec.convert(stored, Baseline)

    async def put_baseline(self, party: Party, baseline: Baseline) -> None:
        """Replace it; it counts from each station's next boot."""
        await self._store.party(party).baselines.put(asdict(baseline))

    async def _wanted(self, record: ChargePointRecord, protocol: str | None) -> _Wanted:
        party = self._store.party(record.party)
        fields = await party.stations.load(record.identity)
        boot = fields.get("boot") or {}
        is_16 = (protocol or fields.get("protocol") or OCPP_16) == OCPP_16
        found = wishes(
            await self.baseline(record.party),
            fields.get(_OWN) or {},
            is_16=is_16,
            vendor=boot.get("vendor") or "",
            model=boot.get("model") or "",
        )
        return _Wanted(found, is_16, boot.get("firmware_version"), await self._last(record))

    async def _last(self, record: ChargePointRecord) -> Settings | None:
        stations = self._store.party(record.party).stations
        for kept in await stations.kept(record.identity, _RESULT, 1):
            return msgspec.convert(kept, Settings)
        return None

    async def _run(
        self,
        record: ChargePointRecord,
        station: Reachable,
        wanted: _Wanted,
        change: Change,
        *,
        insist: bool,
    ) -> Settings:
        """Read, compare, write; keep the result, and in 1.6 the keys that were read."""
        stands = wanted.last if not insist and wanted.last is not None else None
        if stands is not None and stands.firmware_version != wanted.firmware_version:
            stands = None
        run = BaselineRun(station, {one.name: one for one in stands.settings} if stands else {})
        outcomes = await run.carry_out(wanted.wishes, is_16=wanted.is_16)
        at = to_text(self._now())
        result = Settings(at, wanted.firmware_version, [_masked(one) for one in outcomes])
        stations = self._store.party(record.party).stations
        stations.keep(change, record.identity, _RESULT, asdict(result), cap=1)
        if run.all_keys is not None:
            taken = {folded(one.name): one.value for one in outcomes if one.state in _TAKEN}
            keys = [
                {
                    "key": name,
                    "value": _shown(name, taken.get(folded(name)) or value),
                    "readonly": name in run.readonly,
                }
                for name, value in sorted(run.all_keys.items())
            ]
            kept: dict[str, Any] = {"at": at, "keys": keys}
            stations.keep(change, record.identity, CONFIGURATION, kept, cap=1)
        await self._store.commit(change)
        _tell(record, outcomes)
        return result


def _tell(record: ChargePointRecord, outcomes: list[Outcome]) -> None:
    by_state: dict[str, list[str]] = {}
    for one in outcomes:
        by_state.setdefault(one.state.value, []).append(one.name)
    seen_to = {State.AS_WANTED.value, State.SET.value}
    log.info(
        "settings seen to",
        charge_point=record.identity,
        **{state: len(names) for state, names in by_state.items() if state in seen_to},
        **{state: names for state, names in by_state.items() if state not in seen_to},
    )


def _shown(name: str, value: str) -> str:
    return _MASK if is_secret(name) and value else value


def _masked(one: Outcome) -> Outcome:
    value = None if one.value is None else _shown(one.name, one.value)
    return replace(one, value=value, wanted=_shown(one.name, one.wanted))
