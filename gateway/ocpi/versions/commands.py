"""Where the Commands modules of the versions differ: which there are, and how they are answered."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.commands import CommandOutcome


@dataclass(frozen=True, slots=True)
class CommandWords:
    """One version's commands.

    `results` is the enum of the asynchronous result. `has_timeout`: a CommandResponse says when
    the result is due, and may carry a message, as may the result. `withdrawn` tells of a
    reservation that we cancel, None where the version has no word for it. `number_ids`: a
    reservation_id is an int. `longest_id` is that of locations and EVSEs.
    """

    commands: frozenset[str]
    results: Mapping[CommandOutcome, str]
    has_timeout: bool = True
    withdrawn: str | None = None
    number_ids: bool = False
    longest_id: int = 36


COMMANDS_221 = CommandWords(
    commands=frozenset(
        {"CANCEL_RESERVATION", "RESERVE_NOW", "START_SESSION", "STOP_SESSION", "UNLOCK_CONNECTOR"}
    ),
    # CommandResultType (2.2.1 mod_commands 13.4.2)
    results={
        CommandOutcome.ACCEPTED: "ACCEPTED",
        CommandOutcome.REJECTED: "REJECTED",
        CommandOutcome.EVSE_OCCUPIED: "EVSE_OCCUPIED",
        CommandOutcome.EVSE_INOPERATIVE: "EVSE_INOPERATIVE",
        CommandOutcome.FAILED: "FAILED",
        CommandOutcome.NOT_SUPPORTED: "NOT_SUPPORTED",
        CommandOutcome.TIMEOUT: "TIMEOUT",
        CommandOutcome.UNKNOWN_RESERVATION: "UNKNOWN_RESERVATION",
    },
    withdrawn="CANCELED_RESERVATION",
)

COMMANDS_211 = CommandWords(
    commands=COMMANDS_221.commands - {"CANCEL_RESERVATION"},
    # CommandResponseType (2.1.1 mod_commands 4.1): the result is another CommandResponse
    results={
        CommandOutcome.ACCEPTED: "ACCEPTED",
        CommandOutcome.REJECTED: "REJECTED",
        CommandOutcome.EVSE_OCCUPIED: "REJECTED",
        CommandOutcome.EVSE_INOPERATIVE: "REJECTED",
        CommandOutcome.FAILED: "REJECTED",  # "rejected by the CPO or Charge Point"
        CommandOutcome.NOT_SUPPORTED: "NOT_SUPPORTED",
        CommandOutcome.TIMEOUT: "TIMEOUT",
        CommandOutcome.UNKNOWN_RESERVATION: "REJECTED",
    },
    has_timeout=False,
    number_ids=True,
    longest_id=39,
)
