"""Quirks: what charge points do otherwise than the standard says, by name.

"Standard clause first, named quirk second, loss never" (ocpp-rules 6). Where nothing is lost by
taking what a station means, its message is always taken. Where it could be meant otherwise, it is
taken only for charge points whose operator has named the quirk. Both are counted and shown.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

ALL = ("1.6", "2.0.1", "2.1")
ONLY_16 = ("1.6",)


class Applies(Enum):
    """When a quirk is forgiven."""

    ALWAYS = "always"  # nothing is lost by it
    NAMED = "named"  # only for charge points that have the quirk
    NEVER = "never"  # seen and shown only: the standard's answer is given


@dataclass(frozen=True, slots=True)
class Quirk:
    """One way to deviate. `shown` is what the operator reads of a station that does it."""

    name: str
    applies: Applies
    shown: str
    tolerated: str
    risk: str
    versions: tuple[str, ...] = ALL
    parameter: str | None = None


def _always(name: str, shown: str, tolerated: str, versions: tuple[str, ...] = ALL) -> Quirk:
    return Quirk(name, Applies.ALWAYS, shown, tolerated, "none", versions)


def _named(
    name: str,
    shown: str,
    tolerated: str,
    risk: str,
    versions: tuple[str, ...] = ALL,
    parameter: str | None = None,
) -> Quirk:
    return Quirk(name, Applies.NAMED, shown, tolerated, risk, versions, parameter)


def _seen(name: str, shown: str, tolerated: str, versions: tuple[str, ...] = ALL) -> Quirk:
    return Quirk(name, Applies.NEVER, shown, tolerated, "none", versions)


LOCAL_TIME = "local-time"
LOOSE_TYPES = "loose-types"
LONG_TEXTS = "long-texts"
UNKNOWN_WORDS = "unknown-words"
WRONG_CASE = "wrong-case"
MISSING_MEMBERS = "missing-members"
EXTRA_MEMBERS = "extra-members"
NULL_MEMBERS = "null-members"
EMPTY_LISTS = "empty-lists"
EMPTY_TEXTS = "empty-texts"
BROKEN_ELEMENTS = "broken-elements"
NO_ZONE = "no-zone"
ODD_TIMES = "odd-times"
SPACED_NUMBERS = "spaced-numbers"
DECIMAL_COMMA = "decimal-comma"
EXPONENTS = "exponents"
NO_NUMBERS = "no-numbers"
TRAILING_NULS = "trailing-nuls"
TRAILING_GARBAGE = "trailing-garbage"
NUMERIC_IDS = "numeric-ids"
LONG_IDS = "long-ids"
STRAY_COMMAS = "stray-commas"
UNCLOSED_FRAMES = "unclosed-frames"
BINARY_FRAMES = "binary-frames"
LATIN_1 = "latin-1"
METER_IN_KWH = "meter-in-kwh"
KWH_AS_WH = "kwh-as-wh"
WH_AS_KWH = "wh-as-kwh"
KW_AS_W = "kw-as-w"
W_AS_KW = "w-as-kw"
CONNECTOR_0_METER_VALUES = "connector-0-meter-values"
METER_VALUES_WITHOUT_ID = "meter-values-without-id"
REUSED_IDS = "reused-ids"
BOOT_IN_TRANSACTION = "boot-in-transaction"
BROKEN_ANSWERS = "broken-answers"
ANSWERS_TO_NOTHING = "answers-to-nothing"
UNREADABLE_FRAMES = "unreadable-frames"
REFUSED_CALLS = "refused-calls"
CLOCK_OFF = "clock-off"

QUIRKS: Mapping[str, Quirk] = {
    quirk.name: quirk
    for quirk in (
        # --- always taken ---------------------------------------------------------------------
        _always(EXTRA_MEMBERS, "sends members that its messages do not have", "left out"),
        _always(NULL_MEMBERS, "writes null for what is absent", "taken as absent"),
        _always(EMPTY_LISTS, "sends empty lists for what is absent", "taken as absent"),
        _always(EMPTY_TEXTS, "sends empty texts for what is absent", "taken as absent"),
        _always(
            BROKEN_ELEMENTS,
            "sends meter values with its stop that cannot be read",
            "left out, so that the stop itself is not lost",
            ONLY_16,
        ),
        _always(NO_ZONE, "sends times without a zone", "taken as UTC"),
        _always(ODD_TIMES, "writes times otherwise than RFC 3339", "any ISO 8601 form is read"),
        _always(SPACED_NUMBERS, "writes spaces into numbers", "taken out", ONLY_16),
        _always(DECIMAL_COMMA, "writes a decimal comma", "the last separator counts", ONLY_16),
        _always(EXPONENTS, "writes numbers with an exponent", "read as such", ONLY_16),
        _always(
            NO_NUMBERS,
            "sends texts that are no number as meter values",
            "kept without a value",
            ONLY_16,
        ),
        _always(TRAILING_NULS, "sends NUL or a byte order mark around its frames", "cut off"),
        _always(
            REUSED_IDS,
            "uses a message id again at once",
            "each call is answered; an id never tells one message from another",
        ),
        _always(
            BOOT_IN_TRANSACTION,
            "sends a BootNotification while a transaction runs",
            "the transaction goes on",
        ),
        _always(
            BROKEN_ANSWERS, "answers in a form that breaks the schema", "what can be read is used"
        ),
        # --- seen and shown only ----------------------------------------------------------------
        _seen(ANSWERS_TO_NOTHING, "answers what nobody has asked, or too late", "dropped"),
        _seen(UNREADABLE_FRAMES, "sends frames that are no OCPP message", "refused"),
        _seen(REFUSED_CALLS, "sends calls that break their schema", "refused"),
        _seen(
            CLOCK_OFF,
            "has a wrong clock",
            "times are taken as they are; a status from the future counts as of now",
        ),
        # --- taken when the operator has named it -----------------------------------------------
        _named(
            LOOSE_TYPES,
            "writes numbers as text, or texts and truth values as numbers",
            "converted where the value says the same",
            "a leading zero or a plus sign of a text is lost where a number is wanted",
        ),
        _named(
            LONG_TEXTS,
            "sends texts longer than their field",
            "cut to the field's length",
            "two texts that differ at the end only become one: cards with long ids",
        ),
        _named(
            UNKNOWN_WORDS,
            "uses words that an enumeration does not have",
            "the member is left out, of a sampled value the whole value",
            "what the word said is lost",
        ),
        _named(
            WRONG_CASE,
            "writes names or words in the wrong case",
            "taken as the only name or word that differs in case alone",
            "none known",
        ),
        _named(
            MISSING_MEMBERS,
            "leaves out required members",
            "errorCode NoError, a boot's reason Unknown, vendor and model Unknown, a time: now",
            "a time of an event that is told late is wrong",
        ),
        _named(
            LOCAL_TIME,
            "sends local time",
            "times without a zone, or that claim to be UTC, are of the zone that is named: "
            "local-time:Europe/Amsterdam",
            "times that are UTC after all are wrong by hours; in the hour that comes twice in "
            "autumn a message told late is read as of the later one",
            parameter="zone",
        ),
        _named(
            METER_IN_KWH,
            "counts meterStart and meterStop in kWh",
            "multiplied by 1000",
            "a station that counts in Wh is billed a thousandfold",
            ONLY_16,
        ),
        _named(
            KWH_AS_WH,
            "says Wh, or nothing, of energies in kWh",
            "sampled energies without a unit or in Wh are kWh",
            "a station that means Wh is billed a thousandfold",
        ),
        _named(
            WH_AS_KWH,
            "says kWh of energies in Wh",
            "sampled energies in kWh are Wh",
            "a station that means kWh is billed a thousandth",
        ),
        _named(
            KW_AS_W,
            "says W, or nothing, of powers in kW",
            "sampled powers without a unit or in W are kW",
            "powers are shown a thousandfold",
        ),
        _named(
            W_AS_KW,
            "says kW of powers in W",
            "sampled powers in kW are W",
            "powers are shown as a thousandth",
        ),
        _named(
            CONNECTOR_0_METER_VALUES,
            "sends meter values of connector 0 while one transaction runs",
            "taken as the values of the only running transaction",
            "the meter of connector 0 may be another one than the connector's",
            ONLY_16,
        ),
        _named(
            METER_VALUES_WITHOUT_ID,
            "sends meter values without a transaction id while a transaction runs",
            "taken as the values of the only running transaction of their connector",
            "a value told late may belong to the transaction before",
            ONLY_16,
        ),
        _named(
            NUMERIC_IDS,
            "writes message ids as numbers",
            "taken, and answered with the same number",
            "none known",
        ),
        _named(
            LONG_IDS,
            "uses message ids longer than 36 characters",
            "taken up to 144 characters",
            "none known",
        ),
        _named(
            TRAILING_GARBAGE,
            "sends something behind its messages",
            "the message is read up to the end of its array",
            "a second message in the same frame is lost",
        ),
        _named(
            STRAY_COMMAS,
            "writes commas with nothing between them into its JSON",
            "taken out",
            "none known",
        ),
        _named(
            UNCLOSED_FRAMES,
            "leaves out the closing brackets of its messages",
            "added",
            "a message that was cut is taken for a whole one",
        ),
        _named(BINARY_FRAMES, "sends binary frames", "read as text", "none known"),
        _named(
            LATIN_1,
            "sends text that is not UTF-8",
            "read as ISO 8859-1",
            "other alphabets come out as nonsense",
        ),
    )
}

_UNITS = frozenset({KWH_AS_WH, WH_AS_KWH, KW_AS_W, W_AS_KW, METER_IN_KWH})
_ATTACHING = frozenset({CONNECTOR_0_METER_VALUES, METER_VALUES_WITHOUT_ID})
_AGAINST_EACH_OTHER = ((KWH_AS_WH, WH_AS_KWH), (KW_AS_W, W_AS_KW))

# What a message may be given by hand before its schema is asked again: for suggestions.
OF_SHAPE = frozenset({LOOSE_TYPES, LONG_TEXTS, UNKNOWN_WORDS, WRONG_CASE, MISSING_MEMBERS})


@dataclass(frozen=True, slots=True)
class QuirkRule:
    """Quirks of all charge points of a kind; patterns as `Acme*`, in any case."""

    quirks: tuple[str, ...]
    vendor: str = "*"
    model: str = "*"
    firmware: str = "*"

    def covers(self, vendor: str, model: str, firmware: str | None) -> bool:
        """Whether a station that says this of itself is of the kind."""
        return (
            _matches(self.vendor, vendor)
            and _matches(self.model, model)
            and _matches(self.firmware, firmware or "")
        )


def _matches(pattern: str, text: str) -> bool:
    # [ begins no set of characters here: models are called "EV[2]"
    return fnmatchcase(text.casefold(), re.sub(r"\[", "[[]", pattern.casefold()))


class EffectiveQuirks:
    """The quirks of one connection, ready for use: its own and those of the rules."""

    __slots__ = ("change_meaning", "local_zone", "names")

    def __init__(self, named: Iterable[str] = ()) -> None:
        quirks = [text.partition(":") for text in named]
        self.names = frozenset(name for name, _, _ in quirks)
        self.local_zone: ZoneInfo | None = None
        for name, _, parameter in quirks:
            if name == LOCAL_TIME:
                self.local_zone = _zone(parameter)
        self.change_meaning = bool(self.local_zone or self.names & (_UNITS | _ATTACHING))


def faults(named: Collection[str]) -> list[str]:
    """What is wrong with a list of quirks, in words; empty when it can be used."""
    found: list[str] = []
    names = {text.partition(":")[0] for text in named}
    for text in sorted(named):
        name, _, parameter = text.partition(":")
        quirk = QUIRKS.get(name)
        if quirk is None:
            found.append(f"{name}: no such quirk")
        elif quirk.applies is not Applies.NAMED:
            found.append(f"{name}: cannot be switched on or off")
        elif quirk.parameter and _zone(parameter) is None:
            found.append(f"{name}: needs a time zone, as local-time:Europe/Amsterdam")
        elif parameter and not quirk.parameter:
            found.append(f"{name}: takes no parameter")
    for one, other in _AGAINST_EACH_OTHER:
        if one in names and other in names:
            found.append(f"{one} and {other} contradict each other")
    return found


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # also: ZoneInfoNotFoundError is a KeyError
        return None
    except KeyError:
        return None


def of_rules(
    rules: Iterable[QuirkRule], vendor: str, model: str, firmware: str | None
) -> frozenset[str]:
    """The quirks that all rules together give a station."""
    return frozenset(
        name for rule in rules if rule.covers(vendor, model, firmware) for name in rule.quirks
    )
