"""Bills that wait for the operator: see them, release, correct or void them; credit and correct."""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from pydantic import AwareDatetime, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import PAGING, PARTY, Answer, Call, Route, listed
from gateway.admin.errors import InTheWay, Invalid, NoAnswer, NotFound, Unavailable
from gateway.admin.lists import DEFAULT_LIMIT
from gateway.admin.resources import party
from gateway.admin.resources.payers import payer_of
from gateway.admin.resources.transactions import shown_transaction
from gateway.admin.services import Services
from gateway.domain.bills.cdr_series import is_correction
from gateway.domain.bills.cdrs import KEPT_LOCATION
from gateway.domain.bills.decisions import LONGEST_REMARK, Correction, Meant
from gateway.domain.bills.holding import NAME_OF
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.domain.transactions import Transaction, UnknownTransaction
from gateway.services.billing.credits import NotPossible
from gateway.services.ports import CallTimeout, UnknownChargePoint
from gateway.store import BusRefused, Fenced

_MOST_KWH = Decimal(100_000)
_MOST_WH = Decimal("1E12")
_WH_PER_KWH = Decimal(1000)
_WITHOUT_CREDITS = "2.1.1"  # nor does it know what follows them (`Version.has_credit_cdrs`)

Document = dict[str, Any]


class Remark(Body):
    """Why, in the operator's words."""

    remark: str | None = Field(None, min_length=1, max_length=LONGEST_REMARK)


class VoidBody(Body):
    """That nobody is billed has to be said why."""

    remark: str = Field(min_length=1, max_length=LONGEST_REMARK)


class CorrectionBody(Remark):
    """What was measured, as the operator has it; what is left out stays as it was."""

    energy_kwh: Decimal | None = Field(None, ge=0, le=_MOST_KWH)
    meter_start_wh: Decimal | None = Field(None, ge=0, le=_MOST_WH)
    meter_stop_wh: Decimal | None = Field(None, ge=0, le=_MOST_WH)
    start_date_time: AwareDatetime | None = None
    end_date_time: AwareDatetime | None = None
    beyond_power: bool = False

    def correction(self) -> Correction:
        """Read it. Raises `Invalid`."""
        registers = (self.meter_start_wh, self.meter_stop_wh)
        if (registers[0] is None) != (registers[1] is None):
            raise Invalid("The body does not fit", ["meter_start_wh and meter_stop_wh go together"])
        if registers[0] is not None and self.energy_kwh is not None:
            raise Invalid("The body does not fit", ["energy_kwh or registers, not both"])
        energy_wh = None if self.energy_kwh is None else self.energy_kwh * _WH_PER_KWH
        start, end = _utc(self.start_date_time), _utc(self.end_date_time)
        correction = Correction(energy_wh, *registers, start, end)
        if correction == Correction():
            raise Invalid("The body does not fit", ["it corrects nothing"])
        return replace(correction, beyond_power=self.beyond_power)


