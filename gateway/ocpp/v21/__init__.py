"""OCPP 2.1: what it adds to 2.0.1, whose blocks it keeps."""

from dataclasses import replace

from gateway.ocpp import schemas, v201
from gateway.ocpp.v21 import additions

DIALECT = replace(
    v201.DIALECT,
    subprotocol="ocpp2.1",
    schemas=schemas.v21(),
    blocks=(*v201.BLOCKS, additions.BLOCK),
)
