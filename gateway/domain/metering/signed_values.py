"""Signed meter values: from what stations deliver to OCPI's SignedData (mod_cdrs 10.4.6, 10.4.7).

OCPP 2.x has SignedMeterValueType. 1.6 has a text of `format` SignedData, which may be the same
object as JSON (Open Charge Alliance, "Signed Meter Values in OCPP", 3.2.1), the data set itself
(OCMF, Alfen, the XML of EDL40 meters), or that in hex or base64. A value is passed on whole or not
at all: half a signature proves nothing.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Any

from gateway.domain.metering import ocmf
from gateway.domain.metering.meter import Reading, ReadingContext
from gateway.domain.metering.public_keys import decoded, public_key
from gateway.domain.metering.signed_encodings import ALFEN_HEADER, encoding_method
from gateway.domain.values import dataclass

MOST_TEXT = 12_000
"""characters of one value as a station delivers it: 5,000 of base64 twice over, and a key"""

MOST_DATA = 5_000
"""characters each (mod_cdrs SignedValue plain_data, signed_data)"""

MOST_IN_ALL = 200_000
"""characters of all values of one CDR; the first and last ones of a transaction go first"""

_WHOLE_WH = Decimal(2)  # one at the begin and one at the end, cut off or rounded

# Two meters, one on each side of a cable, and two readings that are not of one moment, tell
# energies that differ by so much; units mixed up, or another session's register, by far more.
_LOST = Decimal("0.1")
_MOMENTS_WH = Decimal(100)


class Nature(StrEnum):
    """The event that a value belongs to (mod_cdrs 10.4.7)."""

    START = "Start"
    INTERMEDIATE = "Intermediate"
    END = "End"


_ORDER = {nature: number for number, nature in enumerate(Nature)}
_BY_CONTEXT = {ReadingContext.BEGIN: Nature.START, ReadingContext.END: Nature.END}


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the signed values of a transaction amount to.

    `signed_data` is OCPI's object, None where there were none; `left_out` is how many did not fit
    into it. `usable` False: the meter says that its energy is not to be billed.
    """

    signed_data: dict[str, Any] | None = None
    meter_serial: str | None = None
    left_out: int = 0
    energies: tuple[ocmf.Energy, ...] = ()
    usable: bool = True

    def contradicts(self, delivered_wh: Decimal) -> bool:
        """Whether every register that was signed has counted another energy than is billed.

        A charger tells whole Wh (1.6 meterStart, meterStop), a data set as many digits as it has.
        """
        return bool(self.energies) and all(
            abs(one.wh - delivered_wh) > one.give_or_take + _WHOLE_WH for one in self.energies
        )

    def excludes(self, delivered_wh: Decimal) -> bool:
        """Whether no register that was signed can have counted what is billed, losses included."""
        return bool(self.energies) and all(
            abs(one.wh - delivered_wh)
            > one.give_or_take + max(_MOMENTS_WH, _LOST * max(one.wh, delivered_wh))
            for one in self.energies
        )

    @property
    def needs_key(self) -> bool:
        """Whether the values came without the key that they are checked with."""
        return self.signed_data is not None and "public_key" not in self.signed_data


NOTHING_SIGNED = Evidence()


@dataclass(frozen=True, slots=True)
class _Signed:
    nature: Nature
    encoding: str
    plain: str
    data: str
    key: str | None
    data_set: ocmf.DataSet | None

    @property
    def size(self) -> int:
        return len(self.plain) + len(self.data)


def evidence(readings: Iterable[Reading], *, vendor: str = "") -> Evidence:
    """What all readings of a transaction have of signed values, in turn and each of them once.

    One SignedData has one encoding: that of the end, else of the last value.
    """
    told = [
        _signed(sample.signed, sample.context, vendor)
        for reading in sorted(readings, key=lambda one: one.at)
        for sample in reading.samples
        if sample.signed is not None and sample.signed.strip()
    ]
    if not told:
        return NOTHING_SIGNED
    found: dict[str, _Signed] = {}
    for one in told:
        found.setdefault(one.data, one)
    values = list(found.values())
    ends = [one for one in values if one.nature is Nature.END]
    encoding = (ends or values)[-1].encoding
    chosen = _chosen([one for one in values if one.encoding == encoding])
    keys = [one.key for one in told if one.encoding == encoding and one.key is not None]
    data_sets = [one.data_set for one in values if one.data_set is not None]
    serials = [one.meter_serial for one in reversed(data_sets) if one.meter_serial]
    said = [one for data_set in data_sets for one in data_set.readings]
    return Evidence(
        signed_data=_signed_data(encoding, keys, chosen) if chosen else None,
        meter_serial=serials[0] if serials else None,
        left_out=len(values) - len(chosen),
        energies=ocmf.energies(said),
        usable=all(one.usable for one in said if one.begins or one.ends),
    )


