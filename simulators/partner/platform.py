"""The simulated partner: the OCPI platform of an eMSP, a hub, an NSP or a PTP, in one object.

    partner = SimulatedPartner(country_code="DE", party_id="EMS")
    await partner.start()
    await partner.register(versions_url, token_a)
    await partner.until(lambda: len(partner.cdrs) == 1)

It records what it receives and holds every message against the standard; `violations` is empty
only for a CPO that made no mistake.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from simulators.partner.commands import Command
from simulators.partner.exact_json import Json
from simulators.partner.faults import Fault
from simulators.partner.feed import Listener
from simulators.partner.host import Host
from simulators.partner.hub import with_status
from simulators.partner.owner import Owner
from simulators.partner.payments import CONFIRMATIONS, TERMINALS
from simulators.partner.peer import Peer
from simulators.partner.policy import Authorization
from simulators.partner.profiles import ProfileRequest
from simulators.partner.pull import Filters
from simulators.partner.version import named
from simulators.partner.wallet import RFID, token_key


class SimulatedPartner(Host):
    # -- what we hold

    @property
    def locations(self) -> list[Json]:
        return [one for ledger in self._ledgers() for one in ledger.locations.values()]

    @property
    def sessions(self) -> list[Json]:
        return [one for ledger in self._ledgers() for one in ledger.sessions.values()]

    @property
    def cdrs(self) -> list[Json]:
        return [one for ledger in self._ledgers() for one in ledger.cdrs.values()]

    @property
    def tariffs(self) -> list[Json]:
        return [one for ledger in self._ledgers() for one in ledger.tariffs.values()]

    @property
    def records(self) -> list[Json]:
        """InvoiceReconciliationRecords received."""
        return [one for ledger in self._ledgers() for one in ledger.records.values()]

    @property
    def active_profiles(self) -> dict[str, list[Json]]:
        """The ActiveChargingProfiles that were pushed, by session id in lower case."""
        return self._edition().profiles.active

    @property
    def tokens(self) -> list[Json]:
        return list(self.wallet.tokens.values())

    @property
    def violations(self) -> list[Json]:
        return self.feed.violations

    @property
    def advice(self) -> list[Json]:
        return self.feed.advice

    @property
    def events(self) -> list[Json]:
        return list(self.feed.events)

    def location(self, location_id: str) -> Json | None:
        return _by(self.locations, "id", location_id)

    def evse(self, location_id: str, uid: str) -> Json | None:
        return _by((self.location(location_id) or {}).get("evses") or [], "uid", uid)

    def session(self, session_id: str) -> Json | None:
        return _by(self.sessions, "id", session_id)

    def cdr(self, cdr_id: str) -> Json | None:
        return _by(self.cdrs, "id", cdr_id)

    def on_event(self, listener: Listener) -> None:
        self.feed.listen(listener)

    async def until(self, predicate: Callable[[], bool], timeout: float = 10.0) -> None:
        """Return as soon as `predicate` holds; raises TimeoutError when it does not in time."""
        await self.feed.until(predicate, timeout)

    def forget(self) -> None:
        """Lose everything received, as after the loss of a database."""
        for edition in self._editions.values():
            edition.ledger.forget_all()

    # -- registration

    async def register(self, versions_url: str, token: str, version: str | None = None) -> Peer:
        """Register with the platform that gave us this token A; raises `CallFailed`."""
        number = version or self.preferred.number
        return await self._editions[named(number).number].handshake.register(versions_url, token)

    async def unregister(self, peer_id: str | None = None) -> None:
        edition, peer = self._spoken_with(peer_id)
        await edition.handshake.unregister(peer)

    async def rotate(self, peer_id: str | None = None) -> Peer:
        """New tokens both ways."""
        edition, peer = self._spoken_with(peer_id)
        return await edition.handshake.rotate(peer)

    async def update(self, version: str, peer_id: str | None = None) -> Peer:
        """Move to another version by PUT to its credentials endpoint; we offer it from now on."""
        self.offer(version, *self._offered)
        peer = self.site.registry.only(peer_id)
        return await self._editions[version].handshake.rotate(peer)

    def hand_out_token(self) -> str:
        """A token A, for a platform that shall register with us."""
        return self.site.registry.invite()

    # -- tokens

    def issue_token(self, uid: str, token_type: str = RFID, **fields: Any) -> Json:
        """Add a token, or alter it; nothing is pushed. Raises ValueError."""
        return self._edition().tokens.issue({"uid": uid, "type": token_type, **fields})

    async def push_token(
        self,
        uid: str,
        token_type: str = RFID,
        peer_id: str | None = None,
    ) -> None:
        edition, peer = self._spoken_with(peer_id)
        await edition.tokens.push(peer, self._token(uid, token_type))

    async def patch_token(
        self,
        uid: str,
        token_type: str = RFID,
        peer_id: str | None = None,
        **fields: Any,
    ) -> Json:
        """Alter a token we have and push the difference by PATCH."""
        self._token(uid, token_type)
        token = self.issue_token(uid, token_type, **fields)
        patch = {**fields, "last_updated": token["last_updated"]}
        edition, peer = self._spoken_with(peer_id)
        await edition.tokens.push(peer, token, patch)
        return token

    def _token(self, uid: str, token_type: str) -> Json:
        token = self.wallet.find(uid, token_type)
        if token is None:
            raise ValueError(f"no token {uid} of type {token_type}")
        return token

    def set_authorization(
        self,
        answer: Authorization,
        uid: str | None = None,
        token_type: str = RFID,
    ) -> None:
        """How real-time authorizations are answered from now on: of one token, or of all."""
        if uid is None:
            self.policy.default = answer
        else:
            self.policy.by_token[token_key(uid, token_type)] = answer

    @property
    def page_limit(self) -> int:
        """How many objects one page of our lists has."""
        return self.site.page_limit

    @page_limit.setter
    def page_limit(self, limit: int) -> None:
        self.site.page_limit = limit

    # -- commands

    async def command(
        self,
        name: str,
        fields: Json,
        wait: float | None = None,
        peer_id: str | None = None,
    ) -> Command:
        """Send a command and wait for its CommandResult, see `Commands.send`."""
        edition, peer = self._spoken_with(peer_id)
        sender = self._party_of(str(fields.get("session_id", "")))
        return await edition.commands.send(peer, name, fields, wait, sender)

    def _party_of(self, session_id: str) -> Owner | None:
        """The party of ours whose driver charges in this session."""
        session = self.session(session_id)
        return (
            None if session is None else self._edition().version.session_facts(session).token_owner
        )

    async def start_session(
        self,
        location_id: str,
        evse_uid: str,
        token_uid: str,
        *,
        token_type: str = RFID,
        wait: float | None = None,
        **fields: Any,
    ) -> Command:
        token = self._token(token_uid, token_type)
        body = {"token": token, "location_id": location_id, "evse_uid": evse_uid, **fields}
        return await self.command("START_SESSION", body, wait)

    async def stop_session(self, session_id: str, wait: float | None = None) -> Command:
        return await self.command("STOP_SESSION", {"session_id": session_id}, wait)

    async def reserve_now(
        self,
        location_id: str,
        evse_uid: str | None,
        token_uid: str,
        reservation_id: str | int,
        expiry: datetime,
        *,
        wait: float | None = None,
        **fields: Any,
    ) -> Command:
        """`reservation_id` is a number in 2.1.1 and a string later."""
        body: Json = {
            "token": self._token(token_uid, RFID),
            "expiry_date": self.version.write_datetime(expiry),
            "reservation_id": reservation_id,
            "location_id": location_id,
            **fields,
        }
        if evse_uid is not None:
            body["evse_uid"] = evse_uid
        return await self.command("RESERVE_NOW", body, wait)

    async def cancel_reservation(self, reservation_id: str, wait: float | None = None) -> Command:
        """Not in 2.1.1."""
        return await self.command("CANCEL_RESERVATION", {"reservation_id": reservation_id}, wait)

    async def unlock_connector(
        self, location_id: str, evse_uid: str, connector_id: str, wait: float | None = None
    ) -> Command:
        body = {"location_id": location_id, "evse_uid": evse_uid, "connector_id": connector_id}
        return await self.command("UNLOCK_CONNECTOR", body, wait)

    @property
    def commands(self) -> list[Command]:
        return [
            one for edition in self._editions.values() for one in edition.commands.sent.values()
        ]

    # -- smart charging

    async def set_profile(
        self,
        session_id: str,
        profile: Json,
        wait: float | None = None,
        peer_id: str | None = None,
    ) -> ProfileRequest:
        """PUT a ChargingProfile and wait for its result, as long as the CPO says or `wait`."""
        edition, peer = self._spoken_with(peer_id)
        return await edition.profiles.put(
            peer, session_id, profile, wait, self._party_of(session_id)
        )

    async def get_profile(
        self,
        session_id: str,
        duration: int,
        wait: float | None = None,
        peer_id: str | None = None,
    ) -> ProfileRequest:
        """Ask for the ActiveChargingProfile of `duration` seconds."""
        edition, peer = self._spoken_with(peer_id)
        return await edition.profiles.get(
            peer, session_id, duration, wait, self._party_of(session_id)
        )

    async def clear_profile(
        self, session_id: str, wait: float | None = None, peer_id: str | None = None
    ) -> ProfileRequest:
        edition, peer = self._spoken_with(peer_id)
        return await edition.profiles.clear(peer, session_id, wait, self._party_of(session_id))

    async def set_preferences(
        self, session_id: str, preferences: Json, peer_id: str | None = None
    ) -> Any:
        """PUT the driver's ChargingPreferences; returns the ChargingPreferencesResponse."""
        edition, peer = self._spoken_with(peer_id)
        return await edition.profiles.put_preferences(
            peer, session_id, preferences, self._party_of(session_id)
        )

    # -- hub

    async def set_status(
        self, country_code: str, party_id: str, status: str, role: str = "EMSP"
    ) -> None:
        """The party behind our hub, new or known, is connected like this; every platform that
        receives hubclientinfo is told."""
        party = with_status(self.site, Owner(country_code, party_id), status, role)
        for peer in self.peers:
            if peer.endpoint("hubclientinfo", "RECEIVER") is not None:
                await self._editions[peer.version.number].hub_clients.push(peer, party)

    # -- payments and invoices of 2.3.0

    @property
    def terminals(self) -> dict[str, Json]:
        """By id."""
        return self._edition().payments.terminals

    async def put_terminal(self, *, push: bool = True, **fields: Any) -> Json:
        """A payment terminal of ours, new or altered; POSTed to the CPO."""
        return await self._put_payment(TERMINALS, "terminal_id", fields, push=push)

    async def confirm_payment(self, *, push: bool = True, **fields: Any) -> Json:
        """A Financial Advice Confirmation; POSTed to the CPO."""
        return await self._put_payment(CONFIRMATIONS, "id", fields, push=push)

    async def _put_payment(self, module: str, name: str, fields: Json, *, push: bool) -> Json:
        payments = self._edition().payments
        written = payments.put(module, fields)
        if push:
            _, peer = self._spoken_with(None)
            await payments.push(peer, module, written[name])
        return written

    async def get_payment(self, module: str, object_id: str) -> Json:
        """A terminal or a confirmation as the CPO has it."""
        edition, peer = self._spoken_with(None)
        return await edition.payments.get_from(peer, module, object_id)

    async def issue_record(
        self, invoice_id: str, cdrs: list[str], record_id: str | None = None
    ) -> Json:
        """An InvoiceReconciliationRecord of ours (reverse billing), POSTed, or PUT once known."""
        edition, peer = self._spoken_with(None)
        known = record_id in edition.invoices.issued
        record = edition.invoices.issue(invoice_id, cdrs, record_id)
        await edition.invoices.push(peer, record, "PUT" if known else "POST")
        return record

    async def withdraw_record(self, record_id: str) -> None:
        edition, peer = self._spoken_with(None)
        await edition.invoices.push(peer, edition.invoices.issued[record_id], "DELETE")

    # -- faults

    def add_fault(self, fault: Fault) -> Fault:
        return self.faults.add(fault)

    def lift_faults(self, fault_id: int | None = None) -> None:
        self.faults.lift(fault_id)

    # -- pull

    async def pull(
        self,
        module: str,
        *,
        date_from: datetime | None = None,
        date_to: datetime | None = None,
        limit: int | None = None,
        peer_id: str | None = None,
        party: tuple[str, str] | None = None,
    ) -> Json:
        """Pull a whole list, check and keep it; says how many came and what was wrong. Behind a
        hub, on behalf of `party`."""
        edition, peer = self._spoken_with(peer_id)
        sender = None if party is None else Owner(*party)
        return await edition.pull(peer, module, Filters(date_from, date_to, limit), sender)


def _by(objects: list[Json], name: str, wanted: str) -> Json | None:
    for held in objects:
        if held[name].lower() == wanted.lower():
            return dict(held)
    return None
