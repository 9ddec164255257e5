"""Default tariffs at stations that reckon themselves (OCPP 2.1).

What a station shows and reckons is to be what we bill, so it is told the tariff that is active at
each EVSE, and only if its form can say all of it. Where it cannot, the station is left without,
and the operator sees why. What the station reckons is never billed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gateway import exact_json
from gateway.domain.commands import CommandOutcome
from gateway.domain.display_text import DisplayText
from gateway.domain.tariffs import parse_tariff
from gateway.domain.tariffs.station_tariffs import (
    ClearTariffs,
    GetTariffs,
    SetDefaultTariff,
    Translated,
    for_station,
)
from gateway.services.billing.billing import Billing
from gateway.services.ports import Station
from gateway.services.stations.station_state import StationState
from gateway.store import Store

_FIELD = "default_tariffs"
_TIMEOUT = 30.0
_MOST_TEXT = 512
_DIGEST = 8


@dataclass(frozen=True, slots=True)
class ActiveTariff:
    """The tariff that is active at an EVSE, and as a station is told of it."""

    document: Mapping[str, Any]
    texts: tuple[DisplayText, ...]

    def translated(self) -> Translated:
        """For a station; its id changes with what it says, so that no two are taken for one."""
        told = {key: value for key, value in self.document.items() if key != "last_updated"}
        digest = hashlib.sha256(exact_json.dumps(told)).hexdigest()[:_DIGEST]
        return for_station(
            parse_tariff(self.document), f"{self.document['id']}~{digest}", self.texts
        )


@dataclass(frozen=True, slots=True)
class Assigned:
    """How an EVSE stands: `set`, `refused` by the station's `word`, or `unsayable`."""

    tariff_id: str
    state: str
    word: str | None = None
    reasons: tuple[str, ...] = ()


class StationTariffs:
    """Finds the tariffs of a station and brings them to it."""

    def __init__(self, store: Store, billing: Billing) -> None:
        self._store = store
        self._billing = billing

    async def of(self, state: StationState) -> dict[int, ActiveTariff]:
        """The active tariffs by EVSE; EVSEs without one are not in it."""
        found = {}
        for evse_id in sorted(state.bindings):
            site = await self._billing.sites.find(state, evse_id)
            if site is not None and site.tariff is not None:
                found[evse_id] = ActiveTariff(site.tariff, _texts(site.tariff))
        return found

    def has_some(self, fields: Mapping[str, Any]) -> bool:
        """Whether the station was told tariffs that it may still have."""
        return bool(fields.get(_FIELD))

    def shown(self, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
        """How the EVSEs stand."""
        return [
            {"evse_id": int(evse_id), **one} for evse_id, one in (fields.get(_FIELD) or {}).items()
        ]

    async def bring(
        self,
        state: StationState,
        station: Station,
        tariffs: Mapping[int, ActiveTariff],
        *,
        verify: bool,
    ) -> None:
        """Set what differs and clear what is left over; a station that cannot is left alone."""
        stations = self._store.party(state.party).stations
        known = (await stations.load(state.identity)).get(_FIELD) or {}
        wanted = {evse_id: one.translated() for evse_id, one in tariffs.items()}
        if not verify and _unchanged(known, wanted):
            return
        reply = await station.execute(GetTariffs(), _TIMEOUT)
        if not reply.accepted:
            return
        has: dict[str, list[str]] = reply.data["default"]
        assigned = {
            str(evse_id): await self._set(station, evse_id, one, has.get(str(evse_id), []))
            for evse_id, one in wanted.items()
        }
        await self._clear(station, known, assigned, has)
        change = self._store.party(state.party).change(state.fence)
        stations.put(
            change, state.identity, _FIELD, {key: asdict(one) for key, one in assigned.items()}
        )
        await self._store.commit(change)

    async def _set(
        self, station: Station, evse_id: int, translated: Translated, has: list[str]
    ) -> Assigned:
        tariff = translated.tariff
        if translated.faults:
            return Assigned(tariff.id, "unsayable", reasons=translated.faults)
        if tariff.id in has:
            return Assigned(tariff.id, "set", reasons=translated.notes)
        reply = await station.execute(SetDefaultTariff(evse_id, tariff), _TIMEOUT)
        if reply.accepted:
            return Assigned(tariff.id, "set", reply.status, translated.notes)
        unanswered = reply.outcome is not CommandOutcome.REJECTED
        state = "unanswered" if unanswered else "refused"
        return Assigned(tariff.id, state, reply.status, translated.notes)

    async def _clear(
        self,
        station: Station,
        known: Mapping[str, Any],
        assigned: Mapping[str, Assigned],
        has: Mapping[str, list[str]],
    ) -> None:
        """Only what we have set ourselves and nothing has taken the place of."""
        ours = {one["tariff_id"] for one in known.values()}
        for evse_id, ids in has.items():
            now = assigned.get(evse_id)
            if now is not None and now.state == "set":
                continue  # it has replaced the one before
            left = tuple(one for one in ids if one in ours)
            if left:
                await station.execute(ClearTariffs(left, int(evse_id)), _TIMEOUT)


def _unchanged(known: Mapping[str, Any], wanted: Mapping[int, Translated]) -> bool:
    told = {evse_id: one["tariff_id"] for evse_id, one in known.items()}
    return told == {str(evse_id): one.tariff.id for evse_id, one in wanted.items()}


def _texts(document: Mapping[str, Any]) -> tuple[DisplayText, ...]:
    return tuple(
        DisplayText(one["language"], one["text"][:_MOST_TEXT])
        for one in document.get("tariff_alt_text") or ()
    )
