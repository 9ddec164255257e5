"""The drivers' tokens that partners give us, by push or pull: checked, then kept."""

from typing import Any

from gateway.canonical import InvalidDocument, validate_token
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.ocpi.errors import InvalidParameters
from gateway.ocpi.message_routing import may_act_for
from gateway.ocpi.versions.wire import Wire
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import KnownToken, TokenBook


class ReceivedTokens:
    """Every token belongs to the partner that vouches for its party."""

    def __init__(self, book: TokenBook, directory: PartnerDirectory) -> None:
        self._book = book
        self._directory = directory

    def read(self, partner: Partner, wire: Wire, document: dict[str, Any]) -> dict[str, Any]:
        """The canonical Token. Raises `InvalidParameters` if it is none, or not the partner's."""
        try:
            token = validate_token(wire.token_in(document))
        except InvalidDocument as error:
            raise InvalidParameters(f"Token: {error}") from None
        if not may_act_for(partner, Party(token["country_code"], token["party_id"])):
            raise InvalidParameters("The token's country_code and party_id are none of yours")
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
        party = Party(token["country_code"], token["party_id"])
        known = await self._book.get(
            party.country_code, party.party_id, token["uid"], token["type"]
        )
        if known is not None and known.partner_id not in (None, partner.id):
            owner = self._directory.get(known.partner_id or "")
            if owner and owner.state is PartnerState.REGISTERED and owner.acts_for(party):
                raise InvalidParameters("The token was given to us by its own party")
        return await self._book.put(partner.id, token)

    async def catch_up(self, partner: Partner, token: dict[str, Any]) -> None:
        """Keep a token of a full pull, unless the partner has pushed a newer version meanwhile.

        The page was made before the push arrived; it must not undo a withdrawal. Raises
        `InvalidParameters`.
        """
        party = Party(token["country_code"], token["party_id"])
        known = await self.get(partner, party, token["uid"], token["type"])
        if known is None or from_text(known.document["last_updated"]) < from_text(
            token["last_updated"]
        ):
            await self.put(partner, token)
