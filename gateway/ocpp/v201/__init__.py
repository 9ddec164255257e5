"""OCPP 2.0.1: what is particular to it."""

from gateway.ocpp import schemas
from gateway.ocpp.codec import Fault
from gateway.ocpp.dialect import Dialect
from gateway.ocpp.schemas import Rule
from gateway.ocpp.v201 import (
    authorization,
    availability,
    certificates,
    cost,
    credentials,
    data_transfer,
    diagnostics,
    display,
    firmware,
    happenings,
    local_list,
    provisioning,
    remote_control,
    reservation,
    security,
    smart_charging,
    transactions,
)

# The functional blocks of part 2, in its order.
BLOCKS = (
    security.BLOCK,
    credentials.BLOCK,
    provisioning.BLOCK,
    authorization.BLOCK,
    transactions.BLOCK,
    local_list.BLOCK,
    remote_control.BLOCK,
    availability.BLOCK,
    reservation.BLOCK,
    cost.BLOCK,
    smart_charging.BLOCK,
    firmware.BLOCK,
    diagnostics.BLOCK,
    certificates.BLOCK,
    display.BLOCK,
    data_transfer.BLOCK,
)

DIALECT = Dialect(
    subprotocol="ocpp2.0.1",
    schemas=schemas.v201(),
    codes={
        # Part 4, table 8.
        Rule.FORMAT: "FormatViolation",
        Rule.OCCURRENCE: "OccurrenceConstraintViolation",
        Rule.PROPERTY: "PropertyConstraintViolation",
        Rule.TYPE: "TypeConstraintViolation",
    },
    fault_codes={
        # "Content of the call is not a valid RPC Request, for example: MessageId could not be read"
        Fault.FRAME: "RpcFrameworkError",
        Fault.MESSAGE_TYPE: "MessageTypeNotSupported",  # 4.4
    },
    unreadable_id="-1",  # 4.2.3: "the CALLERROR SHALL contain "-1" as MessageId"
    compression=True,  # 3.3: the CSMS is required to support RFC 7692
    blocks=BLOCKS,
    triggers=remote_control.triggers,
    expendable={},
    happening=happenings.happening,
    withheld=frozenset({"RequestStartTransaction", "RequestStopTransaction"}),  # B02.FR.05
    later=schemas.v21(),
)
