"""The drivers' tokens that partners give us, by push or pull: checked, then kept."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from gateway.canonical import InvalidDocument, validate_token
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.ocpi.incoming.errors import InvalidParameters
from gateway.ocpi.incoming.message_routing import may_act_for, receiving_party
from gateway.ocpi.versions.wire import Wire
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import KnownToken, TokenBook

# "in such cases ... it is allowed to set a string field to" it (transport_and_format)
_NOT_AVAILABLE = "#NA"


class ReceivedTokens:
    """Every token belongs to the partner that vouches for its party; `ours` tells our own."""

    def __init__(
        self, book: TokenBook, directory: PartnerDirectory, ours: Callable[[Party], bool]
    ) -> None:
        self._book = book
        self._directory = directory
        self._ours = ours

    def read(
        self,
        partner: Partner,
        wire: Wire,
        document: dict[str, Any],
        owner: Party | None = None,
    ) -> dict[str, Any]:
        """The canonical Token. Raises `InvalidParameters` if it is none, or not the partner's.

        `owner` is whose token it is where the version's Token does not say so (2.1.1); without
        it, the partner's first eMSP.
        """
        owner = owner or receiving_party(partner)
        try:
            token = validate_token(wire.token_in(document, owner))
        except InvalidDocument as error:
            raise InvalidParameters(f"Token: {error}") from None
        party = Party(token["country_code"], token["party_id"])
        if self._ours(party) or not may_act_for(partner, party):
            raise InvalidParameters("The token's country_code and party_id are none of yours")
        if token["uid"] == _NOT_AVAILABLE:
            raise InvalidParameters("The token's uid is not available, so nobody can present it")
        return token

    async def get(
        self,
        partner: Partner,
        party: Party,
        uid: str,
        type: str,
    ) -> KnownToken | None:
        """A token that this partner gave us."""
        known = await self._book.get(party.country_code, party.party_id, uid, type)
        return known if known is not None and known.partner_id == partner.id else None

    async def put(self, partner: Partner, token: dict[str, Any]) -> bool:
        """Keep it; True if it is new. Raises `InvalidParameters`.

        A hub may pass on tokens of a party that is connected to us itself: what that party gave
        us is not the hub's to change.
        """
        self._may_change(partner, token, await self._held(token))
        return await self._book.put(partner.id, token)

    async def catch_up(self, partner: Partner, token: dict[str, Any]) -> bool:
        """Keep a token of a pull, unless the partner has pushed a newer version meanwhile.

        The page was made before the push arrived; it must not undo a withdrawal. True if it was
        news. Raises `InvalidParameters`.
        """
        while True:
            held = await self._held(token)
            theirs = held is not None and held.partner_id == partner.id and not held.missing
            if held and theirs and _moment(held.document) >= _moment(token):
                return False
            self._may_change(partner, token, held)
            if await self._book.replace(held, partner.id, token):
                return True

    async def missing(
        self, partner: Partner, listed: Collection[int], before: datetime
    ) -> tuple[int, int]:
        """How many tokens of a partner its whole list (`token_key`) does not have; and of how many.

        Only those last updated before `before`: what is newer may have come beside the list.
        Those that were missing before are not counted again.
        """
        gone = held = 0
        async for known in self._book.of_partner(partner.id):
            held += 1
            gone += _is_missing(known, listed, before)
        return gone, held

    async def withdraw(self, partner: Partner, listed: Collection[int], before: datetime) -> int:
        """Make what is missing invalid until it is in the list again; how many that were."""
        count = 0
        async for one in self._book.of_partner(partner.id):
            if not _is_missing(one, listed, before):
                continue
            token = one.document
            party = Party(token["country_code"], token["party_id"])
            # as it is by now: a push may have come while the others were looked at
            known = await self.get(partner, party, token["uid"], token["type"])
            if known is not None and _is_missing(known, listed, before):
                invalid = known.document | {"valid": False}
                count += await self._book.replace(known, partner.id, invalid, missing=True)
        return count

    async def _held(self, token: Mapping[str, Any]) -> KnownToken | None:
        """What is there of this token, whoever gave it to us."""
        return await self._book.get(
            token["country_code"], token["party_id"], token["uid"], token["type"]
        )

    def _may_change(
        self, partner: Partner, token: Mapping[str, Any], held: KnownToken | None
    ) -> None:
        if held is None or held.partner_id in (None, partner.id):
            return
        party = Party(token["country_code"], token["party_id"])
        owner = self._directory.get(held.partner_id or "")
        direct = owner is not None and owner.acts_for(party) and not owner.is_hub
        if owner and direct and owner.state is PartnerState.REGISTERED:
            raise InvalidParameters("The token was given to us by its own party")


def token_key(token: Mapping[str, Any]) -> int:
    """What identifies a token: "The combination of uid and type should be unique" for its owner.

    As a number, because a list may have millions: two that fall together hide a missing one.
    """
    return hash((token["country_code"], token["party_id"], token["uid"].lower(), token["type"]))


def _is_missing(known: KnownToken, listed: Collection[int], before: datetime) -> bool:
    if known.missing or token_key(known.document) in listed:
        return False
    return _moment(known.document) < before


def _moment(token: Mapping[str, Any]) -> datetime:
    return from_text(token["last_updated"])
