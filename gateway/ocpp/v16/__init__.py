"""OCPP 1.6-J with the security extension: what is particular to it."""

from gateway.ocpp import schemas
from gateway.ocpp.codec import Fault
from gateway.ocpp.dialect import Dialect
from gateway.ocpp.schemas import Rule
from gateway.ocpp.v16 import (
    authorization,
    availability,
    certificates,
    cost,
    credentials,
    data_transfer,
    diagnostics,
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

DIALECT = Dialect(
    subprotocol="ocpp1.6",
    schemas=schemas.v16(),
    codes={
        # Table 7 of OCPP-J 1.6, spelled as printed: "might break implementations" (errata 5).
        Rule.FORMAT: "FormationViolation",
        Rule.OCCURRENCE: "OccurenceConstraintViolation",
        Rule.PROPERTY: "PropertyConstraintViolation",
        Rule.TYPE: "TypeConstraintViolation",
    },
    # An unknown message type: the server "SHALL ignore the message payload" (4.1.3).
    fault_codes={Fault.FRAME: "FormationViolation"},
    unreadable_id=None,
    compression=False,  # "may compromise interoperability" (5.1)
    blocks=(
        security.BLOCK,
        credentials.BLOCK,
        certificates.BLOCK,
        provisioning.BLOCK,
        authorization.BLOCK,
        transactions.BLOCK,
        local_list.BLOCK,
        remote_control.BLOCK,
        availability.BLOCK,
        reservation.BLOCK,
        smart_charging.BLOCK,
        firmware.BLOCK,
        diagnostics.BLOCK,
        data_transfer.BLOCK,
        cost.BLOCK,
    ),
    triggers=remote_control.triggers,
    # Some charge points drop a refused stop for good, and its meterStop is what is billed.
    expendable={"StopTransaction": "transactionData"},
    happening=happenings.happening,
    # 4.2: "While in pending state, the following Central System initiated messages are not allowed"
    withheld=frozenset({"RemoteStartTransaction", "RemoteStopTransaction"}),
)
