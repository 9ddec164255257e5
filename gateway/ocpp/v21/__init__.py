"""OCPP 2.1: what it adds to 2.0.1, whose blocks it keeps.

Messages that both versions have are read by 2.0.1's translation, which knows the words that 2.1
adds: 2.0.1 stations send them too (ocpp-rules 32).

A frame of an unknown type is answered MessageTypeNotSupported as in 2.0.1: "it SHALL ignore the
message payload" (part 4, 4.4), and its error table (table 9) still has the code for just this.
"""

from dataclasses import replace

from gateway.ocpp import codec, schemas, v201
from gateway.ocpp.v21 import (
    battery_swap,
    certificates,
    der,
    event_stream,
    payment,
    smart_charging,
    tariffs,
)

DIALECT = replace(
    v201.DIALECT,
    subprotocol="ocpp2.1",
    schemas=schemas.v21(),
    blocks=(
        *v201.BLOCKS,
        payment.BLOCK,
        tariffs.BLOCK,
        smart_charging.BLOCK,
        certificates.BLOCK,
        event_stream.BLOCK,
        der.BLOCK,
        battery_swap.BLOCK,
    ),
    kinds=codec.KINDS_2_1,
    later=None,
)
