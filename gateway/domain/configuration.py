"""A station's settings: how we name them, and the commands that read and write them.

In 1.6 a name is a configuration key. In 2.x it names one attribute of a variable of the device
model, spelled `Component.Variable`, and in full

    Component[instance].Variable[instance]@evse.connector#Attribute

of which everything but the component and the variable may be left out: no attribute is Actual, no
EVSE is the station itself. Where a part itself holds one of `.[]@#%` that character is
percent-encoded. Names are compared without regard to case, as the standards compare both.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, unquote

from gateway.domain.commands import Command


class Attribute(StrEnum):
    """AttributeEnumType of 2.x."""

    ACTUAL = "Actual"
    TARGET = "Target"
    MIN_SET = "MinSet"
    MAX_SET = "MaxSet"


@dataclass(frozen=True, slots=True)
class VariableName:
    """One attribute of one variable of a 2.x device model. `connector` only with an `evse`."""

    component: str
    variable: str
    component_instance: str | None = None
    variable_instance: str | None = None
    evse: int | None = None
    connector: int | None = None
    attribute: Attribute = Attribute.ACTUAL

    def __str__(self) -> str:
        """The shortest spelling that `parse` reads back."""
        component = _part(self.component, self.component_instance)
        variable = _part(self.variable, self.variable_instance)
        evse = "" if self.evse is None else f"@{self.evse}"
        connector = "" if self.evse is None or self.connector is None else f".{self.connector}"
        attribute = "" if self.attribute is Attribute.ACTUAL else f"#{self.attribute.value}"
        return f"{component}.{variable}{evse}{connector}{attribute}"

    @classmethod
    def parse(cls, text: str) -> "VariableName":
        """Read a spelling. Raises `ValueError`."""
        found = _SPELLING.fullmatch(text)
        if found is None:
            raise ValueError(f"{text[:100]!r} is not spelled Component.Variable")
        component, component_instance, variable, variable_instance, evse, connector, attribute = (
            found.groups()
        )
        return cls(
            unquote(component),
            unquote(variable),
            None if component_instance is None else unquote(component_instance),
            None if variable_instance is None else unquote(variable_instance),
            None if evse is None else int(evse),
            None if connector is None else int(connector),
            _attribute(attribute),
        )


_NAME = r"([^.\[\]@#]+)(?:\[([^.\[\]@#]*)\])?"
_SPELLING = re.compile(
    rf"{_NAME}\.{_NAME}(?:@([0-9]{{1,9}})(?:\.([0-9]{{1,9}}))?)?(?:#([A-Za-z]+))?"
)
# `quote` keeps these as they are besides letters, digits and `_.-~`; the dot is encoded after.
_PLAIN = " !\"$&'()*+,/:;<=>?\\^`{|}"


def _part(name: str, instance: str | None) -> str:
    return _escape(name) if instance is None else f"{_escape(name)}[{_escape(instance)}]"


def _escape(text: str) -> str:
    return quote(text, safe=_PLAIN).replace(".", "%2E")


def _attribute(text: str | None) -> Attribute:
    if text is None:
        return Attribute.ACTUAL
    for attribute in Attribute:
        if attribute.value.lower() == text.lower():
            return attribute
    raise ValueError(f"no attribute {text[:50]!r}")


_SECRET = re.compile(r"password|passwd|secret|authorizationkey|privatekey", re.IGNORECASE)


def is_secret(name: str) -> bool:
    """Whether a setting of this name holds what nobody may read."""
    return _SECRET.search(name) is not None


def folded(name: str) -> str:
    """The form in which two names of settings are compared."""
    return name.strip().casefold()


class Written(StrEnum):
    """What a station may answer to one setting; it may have other words of its own."""

    ACCEPTED = "Accepted"
    REBOOT_REQUIRED = "RebootRequired"
    REJECTED = "Rejected"
    NOT_SUPPORTED = "NotSupported"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"


TAKEN = frozenset({Written.ACCEPTED, Written.REBOOT_REQUIRED})
"""The answers after which the station has the value, now or from its next boot."""

UNKNOWN = frozenset(
    {
        Written.NOT_SUPPORTED,
        Written.UNKNOWN_COMPONENT,
        Written.UNKNOWN_VARIABLE,
        Written.NOT_SUPPORTED_ATTRIBUTE_TYPE,
    }
)
"""The answers which say that the station has no such setting."""


@dataclass(frozen=True, slots=True)
class ReadSettings(Command):
    """Read settings in one CALL; none named: all of them, which 1.6 alone can answer.

    The reply's data: `values` {name: text}, `unknown` [names that the station does not have],
    `readonly` [names that it says cannot be written; only 1.6 tells], `refused` {name: its word}
    for what it has and does not show. Names come back as they were asked. Whoever may need more
    than one CALL goes through `services.settings_access`.
    """

    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WriteSettings(Command):
    """Write settings in one CALL; 1.6 takes one at a time.

    The reply's data: `results` {name: the station's own word, see `Written`}. The outcome is
    ACCEPTED when every one was taken, be it from the next boot; `status` is the word that tells
    most: a refusal before RebootRequired before Accepted. Whoever may need more than one CALL
    goes through `services.settings_access`.
    """

    values: dict[str, str]
