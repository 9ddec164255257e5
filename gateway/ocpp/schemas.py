"""The OCPP message schemas, compiled once each, and the only module that touches `ocpp`.

The files are the ones that the `ocpp` package ships for its own use. Values are those of
`gateway.exact_json`: `Decimal` counts as a number, and a number with a zero fraction as an integer.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any

import jsonschema_rs


class Rule(Enum):
    """Which of the OCPP-J error classes a violation belongs to."""

    FORMAT = "format"  # not conform the PDU structure
    OCCURRENCE = "occurrence"
    PROPERTY = "property"
    TYPE = "type"


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which a payload breaks its schema.

    `path` leads to the value; `expected` is the keyword's own value in the schema, or the names
    of the members that the schema does not know.
    """

    keyword: str
    path: tuple[str | int, ...]
    message: str
    expected: Any

    @property
    def rule(self) -> Rule:
        """The error class; a payload that is no object at all is no PDU."""
        if not self.path and self.keyword == "type":
            return Rule.FORMAT
        return _RULES.get(self.keyword, Rule.PROPERTY)

    def __str__(self) -> str:
        where = "/".join(map(str, self.path))
        return f"{where}: {self.message}" if where else self.message


# Every keyword that is not here restricts a value: PropertyConstraintViolation.
_RULES = {
    "type": Rule.TYPE,
    "required": Rule.OCCURRENCE,
    "minItems": Rule.OCCURRENCE,
    "maxItems": Rule.OCCURRENCE,
    "additionalProperties": Rule.FORMAT,
    "nesting": Rule.FORMAT,
}

# The validator follows a value 255 levels deep and raises ValueError beyond; no message is so deep.
_UNCHECKED = Violation("nesting", (), "nested too deeply", None)


# List items of a payload of which every fault is told; of a larger one it is one.
# A frame of a megabyte holds 300,000 faults, which would stop the event loop for seconds.
MOST_ITEMS = 10_000

# Stands for the value in what is said of it: it may be a password, and messages are logged.
_NO_VALUES = "this"


