"""Which settings a station is wanted to have, and what is to be done about those it has.

Wishes come from four places, and the later one counts: what roaming needs (the tables below), the
operator's baseline for all stations of a party, for a vendor or model, and for one station. A
wish of None leaves the setting as the station has it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fnmatch import fnmatchcase

from gateway.domain.configuration import TAKEN, UNKNOWN, Written, folded


class Kind(StrEnum):
    """How the value of a setting is compared with the one that is wanted."""

    TEXT = "text"  # as numbers where both are, else without regard to case
    LIST = "list"  # comma-separated: as sets
    AT_LEAST = "at least"  # a list that may hold more; what it has stays
    AT_MOST = "at most"  # a number above 0: a smaller one stays


LISTS = (Kind.LIST, Kind.AT_LEAST)


class Source(StrEnum):
    """Whose wish it is."""

    ROAMING = "roaming"
    ALL = "baseline"
    MODEL = "model"
    STATION = "station"


class State(StrEnum):
    """What became of a wish."""

    AS_WANTED = "as wanted"
    SET = "set"
    SET_IN_PART = "set in part"  # a list, of which the station refuses some
    REBOOT_REQUIRED = "reboot required"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # the station has no such setting
    UNANSWERED = "unanswered"
    NOT_ASKED = "not asked yet"


@dataclass(frozen=True, slots=True)
class Wish:
    """A setting as it is wanted, and why."""

    name: str
    value: str
    reason: str
    kind: Kind = Kind.TEXT
    source: Source = Source.ROAMING


_ENERGY = "Energy.Active.Import.Register"
# in the order of what they are worth to a driver and a bill: a station that refuses some loses
# the last ones first
_MEASURANDS = f"{_ENERGY},Power.Active.Import,SoC"

_SAMPLES = "a partner's driver sees the session grow at least once a minute"
_ENERGY_WANTED = "a session and its CDR are billed by this register"
_MEASURED = "OCPI sessions carry energy, power and state of charge"
_ALIGNED = "a price that changes with the clock is billed by a reading taken at that quarter"
_INVALID = "who may not charge, by the word of the token's owner, does not go on charging"
_REMOTE = "a remotely started driver was authorized by the token's owner already"
_OFFLINE = "tokens that their owners allow offline start while the link is down"
_UNKNOWN_ID = "nobody pays for a token that nobody knows"
_PRE_AUTHORIZE = "while the link is up, the token's owner decides"
_UNPLUGGED = "a session ends when the cable is out, else the next driver pays for it"
_TIME_OUT = "a socket that was promised to a driver who does not come is free again"
_PING = "an idle link is kept open through routers, and found dead when it is"
_ATTEMPTS = "a transaction is told again after an outage instead of being dropped"

# HeartbeatInterval is not here: the answer to BootNotification sets it, in both versions.
ROAMING_16: tuple[Wish, ...] = (
    Wish("MeterValueSampleInterval", "60", _SAMPLES, Kind.AT_MOST),
    Wish("MeterValuesSampledData", _MEASURANDS, _MEASURED, Kind.AT_LEAST),
    Wish("StopTxnSampledData", _ENERGY, _ENERGY_WANTED, Kind.AT_LEAST),
    Wish("ClockAlignedDataInterval", "900", _ALIGNED),
    Wish("MeterValuesAlignedData", _ENERGY, _ENERGY_WANTED, Kind.AT_LEAST),
    Wish("StopTransactionOnInvalidId", "true", _INVALID),
    Wish("StopTransactionOnEVSideDisconnect", "true", _UNPLUGGED),
    Wish("AuthorizeRemoteTxRequests", "false", _REMOTE),
    Wish("LocalAuthorizeOffline", "true", _OFFLINE),
    Wish("AllowOfflineTxForUnknownId", "false", _UNKNOWN_ID),
    Wish("LocalPreAuthorize", "false", _PRE_AUTHORIZE),
    Wish("ConnectionTimeOut", "120", _TIME_OUT),
    Wish("WebSocketPingInterval", "60", _PING),
    Wish("TransactionMessageAttempts", "10", _ATTEMPTS),
    Wish("TransactionMessageRetryInterval", "60", _ATTEMPTS),
)

ROAMING_2X: tuple[Wish, ...] = (
    Wish("SampledDataCtrlr.TxStartedMeasurands", _ENERGY, _ENERGY_WANTED, Kind.AT_LEAST),
    Wish("SampledDataCtrlr.TxUpdatedMeasurands", _MEASURANDS, _MEASURED, Kind.AT_LEAST),
    Wish("SampledDataCtrlr.TxUpdatedInterval", "60", _SAMPLES, Kind.AT_MOST),
    Wish("SampledDataCtrlr.TxEndedMeasurands", _ENERGY, _ENERGY_WANTED, Kind.AT_LEAST),
    Wish("AlignedDataCtrlr.Measurands", _ENERGY, _ENERGY_WANTED, Kind.AT_LEAST),
    Wish("AlignedDataCtrlr.Interval", "900", _ALIGNED),
    Wish(
        "TxCtrlr.TxStartPoint",
        "PowerPathClosed",
        "as in 1.6, a transaction begins when a car is plugged in and its driver may charge",
        Kind.LIST,
    ),
    Wish(
        "TxCtrlr.TxStopPoint",
        "PowerPathClosed",
        "as in 1.6, a transaction ends when the driver ends it or the cable is out",
        Kind.LIST,
    ),
    Wish("TxCtrlr.StopTxOnInvalidId", "true", _INVALID),
    Wish("TxCtrlr.StopTxOnEVSideDisconnect", "true", _UNPLUGGED),
    Wish("TxCtrlr.EVConnectionTimeOut", "120", _TIME_OUT),
    Wish("AuthCtrlr.AuthorizeRemoteStart", "false", _REMOTE),
    Wish("AuthCtrlr.LocalAuthorizeOffline", "true", _OFFLINE),
    Wish("AuthCtrlr.OfflineTxForUnknownIdEnabled", "false", _UNKNOWN_ID),
    Wish("AuthCtrlr.LocalPreAuthorize", "false", _PRE_AUTHORIZE),
    Wish("OCPPCommCtrlr.WebSocketPingInterval", "60", _PING),
    Wish("OCPPCommCtrlr.MessageAttempts[TransactionEvent]", "10", _ATTEMPTS),
    Wish("OCPPCommCtrlr.MessageAttemptInterval[TransactionEvent]", "60", _ATTEMPTS),
)

Settings = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ModelBaseline:
    """Wishes for a vendor's stations; both are patterns with `*` and `?`, case is ignored."""

    vendor: str
    model: str = "*"
    settings_16: dict[str, str | None] = field(default_factory=dict)
    settings_2x: dict[str, str | None] = field(default_factory=dict)

    def fits(self, vendor: str, model: str) -> bool:
        """Whether a station of this vendor and model is meant."""
        pairs = ((vendor, self.vendor), (model, self.model))
        return all(fnmatchcase(folded(text), folded(pattern)) for text, pattern in pairs)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The operator's wishes for all stations of a party, and for some vendors or models."""

    settings_16: dict[str, str | None] = field(default_factory=dict)
    settings_2x: dict[str, str | None] = field(default_factory=dict)
    models: tuple[ModelBaseline, ...] = ()


