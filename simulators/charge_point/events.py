"""What a station tells about itself, one event at a time, ready to be one JSON line each."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulators.charge_point.clock import wire_time


@dataclass(frozen=True)
class Event:
    """`at` is real time; the fields may carry the station's own timestamps."""

    name: str
    station: str
    version: str
    at: datetime
    fields: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {
            "event": self.name,
            "station": self.station,
            "version": self.version,
            "at": wire_time(self.at),
            **self.fields,
        }


EventSink = Callable[[Event], None]
