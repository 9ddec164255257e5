"""What may be odd about a transaction, in the words that operators see."""

from gateway.domain.metering.energy import STOP_BELOW_READING, WENT_BACK

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
NO_TARIFF = "no tariff of its connector is for this session"
STOP_UNREAD = "no meter value at its end"
BEYOND_POWER = "more energy than the connector can deliver"
CLOCK_JUMPED = "clock jumped during the transaction"
METER_ERROR = "its meter says that its energy is not to be billed"
SIGNED_DIFFERS = "signed meter values say another energy"
SIGNED_CONTRADICTS = "signed meter values say quite another energy"

# With one of these the energy, the time, the place or the price is not known: the CDR is held.
# What of them the operator wants released is `holding`'s.
HOLDING = frozenset(
    {
        NO_LOCATION,
        START_MISSING,
        END_MISSING,
        CLOCK_WRONG,
        WENT_BACK,
        START_UNREAD,
        STOP_UNREAD,
        BEYOND_POWER,
        CLOCK_JUMPED,
        METER_ERROR,
        SIGNED_CONTRADICTS,
        EVENTS_MISSING,
        NO_METER_VALUE,
        TOO_MANY_EVENTS,
        NOT_PRICED,
        NO_TARIFF,
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
        STOP_UNREAD,
        BEYOND_POWER,
        CLOCK_JUMPED,
        ENERGY_UNPAID,
        TOKEN_CHANGED,
    }
)

ALL = (
    HOLDING
    | TOLD
    | {
        SUPERSEDED,
        CLOSED_BY_OPERATOR,
        STOP_FOUND,
        LATE,
        ID_REUSED,
        TOKEN_REFUSED,
        STATION_COST_DIFFERS,
        SIGNED_DIFFERS,
    }
)
