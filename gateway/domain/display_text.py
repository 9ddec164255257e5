"""A text for a driver to read, in a language."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DisplayText:
    """OCPI DisplayText; at most 512 characters, as many as OCPP 2.0.1 can carry."""

    language: str
    text: str
