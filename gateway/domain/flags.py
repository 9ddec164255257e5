"""What may be odd about a transaction, in the words that operators see."""

from gateway.domain.energy import STOP_BELOW_READING, WENT_BACK

NO_LOCATION = "no location for this EVSE"
START_MISSING = "start missing"
END_MISSING = "end missing"
CLOCK_WRONG = "start or end cannot be right"
EVENTS_MISSING = "events missing"
NOT_COUNTING = "does not count its events"
START_UNREAD = "energy counted from the first reading, after the start"
SUPERSEDED = "superseded by a new start"
CLOSED_BY_OPERATOR = "closed by the operator"
STOP_FOUND = "stop found by its token"
LATE = "an event came after the bill"
ID_REUSED = "transaction id used again"
TOKEN_REFUSED = "token refused"  # noqa: S105 - the word for what happened, no secret
ENERGY_UNPAID = "energy delivered on a refused token"
TOKEN_CHANGED = "another token was presented"  # noqa: S105 - as above
STATION_COST_DIFFERS = "station's own cost differs"
NO_METER_VALUE = "no meter value"
TOO_MANY_EVENTS = "too many events"
NOT_PRICED = "cannot be priced"

# With one of these the energy, the time or the place is not known: the CDR is held.
HOLDING = frozenset(
    {
        NO_LOCATION,
        START_MISSING,
        END_MISSING,
        CLOCK_WRONG,
        WENT_BACK,
        NO_METER_VALUE,
        TOO_MANY_EVENTS,
    }
)

# What the story itself says: found again whenever it is told again. The others stay.
TOLD = frozenset(
    {
        START_MISSING,
        CLOCK_WRONG,
        WENT_BACK,
        NO_METER_VALUE,
        STOP_BELOW_READING,
        NOT_COUNTING,
        START_UNREAD,
        ENERGY_UNPAID,
        TOKEN_CHANGED,
    }
)

ALL = (
    HOLDING
    | TOLD
    | {
        EVENTS_MISSING,
        SUPERSEDED,
        CLOSED_BY_OPERATOR,
        STOP_FOUND,
        LATE,
        ID_REUSED,
        TOKEN_REFUSED,
        STATION_COST_DIFFERS,
        NOT_PRICED,
    }
)
