"""Reservations of one party's charge points, by the number that the station knows them by.

A partner's own id is only a way to that number: two partners may use the same one (mod_commands
13.3.5: "unique and is not used by another Sender").
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.domain.timestamps import to_milliseconds
from gateway.store.change import Change
from gateway.store.keys import PartyKeys, ordered_field, transaction_field, transaction_of
from gateway.store.server import Server


class Reservations:
    """JSON documents by charge point and reservation id."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._keys = keys

    async def get(self, identity: str, reservation_id: int) -> dict[str, Any] | None:
        """One, or None."""
        stored = await self._server.command(
            "HGET", self._keys.reservations(identity), str(reservation_id)
        )
        return None if stored is None else _document(stored)

    async def all(self, identity: str) -> list[dict[str, Any]]:
        """All of a charge point, in no order."""
        stored = await self._server.command("HVALS", self._keys.reservations(identity))
        return [_document(value) for value in stored]

    def add(
        self, change: Change, identity: str, reservation_id: int, document: dict[str, Any]
    ) -> None:
        """Keep a new one."""
        key = self._keys.reservations(identity)
        change.expect_absent(key, str(reservation_id))
        change.hset(key, str(reservation_id), exact_json.dumps(document))

    def replace(
        self,
        change: Change,
        identity: str,
        reservation_id: int,
        before: dict[str, Any],
        after: dict[str, Any],
    ) -> None:
        """Put `after` in the place of `before`; a `Conflict` if somebody else was faster."""
        key = self._keys.reservations(identity)
        change.expect(key, str(reservation_id), exact_json.dumps(before))
        change.hset(key, str(reservation_id), exact_json.dumps(after))

    def remove(self, change: Change, identity: str, reservation_id: int) -> None:
        """Forget one."""
        change.hdel(self._keys.reservations(identity), str(reservation_id))
        self.drop_site(change, identity, reservation_id)

    # --- what they are priced by ----------------------------------------------------------

    def put_site(self, change: Change, identity: str, reservation_id: int, document: Any) -> None:
        """Keep what was there when a reservation began."""
        field = transaction_field(identity, str(reservation_id))
        change.hset(self._keys.reservation_sites, field, exact_json.dumps(document))

    async def site(self, identity: str, reservation_id: int) -> Any | None:
        """What `put_site` has kept."""
        field = transaction_field(identity, str(reservation_id))
        stored = await self._server.command("HGET", self._keys.reservation_sites, field)
        return None if stored is None else exact_json.loads(stored)

    def drop_site(self, change: Change, identity: str, reservation_id: int) -> None:
        """It is priced, or never will be."""
        field = transaction_field(identity, str(reservation_id))
        change.hdel(self._keys.reservation_sites, field)

    # --- partners' own ids ----------------------------------------------------------------

    async def ordered(
        self, partner_id: str, sender: str, reservation_id: str
    ) -> tuple[str, int] | None:
        """Charge point and number of a partner's reservation, the last one with this id."""
        field = ordered_field(partner_id, sender, reservation_id)
        stored = await self._server.command("HGET", self._keys.ordered_reservations, field)
        if stored is None:
            return None
        identity, number = exact_json.loads(stored)
        return str(identity), int(number)

    def order(
        self,
        change: Change,
        partner_id: str,
        sender: str,
        reservation_id: str,
        place: tuple[str, int],
    ) -> None:
        """Remember where a partner's reservation is."""
        field = ordered_field(partner_id, sender, reservation_id)
        change.hset(self._keys.ordered_reservations, field, exact_json.dumps(list(place)))

    def expect_order(
        self,
        change: Change,
        partner_id: str,
        sender: str,
        reservation_id: str,
        place: tuple[str, int] | None,
    ) -> None:
        """A `Conflict` if a partner's id no longer means what `ordered` has said."""
        field = ordered_field(partner_id, sender, reservation_id)
        if place is None:
            change.expect_absent(self._keys.ordered_reservations, field)
        else:
            place_text = exact_json.dumps(list(place))
            change.expect(self._keys.ordered_reservations, field, place_text)

    def forget_order(
        self, change: Change, partner_id: str, sender: str, reservation_id: str
    ) -> None:
        """Forget it."""
        field = ordered_field(partner_id, sender, reservation_id)
        change.hdel(self._keys.ordered_reservations, field)

    # --- those that end by themselves -----------------------------------------------------

    def wait(
        self, change: Change, identity: str, reservation_id: int, until: datetime | None
    ) -> None:
        """Have a reservation looked at again at a moment by our clock; None: no longer."""
        field = transaction_field(identity, str(reservation_id))
        if until is None:
            change.zrem(self._keys.reservations_due, field)
        else:
            change.zadd(self._keys.reservations_due, field, to_milliseconds(until))

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[str, int]]:
        """Charge point and number of those whose moment has come."""
        fields = await self._server.command(
            "ZRANGEBYSCORE",
            self._keys.reservations_due,
            "-inf",
            to_milliseconds(now),
            "LIMIT",
            0,
            limit,
        )
        found = [transaction_of(field.decode()) for field in fields]
        return [(identity, int(number)) for identity, number in found]


def _document(stored: bytes) -> dict[str, Any]:
    document: dict[str, Any] = exact_json.loads(stored)
    return document