class HeldCdrCalls:
    """`/held-cdrs`, and `/cdrs/{id}/correct`."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._parties = services.parties
        self._partners = services.partners
        self._stale = services.stale

    async def all(self, call: Call) -> Answer:
        """Party by party, the longest held first."""
        window, total, items = call.window(DEFAULT_LIMIT), 0, []
        end = window.end if window.end is not None else window.offset + DEFAULT_LIMIT
        for owner in party.asked(call, self._parties):
            transactions = self._store.party(owner).transactions
            offset = max(window.offset - total, 0)
            limit = max(end - max(window.offset, total), 0)
            found, count = await transactions.held(offset=offset, limit=limit)
            items += [self._shown(owner, one) for one in found]
            total += count
        return listed(items, total)

    async def one(self, call: Call) -> Answer:
        """One, with its transaction and the CDR as it would be."""
        owner, document = await self._held(call)
        shown = self._shown(owner, document)
        try:
            cdr = await self._stale.draft(document["identity"], document["id"])
        except UnknownChargePoint:  # it was removed
            cdr = None
        return Answer(
            shown
            | {
                "transaction": shown_transaction(document),
                "cdr": None if cdr is None else without_kept(cdr),
            }
        )

    async def release(self, call: Call) -> Answer:
        """Bill it by what the station has said."""
        remark = call.read(Remark).remark if call.body is not None else None
        owner, document = await self._known(call)
        act = self._stale.release(*_key(document), remark, self._meant(document))
        return Answer(self._billed(owner, await self._done(act)))

    async def correct(self, call: Call) -> Answer:
        """Bill it by what the operator says."""
        body = call.read(CorrectionBody)
        correction = body.correction()
        owner, document = await self._known(call)
        act = self._stale.correct(
            *_key(document), correction, body.remark, meant=self._meant(document)
        )
        return Answer(self._billed(owner, await self._done(act)))

    async def void(self, call: Call) -> Answer:
        """Bill nobody."""
        remark = call.read(VoidBody).remark
        _, document = await self._known(call)
        act = self._stale.void(*_key(document), remark, self._meant(document))
        voided = await self._done(act)
        return Answer({"session_id": voided["session_id"], "voided": True, "cdr_id": None})

    async def correct_cdr(self, call: Call) -> Answer:
        """Credit a CDR, and make another one by what the operator says."""
        body = call.read(CorrectionBody)
        correction, cdr_id = body.correction(), call.path["id"]
        for owner in party.asked(call, self._parties):
            books = self._store.party(owner)
            cdr = await books.cdrs.get(cdr_id)
            if cdr is None:
                continue
            if cdr.get("credit"):
                raise InTheWay("It is a Credit CDR: correct the CDR that it credits")
            found = await books.transactions.of_session(cdr.get("session_id") or "")
            document = await books.transactions.get(*found) if found else None
            if document is None:
                raise InTheWay("It is of no transaction; it can only be credited")
            meant = self._meant(document)
            act = self._stale.correct(
                *_key(document), correction, body.remark, cdr["id"], meant=meant
            )
            billed = self._billed(owner, await self._done(act))
            return Answer(billed | {"corrects": cdr["id"]}, 201)
        raise NotFound("There is no such CDR")

    # --- inside ---------------------------------------------------------------------------

    async def _known(self, call: Call) -> tuple[Party, Document]:
        for owner in party.asked(call, self._parties):
            transactions = self._store.party(owner).transactions
            found = await transactions.of_session(call.path["session_id"])
            document = await transactions.get(*found) if found else None
            if document is not None:
                return owner, document
        raise NotFound("There is no such session")

    async def _held(self, call: Call) -> tuple[Party, Document]:
        owner, document = await self._known(call)
        if not msgspec.convert(document, Transaction).is_held:
            raise NotFound("No CDR of this session is held")
        return owner, document

    def _meant(self, document: Document) -> Meant:
        """That transaction, and who pays for it now."""
        holder = document.get("holder")
        if not holder:
            return Meant(document["session_id"])
        owner = Party(holder["country_code"], holder["party_id"])
        return Meant(document["session_id"], payer_of(self._partners, holder, owner))

    async def _done(self, act: Awaitable[Document]) -> Document:
        try:
            return await act
        except NotPossible as error:
            raise InTheWay(str(error)) from None
        except UnknownTransaction:
            raise NotFound("There is no such transaction any more") from None
        except UnknownChargePoint:
            raise InTheWay("Its charge point is not registered any more; register it") from None
        except Fenced:
            raise InTheWay(
                "Somebody else acts on its charge point, or it has just connected; look again"
            ) from None
        except BusRefused as error:
            raise Unavailable(f"The node that holds the charge point: {error}") from None
        except CallTimeout:
            raise NoAnswer("The node that holds the charge point did not answer in time") from None

    def _shown(self, owner: Party, document: Document) -> Document:
        transaction = msgspec.convert(document, Transaction)
        shown = shown_transaction(document)
        return {
            "session_id": transaction.session_id,
            "party": str(owner),
            "charge_point": transaction.identity,
            "transaction_id": transaction.id,
            "reasons": [
                {"reason": NAME_OF[flag], "text": flag} for flag in self._stale.reasons(transaction)
            ],
            "partner_id": shown["partner_id"],
            "token": shown["token"],
            "started_at": shown["started_at"],
            "stopped_at": shown["stopped_at"],
            "meter_start_wh": transaction.meter_start_wh,
            "meter_stop_wh": transaction.meter_stop_wh,
            "energy_kwh": transaction.energy.delivered_wh / _WH_PER_KWH,
            "flags": list(transaction.flags),
        }

    def _billed(self, owner: Party, document: Document) -> Document:
        # who has left and is not back is named, and is not told
        partner_id = self._meant(document).partner_id or (document.get("holder") or {}).get(
            "partner_id"
        )
        return {
            "session_id": document["session_id"],
            "cdr_id": document["cdr_id"],
            "party": str(owner),
            **told(self._partners.get(partner_id or ""), document["cdr_id"]),
        }

    def routes(self) -> list[Route]:
        """The calls."""
        held, answers = (
            "/held-cdrs/{session_id}",
            {404: "unknown session", 409: "why not", 504: "its node did not answer"},
        )
        correction = {"energy_kwh": Decimal("12.5"), "remark": "read at the meter"}
        return [
            Route(
                "GET",
                "/held-cdrs",
                "CDRs that wait for the operator, with the reasons, the longest held first",
                self.all,
                query=(PARTY, *PAGING),
            ),
            Route(
                "GET",
                held,
                "One of them, with its transaction and the CDR as it would be",
                self.one,
                answers={200: "reasons, transaction, cdr", 404: "no CDR of this session is held"},
            ),
            Route(
                "POST",
                held + "/release",
                "Bill it by what the station has said",
                self.release,
                body=Remark,
                example={"remark": "checked with the driver"},
                answers={200: "cdr_id, and who is told", **answers},
            ),
            Route(
                "POST",
                held + "/correct",
                "Bill it by what you say: energy or registers, times",
                self.correct,
                body=CorrectionBody,
                example=correction,
                answers={200: "cdr_id, and who is told", **answers, 422: "what does not fit"},
            ),
            Route(
                "POST",
                held + "/void",
                "Bill nobody; the Session becomes INVALID",
                self.void,
                body=VoidBody,
                example={"remark": "a test of ours"},
                answers={200: "voided", **answers},
            ),
            Route(
                "POST",
                "/cdrs/{id}/correct",
                "Credit a CDR and make another one by what you say",
                self.correct_cdr,
                body=CorrectionBody,
                example=correction,
                answers={201: "cdr_id of the new one, and who is told", **answers},
            ),
        ]


def told(partner: Partner | None, cdr_id: str) -> Document:
    """Who gets a CDR, and why nobody does."""
    if partner is None:
        return {"partner_id": None, "sent": False, "why": "no registered partner is concerned"}
    if partner.state is PartnerState.UNREGISTERED:
        return {"partner_id": partner.id, "sent": False, "why": "the partner has unregistered"}
    if partner.version == _WITHOUT_CREDITS and is_correction(cdr_id):
        return {
            "partner_id": partner.id,
            "sent": False,
            "why": f"OCPI {_WITHOUT_CREDITS} knows no Credit CDRs: agree with the partner on it",
        }
    return {"partner_id": partner.id, "sent": True}


def without_kept(cdr: Document) -> Document:
    """A CDR, without what it keeps for the versions that need more."""
    return {name: value for name, value in cdr.items() if name != KEPT_LOCATION}


def _key(document: Document) -> tuple[str, str]:
    return document["identity"], document["id"]


def _utc(moment: datetime | None) -> datetime | None:
    try:
        return None if moment is None else moment.astimezone(UTC)
    except OverflowError:
        raise Invalid("The body does not fit", ["no time that a session could have"]) from None
