"""What must hold for every single frame, whatever its bytes."""

from gateway import exact_json
from gateway.domain.quirks import QUIRKS
from gateway.ocpp import codec, schemas
from gateway.ocpp.frame_mending import read_again
from gateway.ocpp.mending import Mender
from gateway.ocpp.oddities import oddities

VERSIONS = (
    (schemas.v16(), codec.KINDS),
    (schemas.v201(), codec.KINDS),
    (schemas.v21(), codec.KINDS_2_1),
)
EVERY = frozenset(QUIRKS)


def one_frame(data: bytes) -> None:
    """Whatever the bytes: no exception, and what was mended passes its schema."""
    for version, kinds in VERSIONS:
        message = codec.read(data, kinds)
        if isinstance(message, codec.Malformed):
            again = read_again(data, True, kinds, EVERY)
            if again is None:
                continue
            message = again[0]
        if isinstance(message, codec.Call):
            one_call(version, message)


def one_call(version: schemas.Schemas, call: codec.Call) -> None:
    """A CALL: its schema, mending, the second look, and an answer to its id."""
    codec.write_refusal(call.message_id, "InternalError", call.action)
    schema = version.request(call.action)
    if schema is None:
        return
    mender = Mender(schema, EVERY)
    left = mender.mend(call.payload)
    if bool(left) == schema.valid(call.payload):
        raise AssertionError("mended and invalid, or refused and valid")
    if not left:
        list(oddities(call.payload))
        list(schema.times(call.payload))
        exact_json.dumps(schema.ordered(call.payload))
