"""Frames as charge points send them, and as nobody should: valid by schema, then spoiled.

Everything comes from one `random.Random`, so a seed gives the same frames again. Ids, tokens and
times come from small pools: what a gateway must remember of them stays bounded.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from random import Random
from typing import Any

from gateway.ocpp import schemas

VERSIONS: Mapping[str, schemas.Schemas] = {
    "ocpp1.6": schemas.v16(),
    "ocpp2.0.1": schemas.v201(),
    "ocpp2.1": schemas.v21(),
}

_TEXTS = ("TAG1", "1", "-1", "üñí", "", "2026-03-02T10:00:00Z")
_TIMES = ("2026-03-02T10:00:00Z", "2026-03-02T11:00:00", "2026-03-02T12:00:00+02:00")
_NUMBERS = (0, 1, 2)
_ODD_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e-7, 2**63, 2**64, -(10**30), "", "1", "1,5", "NaN", "true",
    [], {}, [[]], {"": None}, "x" * 300, "x" * 20_000, "\u0000", "\U0001f50c", "ACCEPTED",
    "2026-02-30T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
)  # fmt: skip
_RAW = (
    "NaN", "Infinity", "-Infinity", "1e999999", "-1e-999999", "1" * 5_000, "0x10", "01", "1.",
    '"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', "[" * 3_000 + "]" * 3_000, "[" * 100_000,
    '{"a":' * 500 + "1" + "}" * 500, '{"a":1,"a":2}', '{"timestamp":1,"timestamp":"x"}',
    "undefined", "'x'", "/**/1", "1E400", "-0", "-0.0e5",
)  # fmt: skip
_MARK = "@raw@"

# How most actions that only we may send begin: they are refused before anything is looked at.
_OURS = (
    "Cancel", "Certificate", "Change", "Clear", "Cost", "Customer", "Delete", "Get", "Install",
    "Publish", "Remote", "RequestSt", "Reserve", "Reset", "Send", "Set", "SignedUpdate",
    "Trigger", "Unlock", "Unpublish", "Update", "AdjustPeriodic", "AFRR", "ExtendedTrigger",
    "ChangeTransaction", "UsePriority", "RequestBattery", "OpenPeriodic", "ClosePeriodic",
)  # fmt: skip


class FrameSource:
    """An endless source of frames of one version."""

    def __init__(self, protocol: str, random: Random) -> None:
        self._schemas = VERSIONS[protocol]
        self._random = random
        self._actions = sorted(self._schemas.actions)
        self._for_stations = [one for one in self._actions if not one.startswith(_OURS)]
        self._sent = 0

    def frame(self) -> bytes:
        """The next frame: one in five is left as it is."""
        self._sent += 1
        among = self._actions if self._random.random() < 0.1 else self._for_stations
        action = self._random.choice(among)
        parts: list[Any] = [2, f"f{self._sent % 50}", action, self.payload(action)]
        raw = None
        for _ in range(self._random.choice((0, 1, 1, 1, 3))):
            raw = self._spoil(parts) or raw
        text = json.dumps(parts, separators=(",", ":"), ensure_ascii=self._random.random() < 0.5)
        if raw is not None:
            text = text.replace(f'"{_MARK}"', raw)
        data = text.encode("utf-8", "surrogatepass")
        if self._random.random() < 0.15:
            data = self._random.choice(_BYTES)(self._random, data)
        return data

    def payload(self, action: str) -> Any:
        """A payload that its schema passes."""
        schema = self._schemas.request(action)
        assert schema is not None
        return self._value(schema.document, schema.document, 0)

    def _value(self, schema: Mapping[str, Any], document: Mapping[str, Any], depth: int) -> Any:
        random = self._random
        while "$ref" in schema:
            schema = document["definitions"][schema["$ref"].rpartition("/")[2]]
        if "enum" in schema:
            return random.choice(schema["enum"])
        match schema.get("type"):
            case "object":
                return self._object(schema, document, depth)
            case "array":
                least = schema.get("minItems", 0)
                length = least if depth > 6 else max(least, random.choice((1, 1, 2)))
                length = min(length, schema.get("maxItems", length))
                return [self._value(schema["items"], document, depth + 1) for _ in range(length)]
            case "integer":
                whole = max(random.choice(_NUMBERS), schema.get("minimum", 0))
                return min(whole, schema.get("maximum", whole))
            case "number":
                number = random.choice((0.0, 0.5, 1.5, 16.0, 100))
                return min(
                    max(number, schema.get("minimum", number)), schema.get("maximum", number)
                )
            case "boolean":
                return random.random() < 0.5
            case "string" if schema.get("format") == "date-time":
                return random.choice(_TIMES)
        return random.choice(_TEXTS)[: schema.get("maxLength", 50)]

    def _object(self, schema: Mapping[str, Any], document: Mapping[str, Any], depth: int) -> Any:
        required = schema.get("required", ())
        return {
            name: self._value(declared, document, depth + 1)
            for name, declared in schema.get("properties", {}).items()
            if name in required or (depth < 5 and self._random.random() < 0.4)
        }

    # --- spoiling ---------------------------------------------------------------------------------

    def _spoil(self, parts: list[Any]) -> str | None:
        """Spoil one thing in place; a text that is to replace the mark, if it put one."""
        random = self._random
        if len(parts) < 4 or random.random() < 0.2:
            return random.choice(_OF_FRAMES)(random, parts)
        holder, name = self._place(parts)
        kind = random.random()
        if kind < 0.15:
            holder[name] = _MARK
            return random.choice(_RAW)
        if kind < 0.4:
            holder[name] = deepcopy(random.choice(_ODD_VALUES))
        elif kind < 0.55:
            del holder[name]
        elif kind < 0.7 and isinstance(holder, dict):
            holder[random.choice(("Extra", "timestamp", "value", str(name).upper(), ""))] = 1
        elif kind < 0.85:
            holder[name] = _other_type(holder[name])
        elif isinstance(holder, dict):
            holder[str(name).swapcase()] = holder.pop(name)
        else:
            holder[name] = [holder[name]]
        return None

    def _place(self, parts: list[Any]) -> tuple[Any, Any]:
        """Somewhere in the frame, mostly in its payload."""
        holder: Any = parts
        name: Any = len(parts) - 1
        while self._random.random() < 0.75:
            inner = holder[name]
            if not isinstance(inner, dict | list) or not inner:
                break
            holder = inner
            name = self._random.choice(
                list(inner) if isinstance(inner, dict) else range(len(inner))
            )
        return holder, name


def _other_type(value: Any) -> Any:
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() else [value]
    return str(value) if not isinstance(value, dict | list) else json.dumps(value)


def _kind(random: Random, parts: list[Any]) -> str | None:
    if parts:
        parts[0] = random.choice((0, 1, 3, 4, 5, 6, 7, -2, "2", 2.0, None, [2], 2**70, True))
    return None


def _id(random: Random, parts: list[Any]) -> str | None:
    if len(parts) > 1:
        parts[1] = random.choice(("", "i" * 37, "i" * 500, 7, None, {}, "-1", "\u0000", 1e300))
    return None


def _action(random: Random, parts: list[Any]) -> str | None:
    if len(parts) > 2:
        parts[2] = random.choice(("", "heartbeat", "Reset", "X" * 5_000, {}, None, 3, "__class__"))
    return None


def _length(random: Random, parts: list[Any]) -> str | None:
    if random.random() < 0.5:
        del parts[random.randrange(len(parts) + 1) :]
    else:
        parts.extend([None] * random.randrange(1, 4))
    return None


_OF_FRAMES: tuple[Callable[[Random, list[Any]], str | None], ...] = (_kind, _id, _action, _length)


def _cut(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _flipped(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.randbytes(1) + data[at + 1 :]


def _inserted(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.randbytes(random.randrange(1, 5)) + data[at:]


def _around(random: Random, data: bytes) -> bytes:
    return random.choice((data + b"\0", b"\xef\xbb\xbf" + data, data + data, data + b"\r\n]"))


def _noise(random: Random, _data: bytes) -> bytes:
    return random.randbytes(random.randrange(200))


_BYTES: tuple[Callable[[Random, bytes], bytes], ...] = (_cut, _flipped, _inserted, _around, _noise)