def wishes(
    baseline: Baseline, own: Settings, *, is_16: bool, vendor: str = "", model: str = ""
) -> list[Wish]:
    """What is wanted of one station; `own` is the operator's baseline for it alone."""
    found = {folded(wish.name): wish for wish in (ROAMING_16 if is_16 else ROAMING_2X)}
    layers = [(Source.ALL, baseline.settings_16 if is_16 else baseline.settings_2x)]
    layers += [
        (Source.MODEL, one.settings_16 if is_16 else one.settings_2x)
        for one in baseline.models
        if one.fits(vendor, model)
    ]
    for source, settings in [*layers, (Source.STATION, dict(own))]:
        for name, value in settings.items():
            known = found.pop(folded(name), None)
            if value is not None:
                found[folded(name)] = _wish(name, value, source, known)
    return list(found.values())


def _wish(name: str, value: str, source: Source, known: Wish | None) -> Wish:
    """The operator's wish: a list is to be just what he says."""
    is_list = "," in value or (known is not None and known.kind in LISTS)
    return Wish(name, value, "the operator's", Kind.LIST if is_list else Kind.TEXT, source)


def items(value: str) -> list[str]:
    """The members of a list-valued setting, in order, each once."""
    return list(dict.fromkeys(part.strip() for part in value.split(",") if part.strip()))


def satisfied(wish: Wish, value: str) -> bool:
    """Whether a station that has `value` has what is wanted."""
    if wish.kind is Kind.TEXT:
        return _same_text(wish.value, value)
    if wish.kind is Kind.AT_MOST:
        return _is_at_most(wish.value, value)
    wanted, has = ({folded(one) for one in items(text)} for text in (wish.value, value))
    return wanted <= has if wish.kind is Kind.AT_LEAST else wanted == has


def to_write(wish: Wish, value: str | None) -> str:
    """What to write to a station that has `value`."""
    if wish.kind is not Kind.AT_LEAST or not value:
        return wish.value
    wanted = items(wish.value)
    known = {folded(one) for one in wanted}
    return ",".join([*wanted, *(one for one in items(value) if folded(one) not in known)])


def _same_text(wanted: str, value: str) -> bool:
    try:
        return Decimal(wanted.strip()) == Decimal(value.strip())
    except InvalidOperation:
        return folded(wanted) == folded(value)


def _is_at_most(most: str, value: str) -> bool:
    try:
        return 0 < Decimal(value.strip()) <= Decimal(most)
    except InvalidOperation:
        return False


def state_after(word: str) -> State:
    """What the station's word for a written setting means."""
    if word == Written.REBOOT_REQUIRED:
        return State.REBOOT_REQUIRED
    if word in TAKEN:
        return State.SET
    return State.UNKNOWN if word in UNKNOWN else State.REFUSED


@dataclass(frozen=True, slots=True)
class Outcome:
    """A wish and what became of it; `answer` is the station's own word, where it gave one.

    `value` is what the station has now, as far as we know; None: it does not show it.
    """

    name: str
    value: str | None
    wanted: str
    source: Source
    reason: str
    state: State
    answer: str | None = None


def outcome(wish: Wish, value: str | None, state: State, answer: str | None = None) -> Outcome:
    """What became of a wish."""
    return Outcome(wish.name, value, wish.value, wish.source, wish.reason, state, answer)


def is_settled(outcomes: Iterable[Outcome]) -> bool:
    """Whether the station has said its word to every wish."""
    return all(one.state is not State.UNANSWERED for one in outcomes)
