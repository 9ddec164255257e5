"""Payment terminals and financial advice confirmations (OCPI 2.3.0 payments)."""

from typing import Annotated, Any

from pydantic import Field

from gateway.admin.bodies import Body
from gateway.admin.calls import PAGING, Answer, Call, Query, Route, listed
from gateway.admin.errors import InTheWay, Invalid, NotFound, PartnerFailed
from gateway.admin.lists import DEFAULT_LIMIT
from gateway.admin.services import Services
from gateway.canonical import InvalidDocument
from gateway.domain.partners import Partner, PartnerState
from gateway.services.ports import ProviderFailed
from gateway.services.roaming.payment_terminals import UnknownPlace
from gateway.store import OwnedObject, PartnerObjects

_SECONDS = 60.0

Id = Annotated[str, Field(min_length=1, max_length=36)]


class AssignBody(Body):
    """What a terminal serves; what is absent stays."""

    location_ids: list[Id] | None = None
    evse_uids: list[Id] | None = None


class PaymentTerminalCalls:
    """`/payment-terminals` and `/financial-advice-confirmations`."""

    def __init__(self, services: Services) -> None:
        self._partners = services.partners
        self._terminals = services.payment_terminals
        self._store = services.store

    async def listing(self, call: Call) -> Answer:
        """Terminals, last updated first."""
        return await _listed(call, self._store.terminals)

    async def confirmations(self, call: Call) -> Answer:
        """Confirmations, last updated first."""
        return await _listed(call, self._store.confirmations)

    async def get(self, call: Call) -> Answer:
        """One terminal."""
        return Answer(_shown(await self._find(call)))

    async def assign(self, call: Call) -> Answer:
        """Assign locations and EVSEs, at the provider and here."""
        body = call.read(AssignBody).model_dump(exclude_none=True)
        found = await self._find(call)
        partner = self._provider(found.partner_id)
        if not body:
            raise Invalid("Nothing to change")
        try:
            changed = await self._terminals.assign(partner, found.document, body)
        except (UnknownPlace, ProviderFailed) as error:
            raise _failed(error) from None
        return Answer(_shown(OwnedObject(found.owner, changed)))

    async def update(self, call: Call) -> Answer:
        """Change what is given of a terminal, at the provider and here."""
        found = await self._find(call)
        partner = self._provider(found.partner_id)
        body = call.object() | {"terminal_id": found.document["terminal_id"]}
        try:
            changed = await self._terminals.update(partner, found.document, body)
        except (InvalidDocument, UnknownPlace, ProviderFailed) as error:
            raise _failed(error) from None
        return Answer(_shown(OwnedObject(found.owner, changed)))

    async def activate(self, call: Call) -> Answer:
        """Have a terminal put to use."""
        body = dict(call.object())
        partner = self._provider(str(body.pop("partner", "")))
        try:
            await self._terminals.activate(partner, body)
        except (InvalidDocument, UnknownPlace, ProviderFailed) as error:
            raise _failed(error) from None
        return Answer({"partner": partner.id}, 202)

    async def deactivate(self, call: Call) -> Answer:
        """Have a terminal taken out of use."""
        found = await self._find(call)
        try:
            await self._terminals.deactivate(self._provider(found.partner_id), found.document)
        except ProviderFailed as error:
            raise _failed(error) from None
        return Answer(_shown(found), 202)

    async def pull(self, call: Call) -> Answer:
        """Fetch all of a provider."""
        partner = self._provider(call.path["id"])
        try:
            return Answer(await self._terminals.pull(partner))
        except ProviderFailed as error:
            raise _failed(error) from None

    async def _find(self, call: Call) -> OwnedObject:
        found = await self._terminals.find(call.path["id"], call.query.get("partner"))
        if not found:
            raise NotFound("There is no such terminal")
        if len(found) > 1:
            raise InTheWay("Several providers have a terminal of this id: add ?partner=")
        return found[0]

    def _provider(self, partner_id: str) -> Partner:
        partner = self._partners.get(partner_id)
        if partner is None:
            raise NotFound("There is no such partner")
        if partner.state is not PartnerState.REGISTERED:
            raise InTheWay("The partner is not registered")
        if partner.endpoint("payments", "SENDER") is None:
            raise InTheWay("The partner has no payments interface")
        return partner

    def routes(self) -> list[Route]:
        """The calls."""
        partner = Query("partner", "only of this partner's id")
        one, unknown = "/payment-terminals/{id}", {404: "unknown terminal"}
        told = {409: "the provider is not registered, or has no payments", 502: "it refused"}
        return [
            Route(
                "GET",
                "/payment-terminals",
                "Payment terminals, last updated first",
                self.listing,
                query=(partner, *PAGING),
            ),
            Route(
                "POST",
                "/payment-terminals/activate",
                "Ask a provider to put a terminal to use; it then creates the terminal here",
                self.activate,
                example={"partner": "a1b2c3", "reference": "SN-1", "location_ids": ["LOC1"]},
                answers={202: "asked", 404: "unknown partner", 422: "what is wrong", **told},
                timeout=_SECONDS,
            ),
            Route(
                "GET",
                one,
                "One terminal",
                self.get,
                query=(partner,),
                answers={200: "it", **unknown},
            ),
            Route(
                "PATCH",
                one,
                "Assign locations and EVSEs to a terminal, at its provider and here",
                self.assign,
                body=AssignBody,
                query=(partner,),
                answers={200: "the terminal", **unknown, 422: "what is wrong", **told},
                timeout=_SECONDS,
            ),
            Route(
                "PUT",
                one,
                "Change what is given of a terminal (customer_reference, invoice_base_url, ...)",
                self.update,
                example={"customer_reference": "R1", "invoice_creator": "CPO"},
                query=(partner,),
                answers={200: "the terminal", **unknown, 422: "what is wrong", **told},
                timeout=_SECONDS,
            ),
            Route(
                "POST",
                one + "/deactivate",
                "Ask the provider to take a terminal out of use",
                self.deactivate,
                query=(partner,),
                answers={202: "asked", **unknown, **told},
                timeout=_SECONDS,
            ),
            Route(
                "POST",
                "/partners/{id}/payments/pull",
                "Fetch all terminals and confirmations of a provider",
                self.pull,
                answers={200: "how many", 404: "unknown partner", **told},
                timeout=600.0,
            ),
            Route(
                "GET",
                "/financial-advice-confirmations",
                "What providers have captured, last updated first",
                self.confirmations,
                query=(partner, *PAGING),
            ),
        ]


async def _listed(call: Call, objects: PartnerObjects) -> Answer:
    window = call.window(DEFAULT_LIMIT)
    found, total = await objects.newest(call.query.get("partner"), window.offset, window.limit)
    return listed([_shown(one) for one in found], total)


def _shown(found: OwnedObject) -> dict[str, Any]:
    return found.document | {"partner": found.partner_id}


def _failed(error: Exception) -> Exception:
    if isinstance(error, ProviderFailed):
        return PartnerFailed(f"The provider did not take it: {error}")
    return Invalid(str(error))
