"""What a link forgives its station, and how it is counted.

Clean messages pass by: this is asked when a frame is unreadable, when a payload breaks its
schema, for charge points with quirks of meaning, and when reading a message has met something
that is forgiven (`wire.tally`). The first calls of a connection are looked at in any case.
"""

from typing import Any, Protocol

from gateway import exact_json
from gateway.domain import quirks as q
from gateway.domain.quirks import OF_SHAPE
from gateway.ocpp import codec, meaning
from gateway.ocpp.dialect import Dialect
from gateway.ocpp.frame_mending import read_again
from gateway.ocpp.mending import Mender, Path
from gateway.ocpp.oddities import Oddity, oddities
from gateway.ocpp.schemas import MessageSchema, Violation
from gateway.services.stations.station_state import OCPP_16, StationState

_LOOKED_AT = 30  # calls after a connect or a boot
_TRIES = 20  # refusals of one connection for which it is found out what would have helped


class Booting(Protocol):
    """Whoever gives a station the quirks of its kind."""

    def booted(self, state: StationState, vendor: str, model: str, firmware: str | None) -> None:
        """The station has told what it is."""
        ...


class Leniency:
    """Of one connection."""

    __slots__ = ("_booting", "_dialect", "_last_id", "_looks", "_tries")

    def __init__(self, dialect: Dialect, booting: Booting) -> None:
        self._dialect = dialect
        self._booting = booting
        self._looks = _LOOKED_AT
        self._tries = _TRIES
        self._last_id: str | int | None = None

    # --- frames -----------------------------------------------------------------------------------

    def read_again(
        self, state: StationState | None, data: bytes, is_text: bool
    ) -> codec.Message | None:
        """What an unreadable frame was meant to be; None when it stays unreadable."""
        if state is None:
            return None
        again = read_again(data, is_text, self._dialect.kinds, state.quirks.names)
        message, used = again if again is not None else (None, [])
        if message is None or isinstance(message, codec.Malformed):
            self._note(state, q.UNREADABLE_FRAMES, "", "frame")
            self._suggest_for_frame(state, data, is_text)
            return message
        for name in used:
            self._note(state, name, "", "frame")
        return message

    def _suggest_for_frame(self, state: StationState, data: bytes, is_text: bool) -> None:
        if not self._may_try():
            return
        every = [name for name, quirk in q.QUIRKS.items() if quirk.applies is q.Applies.NAMED]
        again = read_again(data, is_text, self._dialect.kinds, every)
        if again is None or isinstance(again[0], codec.Malformed):
            return
        for name in again[1]:
            if name in every and name not in state.quirks.names:
                state.deviations.suggest(name, "", "frame", state.last_seen)

    def numbered(self, state: StationState | None, message_id: str | int) -> None:
        """A CALL came under this id."""
        if message_id == self._last_id and state is not None:
            self._note(state, q.REUSED_IDS, "", "message id")
        self._last_id = message_id

    def unasked(self, state: StationState | None) -> None:
        """An answer came to nothing."""
        if state is not None:
            self._note(state, q.ANSWERS_TO_NOTHING, "", "message id")

    def broken_answer(self, state: StationState | None, action: str, path: Path) -> None:
        """An answer broke its schema."""
        if state is not None:
            self._note(state, q.BROKEN_ANSWERS, action, _text(path))

    # --- payloads ---------------------------------------------------------------------------------

    def rescale(self, state: StationState, action: str, payload: Any) -> None:
        """What must be done before the schema is asked."""
        meaning.rescale(state, payload, lambda name, path: self._note(state, name, action, path))

    def reinterpret(
        self, state: StationState, action: str, schema: MessageSchema, payload: dict[str, Any]
    ) -> None:
        """What is done to a good payload."""
        meaning.reinterpret(
            state,
            action,
            schema,
            payload,
            lambda name, path: self._note(state, name, action, path),
        )

    def mend(
        self, state: StationState, action: str, schema: MessageSchema, payload: Any
    ) -> list[Violation]:
        """Mend a payload that breaks its schema; the violations that are left."""
        original = _copied(payload) if self._may_try() else None
        mender = self._mender(state, action, schema, state.quirks.names)
        left = mender.mend(payload)
        if left:
            self._note(state, q.REFUSED_CALLS, action, _text(left[0].path))
            if original is not None:
                self._suggest(state, action, schema, original)
            return left
        for name, path in mender.forgiven:
            self._note(state, name, action, _text(path))
        for name, path in mender.would_help:
            state.deviations.suggest(name, action, _text(path), state.last_seen)
        return []

    def _mender(
        self, state: StationState, action: str, schema: MessageSchema, quirks: frozenset[str]
    ) -> Mender:
        return Mender(schema, quirks, self._dialect.expendable.get(action), state.last_seen)

    def _suggest(
        self, state: StationState, action: str, schema: MessageSchema, payload: Any
    ) -> None:
        mender = self._mender(state, action, schema, state.quirks.names | OF_SHAPE)
        if mender.mend(payload):
            return
        for name in {name for name, _ in mender.forgiven} & OF_SHAPE - state.quirks.names:
            path = next(path for used, path in mender.forgiven if used == name)
            state.deviations.suggest(name, action, _text(path), state.last_seen)

    def _may_try(self) -> bool:
        """A bound on work for stations that send nothing but nonsense."""
        self._tries -= 1
        return self._tries >= 0

    # --- second look ------------------------------------------------------------------------------

    @property
    def curious(self) -> bool:
        """Whether the next call is looked at in any case."""
        return self._looks > 0

    def look(self, state: StationState, action: str, payload: dict[str, Any]) -> None:
        """Look at a message that was handled: what of it was forgiven."""
        self._looks -= 1
        for oddity in oddities(payload):
            self._take(state, action, oddity)
        if action == "BootNotification":
            self._booted(state, payload)
        elif action == "MeterValues" and state.protocol == OCPP_16:
            meant = meaning.attachable(state, payload)
            if meant is not None:
                state.deviations.suggest(meant[0], action, "transactionId", state.last_seen)
        for name in meaning.wrong_units(state.open.values(), meaning.sampled_values(payload)):
            state.deviations.suggest(name, action, "sampledValue", state.last_seen)

    def _take(self, state: StationState, action: str, oddity: Oddity) -> None:
        if oddity.told is not None:
            state.deviations.clock(oddity.told, state.last_seen, action)
        if oddity.name is not None:
            self._note(state, oddity.name, action, oddity.member)

    def _booted(self, state: StationState, payload: dict[str, Any]) -> None:
        self._looks = _LOOKED_AT
        if state.open:
            self._note(state, q.BOOT_IN_TRANSACTION, "BootNotification", "")
        station = payload.get("chargingStation", payload)
        vendor = station.get("vendorName") or station.get("chargePointVendor") or ""
        model = station.get("model") or station.get("chargePointModel") or ""
        self._booting.booted(state, vendor, model, station.get("firmwareVersion"))

    def _note(self, state: StationState, name: str, action: str, path: str) -> None:
        state.deviations.note(name, action, path, state.last_seen)


def _copied(payload: Any) -> Any:
    """A copy; None of what is too deep for one."""
    try:
        return exact_json.loads(exact_json.dumps(payload))
    except (RecursionError, exact_json.InvalidJSON):
        return None


def _text(path: Path) -> str:
    """A path without its positions, so that alike deviations look alike."""
    return "/".join(step for step in path if isinstance(step, str))