def _chosen(values: list[_Signed]) -> list[_Signed]:
    """What fits: the values of start and end first, then those between them as they came."""
    fitting, room = set(), MOST_IN_ALL
    for one in sorted(values, key=lambda one: one.nature is Nature.INTERMEDIATE):
        if max(len(one.plain), len(one.data)) <= MOST_DATA and one.size <= room:
            fitting.add(one.data)
            room -= one.size
    return [one for one in values if one.data in fitting]


def _signed_data(encoding: str, keys: list[str], values: list[_Signed]) -> dict[str, Any]:
    return {
        "encoding_method": encoding,
        **({"public_key": keys[-1]} if keys else {}),
        "signed_values": [
            {
                "nature": one.nature.value,
                "plain_data": _printable(one.plain),
                "signed_data": one.data,
            }
            for one in sorted(values, key=lambda one: _ORDER[one.nature])
        ],
    }


def _signed(text: str, context: ReadingContext, vendor: str) -> _Signed:
    content, stated, key = _opened(text.strip())
    plain, data = _content(content)
    stated = stated or _element(plain, "encodingMethod")
    key = key or _element(plain, "publicKey")
    data_set = ocmf.read(plain)
    return _Signed(
        nature=_nature(context, data_set),
        encoding=encoding_method(plain, stated, vendor),
        plain=plain,
        data=b64encode(data).decode(),
        key=public_key(key),
        data_set=data_set,
    )


def _opened(text: str) -> tuple[str, str | None, str | None]:
    """The signed data, the name of its encoding and the key, of a SignedMeterValueType as JSON.

    Another text is the data itself. Some stations say `signedMeterValue` for signedMeterData.
    """
    if not text.startswith("{"):
        return text, None, None
    try:
        members = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return text, None, None
    data, stated, key = (
        value if isinstance(value, str) and value else None
        for value in (
            members.get("signedMeterData") or members.get("signedMeterValue"),
            members.get("encodingMethod"),
            members.get("publicKey"),
        )
    )
    return (text if data is None else data.strip()), stated, key


def _content(text: str) -> tuple[str, bytes]:
    """The un-encoded text and the bytes that are signed; of opaque bytes, the text as it came."""
    opens_a_text = text.startswith((ocmf.HEADER, ALFEN_HEADER, "<", "{"))
    data = None if opens_a_text else decoded(text)
    if not data:
        return text, text.encode(errors="replace")  # half a surrogate pair is no character
    return _readable(data) or text, data


def _readable(data: bytes) -> str | None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    return text if all(one.isprintable() or one in "\t\r\n" for one in text) else None


def _printable(text: str) -> str:
    """ "Only printable UTF-8 allowed" (types 1.5): a line break is shown as a space.

    What was signed is in signed_data, byte for byte.
    """
    return "".join(one if one.isprintable() else " " for one in text)


def _nature(context: ReadingContext, data_set: ocmf.DataSet | None) -> Nature:
    """By the reading's context; where that says nothing, by the data set's own word.

    Begin and end "in one OCMF container" come as Transaction.End (the paper, 3.1.2).
    """
    if context in _BY_CONTEXT:
        return _BY_CONTEXT[context]
    readings = data_set.readings if data_set is not None else ()
    if any(one.ends for one in readings):
        return Nature.END
    return Nature.START if any(one.begins for one in readings) else Nature.INTERMEDIATE


def _element(xml: str, name: str) -> str | None:
    """The text of an element of an EDL40 meter's XML; read by pattern, for a parser opens more."""
    if not xml.startswith("<"):
        return None
    found = re.search(rf"<{name}(?:\s[^>]*)?>([^<]*)</{name}>", xml)
    return found.group(1).strip() if found else None