class MessageSchema:
    """One request's or response's schema."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        # Formats stay out of what we receive: times without a zone are real (ocpp-rules 6).
        is_valid = jsonschema_rs.Draft7Validator(document, validate_formats=False).is_valid

        def valid(payload: Any) -> bool:
            try:
                return is_valid(payload)
            except ValueError:  # see `_UNCHECKED`
                return False

        self.valid = valid

    @cached_property
    def _received(self) -> jsonschema_rs.Draft7Validator:
        return jsonschema_rs.Draft7Validator(self.document, validate_formats=False, mask=_NO_VALUES)

    @cached_property
    def _sent(self) -> jsonschema_rs.Draft7Validator:
        return jsonschema_rs.Draft7Validator(self.document, validate_formats=True, mask=_NO_VALUES)

    def violations(self, payload: Any) -> list[Violation]:
        """What is wrong with a received payload, in short if it is large; empty when valid."""
        return _violations(self._received, payload)

    def faults(self, payload: Any) -> list[Violation]:
        """What is wrong with a payload that we are to send: formats count too."""
        return _violations(self._sent, payload)

    def ordered(self, payload: Any) -> Any:
        """The payload with its members in the schema's order, which home-made parsers expect."""
        return self._in_order(payload, self.document)

    def members(self, path: Iterable[str | int]) -> frozenset[str]:
        """The names that an object at this path may have."""
        schema = self._resolved(self.document)
        for step in path:
            schema = schema.get("items", {}) if isinstance(step, int) else _member(schema, step)
            schema = self._resolved(schema)
        return frozenset(schema.get("properties", ()))

    def times(self, payload: Any) -> Iterator[tuple[dict[str, Any], str]]:
        """Every member of a good payload that is a date and time, as its holder and name."""
        return self._times(payload, self.document)

    def _times(self, value: Any, schema: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
        schema = self._resolved(schema)
        if isinstance(value, list):
            for item in value:
                yield from self._times(item, schema.get("items", {}))
        elif isinstance(value, dict):
            for name, declared in schema.get("properties", {}).items():
                if name in value and declared.get("format") == "date-time":
                    yield value, name
                elif name in value:
                    yield from self._times(value[name], declared)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self.document["definitions"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _in_order(self, value: Any, schema: Mapping[str, Any]) -> Any:
        schema = self._resolved(schema)
        if isinstance(value, list):
            return [self._in_order(item, schema.get("items", {})) for item in value]
        if not isinstance(value, dict):
            return value
        properties = schema.get("properties", {})
        names = [name for name in properties if name in value]
        names += [name for name in value if name not in properties]
        return {name: self._in_order(value[name], properties.get(name, {})) for name in names}


def _member(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    declared: Mapping[str, Any] = schema.get("properties", {}).get(name, {})
    return declared


def _violations(validator: jsonschema_rs.Draft7Validator, payload: Any) -> list[Violation]:
    try:
        if not _is_large(payload):
            return [_violation(error) for error in validator.iter_errors(payload)]
        validator.validate(payload)
    except jsonschema_rs.ValidationError as error:
        return [_violation(error)]
    except ValueError:
        return [_UNCHECKED]
    return []


def _is_large(payload: Any) -> bool:
    """Whether its lists have more than `MOST_ITEMS` items."""
    count, rest = 0, [payload]
    while rest and count <= MOST_ITEMS:
        value = rest.pop()
        if isinstance(value, list):
            count += len(value)
            rest.extend(one for one in value if isinstance(one, dict | list))
        elif isinstance(value, dict):
            rest.extend(one for one in value.values() if isinstance(one, dict | list))
    return count > MOST_ITEMS


def _violation(error: jsonschema_rs.ValidationError) -> Violation:
    kind = error.kind
    return Violation(kind.name, tuple(error.instance_path), error.message, kind.value)


class Schemas:
    """All messages of one OCPP version, read and compiled when first asked for."""

    def __init__(self, package: str, request_suffix: str) -> None:
        self._folder = files("ocpp") / package / "schemas"
        names = {file.name.removesuffix(".json") for file in self._folder.iterdir()}
        self._file_names = {
            response.removesuffix("Response"): response.removesuffix("Response") + request_suffix
            for response in names
            if response.endswith("Response")
        }
        answered = {response for response in names if response.endswith("Response")}
        self._unconfirmed_names = names - answered - set(self._file_names.values())
        self._unconfirmed: dict[str, MessageSchema] = {}
        self._requests: dict[str, MessageSchema] = {}
        self._responses: dict[str, MessageSchema] = {}

    @property
    def actions(self) -> frozenset[str]:
        """Every action of this version, whoever may send it."""
        return frozenset(self._file_names)

    @property
    def unconfirmed_actions(self) -> frozenset[str]:
        """What is sent without a response: 2.1's "messages not ending in Request or Response"."""
        return frozenset(self._unconfirmed_names)

    def unconfirmed(self, action: str) -> MessageSchema | None:
        """The schema of a SEND's payload; None if this version has no such message."""
        known = self._unconfirmed.get(action)
        if known is None and action in self._unconfirmed_names:
            known = self._unconfirmed[action] = self._load(action)
        return known

    def request(self, action: str) -> MessageSchema | None:
        """The schema of an action's request; None if this version has no such action."""
        known = self._requests.get(action)
        if known is None and action in self._file_names:
            known = self._requests[action] = self._load(self._file_names[action])
        return known

    def response(self, action: str) -> MessageSchema | None:
        """The schema of an action's response; None if this version has no such action."""
        known = self._responses.get(action)
        if known is None and action in self._file_names:
            known = self._responses[action] = self._load(f"{action}Response")
        return known

    def _load(self, name: str) -> MessageSchema:
        # Some of the files begin with a byte order mark.
        text = (self._folder / f"{name}.json").read_text(encoding="utf-8-sig")
        return MessageSchema(json.loads(text))


@lru_cache
def v16() -> Schemas:
    """OCPP 1.6, with the messages of the security white paper."""
    return Schemas("v16", request_suffix="")


@lru_cache
def v201() -> Schemas:
    """OCPP 2.0.1."""
    return Schemas("v201", request_suffix="Request")


@lru_cache
def v21() -> Schemas:
    """OCPP 2.1."""
    return Schemas("v21", request_suffix="Request")
