"""A simulated charge point: the behaviour that both OCPP versions share.

It behaves as a real one: what happens at its connectors happens whether or not the CSMS can be
reached, and is told when it can. Every call of the public methods is something a driver, an
installer or the weather does; what the CSMS asks for comes in through `requests`.
"""

import asyncio
import contextlib
import random
import ssl
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Self

from simulators.charge_point.certificates import CertificateStore
from simulators.charge_point.clock import Timestamps, VirtualClock, wire_time
from simulators.charge_point.connector import (
    SUSPENDED_EV,
    Authorization,
    Connector,
    ConnectorBusyError,
)
from simulators.charge_point.conversation import StationConversation
from simulators.charge_point.credentials import ClientCertificate, Trust
from simulators.charge_point.diagnostics import Logs
from simulators.charge_point.dialect import Dialect, Said, Verdict, Version
from simulators.charge_point.display import Display
from simulators.charge_point.events import Event, EventSink
from simulators.charge_point.firmware import FirmwarePlan, FirmwareUpdates
from simulators.charge_point.ledger import Ledger, Token, Transaction
from simulators.charge_point.library import (
    CallRefusedError,
    DisconnectedError,
    Fields,
    NoAnswerError,
)
from simulators.charge_point.link import Address, BackOff, Frame, Link
from simulators.charge_point.local_list import LocalList
from simulators.charge_point.meter import WATT_MILLISECONDS_PER_WH, EnergyMeter
from simulators.charge_point.outbox import Outbox, TransactionMessage
from simulators.charge_point.outlet import AC_11KW, AC_22KW, DC_50KW, DC_150KW, Outlet, Rating
from simulators.charge_point.profiles import Profiles
from simulators.charge_point.requests import Requests
from simulators.charge_point.settings import StationSettings
from simulators.charge_point.signed_meter import SignedMeter
from simulators.charge_point.signing import Signing
from simulators.charge_point.transactions import Transactions
from simulators.charge_point.transfers import Transfers
from simulators.charge_point.v16 import V16
from simulators.charge_point.v21 import V21
from simulators.charge_point.v201 import V201
from simulators.charge_point.vehicle import Vehicle

DIALECTS: dict[Version, type[V16] | type[V201]] = {"1.6": V16, "2.0.1": V201, "2.1": V21}
RATINGS = (AC_11KW, AC_22KW, DC_50KW, DC_150KW)
RING_OF_ERRORS = 100


class NotAuthorizedError(Exception):
    """The CSMS, or the station's own rules, did not accept the token; carries the status."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class SimulatedChargePoint:
    """One station with `connectors` connectors, each its own EVSE.

    `url` is the base to which the identity is appended. With `remote_driver` a simulated driver
    plugs in after a remote start and unplugs some time after any transaction that the CSMS ended;
    without it the caller does both. That driver leaves by himself after `remote_stay`, a range of
    virtual seconds; None: he waits for the CSMS. Real seconds: `answer_timeout`, `back_off`,
    heartbeats and retries; everything else runs on `clock`.

    With a `wss` URL the CSMS is checked against `roots` (PEM) and the CSMS roots installed later,
    and `client_certificate` is shown to it; `tls`, if given, decides alone. `firmware` scripts
    what becomes of updates, `log_uploads_fail` and `log_by_post` how logs are delivered.
    """

    def __init__(
        self,
        url: str,
        identity: str,
        version: Version = "1.6",
        *,
        password: str | bytes | None = None,
        connectors: int = 2,
        seed: int | str = 0,
        clock: VirtualClock | None = None,
        rating: Rating | None = None,
        settings: StationSettings | None = None,
        back_off: BackOff | None = None,
        answer_timeout: float = 30.0,
        remote_driver: bool = True,
        remote_stay: tuple[float, float] | None = None,
        tls: ssl.SSLContext | None = None,
        roots: bytes | None = None,
        client_certificate: ClientCertificate | None = None,
        firmware: FirmwarePlan | None = None,
        log_by_post: bool = False,
        log_uploads_fail: bool = False,
        on_event: EventSink | None = None,
        kept_frames: int = 500,
    ) -> None:
        self.identity = identity
        self.version = version
        self.clock = clock or VirtualClock()
        self.timestamps = Timestamps(self.clock)
        self.chance = random.Random(f"{seed}/{identity}")
        self.settings = settings or StationSettings()
        self.rating = rating or self.chance.choice(RATINGS)
        self.profiles = Profiles()
        self.outbox = Outbox()
        self.ledger = Ledger()
        self.operative = True
        self.remote_driver = remote_driver
        self.transactions = Transactions(self, remote_driver, remote_stay)
        self.local_list = LocalList(self.settings)
        self.display = Display()
        self.certificates = CertificateStore()
        self.signing = Signing(self)
        self.firmware = FirmwareUpdates(self, firmware or FirmwarePlan())
        self.logs = Logs(self, fails=log_uploads_fail)
        self.errors: deque[str] = deque(maxlen=RING_OF_ERRORS)
        self.connectors = {
            number: self._build_connector(number) for number in range(1, connectors + 1)
        }
        self.trust = Trust(self.certificates, roots, client_certificate, tls)
        self._log_by_post = log_by_post
        self._on_event = on_event
        self._conversation = StationConversation(self, answer_timeout)
        self._change = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None
        self._running: asyncio.Task[None] | None = None
        self.dialect: Dialect = DIALECTS[version](self)
        self.requests = Requests(self)
        self.link = Link(
            Address(url, identity, self.dialect.subprotocol, password, self.trust.context(url)),
            self._conversation,
            self.outbox,
            self.settings,
            back_off or BackOff(),
            self.chance,
            kept_frames,
        )

    # -- life -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connects and serves until cancelled; the alternative to start and stop."""
        try:
            self.soon(self.transactions.read_by_the_clock())
            await self.link.run()
        finally:
            await self._end_tasks()

    def start(self) -> None:
        self._running = asyncio.create_task(self.run(), name=self.identity)

    async def stop(self, *, end_transactions: bool = True, patience: float = 5.0) -> None:
        """Ends it: running transactions stopped and told within `patience` real seconds.

        Without `end_transactions` it is a power cut: nothing is said. Raises what broke inside.
        """
        if end_transactions and self.connected:
            await self.end_transactions("Local", patience)
        if end_transactions:
            await self.link.close()
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait({self._running})
            if not self._running.cancelled() and (error := self._running.exception()):
                raise error
        await self._end_tasks()
        if self._failure is not None:
            raise self._failure

    async def until_ended(self) -> None:
        """Returns when a started station is no longer running; raises what broke in it."""
        if self._running is not None:
            await asyncio.wait({self._running})
            if not self._running.cancelled():
                self._running.result()
        if self._failure is not None:
            raise self._failure

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop(patience=1.0)

    # -- what to look at --------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Connected and accepted: the CSMS may be called."""
        return self.link.endpoint is not None

    @property
    def serial_number(self) -> str:
        """As it says in its BootNotification: at most 25 characters in every version."""
        return self.identity[:25]

    @property
    def client_certificate(self) -> ClientCertificate | None:
        return self.trust.certificate

    @property
    def security_profile(self) -> int:
        """0 to 3, by how it connects now."""
        if not self.link.address.url.startswith("wss:"):
            return 0 if self.link.address.password is None else 1
        return 2 if self.client_certificate is None else 3

    @property
    def frames(self) -> Sequence[Frame]:
        """The last frames, both ways, oldest first."""
        return self.link.frames

    def status(self, connector: int) -> str:
        """The connector's status in the words of this station's OCPP version."""
        return self.dialect.status_word(self.connectors[connector])

    async def until(self, condition: Callable[[], bool], timeout: float | None = 30.0) -> None:
        """Waits, real seconds, until something that happens here makes the condition true."""
        async with asyncio.timeout(timeout):
            while not condition():
                await self._change.wait()

    async def until_connected(self, timeout: float = 30.0) -> None:
        await self.until(lambda: self.connected, timeout)

    async def until_disconnected(self, timeout: float = 30.0) -> None:
        await self.until(lambda: not self.connected, timeout)

    async def until_status(self, connector: int, status: str, timeout: float = 30.0) -> None:
        await self.until(lambda: self.status(connector) == status, timeout)

    async def until_acknowledged(self, transaction: Transaction, timeout: float = 30.0) -> None:
        await self.until(lambda: transaction.acknowledged, timeout)

    async def until_transaction(self, connector: int, timeout: float = 30.0) -> Transaction:
        """Waits for a running transaction whose start the CSMS has answered."""
        found: list[Transaction] = []

        def answered() -> bool:
            transaction = self.connectors[connector].transaction
            if transaction is not None and transaction.start_answered:
                found.append(transaction)
            return bool(found)

        await self.until(answered, timeout)
        return found[0]

    # -- the weather ------------------------------------------------------------------------

    def drop_connection(self, offline_for: float = 0.0, *, reboots: bool = False) -> None:
        """Loses the socket without a closing handshake; tries again after so many real seconds.

        With `reboots` only the communication part restarts: transactions run on, yet a
        BootNotification comes in the middle of them, as some stations do.
        """
        if reboots:
            self._conversation.boot_reason = "Watchdog"
        self.link.drop(offline_for)

    def go_offline(self) -> None:
        """Loses the socket and stays away until `go_online`."""
        self.link.forbid()

    def go_online(self) -> None:
        self.link.allow()

    async def send_raw(self, text: str) -> None:
        """Sends any text as a frame; an answer to it shows in `frames` only."""
        await self.link.send_raw(text)

    def set_fault(self, connector: int, error_code: str | None) -> None:
        """A 1.6 ChargePointErrorCode, or None once repaired. A fault ends a transaction."""
        faulty = self.connectors[connector]
        faulty.fault = error_code
        if error_code is not None and faulty.transaction is not None:
            self.stop_transaction(connector, "Other")
        self.refresh(faulty)

    # -- what drivers do --------------------------------------------------------------------

    async def plug_in(self, connector: int, vehicle: Vehicle | None = None) -> None:
        """Puts the cable in; an authorization that waits for it starts its transaction."""
        chosen = self.connectors[connector]
        if chosen.cable:
            raise ConnectorBusyError(f"{self.identity}/{connector} has a vehicle")
        self.transactions.measure(chosen)
        chosen.cable = True
        chosen.finished = False
        chosen.outlet.vehicle = vehicle or Vehicle.seeded(self.chance)
        self.refresh(chosen)
        if chosen.authorization is not None:
            self.transactions.begin(chosen, chosen.authorization, chosen.authorization.trigger)

    async def unplug(self, connector: int) -> None:
        """Takes the cable out; a transaction still running ends with EVDisconnected."""
        chosen = self.connectors[connector]
        if chosen.transaction is not None:
            self.stop_transaction(connector, "EVDisconnected")
        chosen.cable = False
        chosen.finished = False
        chosen.outlet.vehicle = None
        self.refresh(chosen)

    async def present_token(self, token: str | Token, connector: int) -> str:
        """Holds a card to the reader and returns the status it got.

        Accepted starts the transaction when the cable is in (else it waits for the cable), or
        stops the running one.
        """
        card, chosen = as_token(token), self.connectors[connector]
        running = chosen.transaction
        if running is not None and running.token.same_as(card):
            self.stop_transaction(connector, "Local")
            return "Accepted"
        chosen.authorizing = True
        try:
            verdict = await self.authorize(card)
        finally:
            chosen.authorizing = False
        if verdict.accepted and running is not None and running is chosen.transaction:
            return self._stop_as_group(chosen, running, verdict)
        if verdict.accepted and not self._usable(chosen, card, verdict.group):
            raise ConnectorBusyError(f"{self.identity}/{connector} is {chosen.status}")
        if verdict.accepted:
            self.transactions.admit(chosen, Authorization(card, "Authorized", verdict.group))
        return verdict.status

    def start_transaction(self, connector: int, token: str | Token) -> Transaction:
        """Starts at once, on a token that needs no Authorize (as a local list would allow)."""
        chosen, card = self.connectors[connector], as_token(token)
        if not self._usable(chosen, card, None):
            raise ConnectorBusyError(f"{self.identity}/{connector} is {chosen.status}")
        return self.transactions.begin(chosen, Authorization(card, "Authorized"), "Authorized")

    def stop_transaction(self, connector: int, reason: str = "Local") -> Transaction:
        """Ends the running transaction; the reason is a 1.6 Reason, translated for 2.0.1."""
        return self.transactions.stop(self.connectors[connector], reason)

    async def charge(
        self,
        connector: int,
        token: str | Token,
        *,
        energy_wh: int | None = None,
        duration: float | None = None,
    ) -> Transaction:
        """A whole visit: plug in, show the card, charge, stop, unplug.

        It ends after exactly `energy_wh`, after `duration` virtual seconds, or when the vehicle
        is full, whichever comes first; the messages may still wait for their answers (see
        `until_acknowledged`). Raises NotAuthorizedError.
        """
        vehicle = Vehicle.seeded(self.chance)
        if energy_wh is not None:
            vehicle.wanted = energy_wh * WATT_MILLISECONDS_PER_WH
        await self.plug_in(connector, vehicle)
        transaction: Transaction | None = None
        try:
            status = await self.present_token(token, connector)
            transaction = self.connectors[connector].transaction
            if status != "Accepted" or transaction is None:
                raise NotAuthorizedError(status)
            await self._until_content(connector, transaction, duration)
            if transaction.running:
                self.stop_transaction(connector, "Local")
            return transaction
        finally:
            if self.connectors[connector].outlet.vehicle is vehicle:
                await self.unplug(connector)

    # -- what the parts of the station use --------------------------------------------------

    @property
    def transfers(self) -> Transfers:
        """Its way to fetch and deliver files; https servers are believed as the CSMS is."""
        return Transfers(self.trust.for_files(self.link.address.tls), self._log_by_post)

    async def say(self, said: Said) -> Fields | None:
        """Calls the CSMS as soon as it can be reached; None where it does not answer well."""
        action, fields = said
        while True:
            await self.until(lambda: self.connected, None)
            endpoint = self.link.endpoint
            if endpoint is None:
                continue
            try:
                return await endpoint.call(action, **fields)
            except DisconnectedError as error:
                self.note_error(error)
            except (CallRefusedError, NoAnswerError) as error:
                self.note_error(error)
                return None

    def security_event(self, event: str, tech_info: str | None = None) -> None:
        """Logs it and tells it, when it can (A04)."""
        self.logs.note_security(event, tech_info)
        self.emit("security_event", type=event)
        at = wire_time(self.timestamps.take())
        self.soon(self._tell(self.dialect.security_event(event, at, tech_info)))

    def show_cost(self, transaction_id: str, cost: Any) -> None:
        """What a session costs, so far or in all, as the CSMS has it."""
        self.display.costs[transaction_id] = cost
        self.emit("cost_shown", transaction_id=transaction_id, total_cost=str(cost))

    def use_certificate(self, own: ClientCertificate) -> None:
        """A02.FR.08: switches to it; with TLS by a new connection."""
        self.trust.certificate = own
        if self.trust_anew():
            self.soon(self.link.close())

    def trust_anew(self) -> bool:
        """What it believes or shows has changed: counts from the next TLS connection."""
        before, tls = self.link.address, self.trust.context(self.link.address.url)
        self.link.address = replace(before, tls=tls)
        return tls is not before.tls

    def emit(self, name: str, **fields: Any) -> None:
        self.logs.note(name, fields)
        self.changed()
        if self._on_event is not None:
            event = Event(name, self.identity, self.version, self.real_now(), fields)
            self._on_event(event)

    def real_now(self) -> datetime:
        return self.clock.now() + self.clock.lag()

    def to_station_time(self, moment: datetime) -> datetime:
        """The CSMS counts in real time, an accelerated station in its own."""
        return moment - self.clock.lag()

    def soon(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs in the background until the station ends; a failure surfaces in `stop`."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    def refresh(self, connector: Connector) -> None:
        """Tells the connector's status if it is another one than last told."""
        word = self.dialect.status_word(connector)
        if word != connector.reported:
            connector.reported = word
            self.emit("status", connector=connector.number, status=word)
            self.dialect.send_status(connector, word)
        self.changed()

    def refresh_station(self) -> None:
        self.dialect.send_station_status()

    async def authorize(self, token: Token) -> Verdict:
        """Asks the CSMS, or the station's own knowledge where it cannot be asked."""
        listed = self.local_list.verdict(token.uid, self.real_now())
        if self.settings.local_pre_authorize and listed is not None and listed.accepted:
            return listed
        endpoint = self.link.endpoint
        if endpoint is not None:
            try:
                return await self.dialect.authorize(endpoint, token)
            except CallRefusedError as error:
                self.note_error(error)
                return Verdict("Invalid")
            except (DisconnectedError, NoAnswerError) as error:
                self.note_error(error)
        if self.settings.local_authorize_offline and listed is not None:
            return listed
        return Verdict("Accepted" if self.settings.accept_unknown_offline else "Invalid")

    def post(self, message: TransactionMessage) -> None:
        self.outbox.put(message)
        self.changed()

    def note_error(self, error: Exception) -> None:
        self.errors.append(f"{type(error).__name__}: {error}")
        self.emit("call_failed", error=f"{type(error).__name__}: {error}")

    async def end_transactions(self, reason: str, patience: float) -> None:
        """Stops what runs and waits, at most `patience` real seconds, for the answers."""
        for connector in self.connectors.values():
            if connector.transaction is not None:
                self.stop_transaction(connector.number, reason)
        try:
            await self.until(lambda: len(self.outbox) == 0 or not self.connected, patience)
        except TimeoutError:
            self.emit("transactions_pending", messages=len(self.outbox))

    async def reboot(self, boot_reason: str, stop_reason: str) -> None:
        """Ends transactions, closes the socket and boots anew."""
        await self.end_transactions(stop_reason, 10.0)
        self._conversation.boot_reason = boot_reason
        await self.link.close()

    def apply_availability(self, connector: Connector, operative: bool) -> bool:
        """ChangeAvailability; False: scheduled for after the running transaction."""
        if connector.transaction is not None and not operative:
            connector.operative_afterwards = operative
            return False
        connector.operative_afterwards = None
        connector.operative = operative
        self.refresh(connector)
        return True

    def report_everything(self) -> None:
        self.refresh_station()
        for connector in self.connectors.values():
            connector.reported = None
            self.refresh(connector)

    # -- inside -----------------------------------------------------------------------------

    async def _tell(self, said: Said) -> None:
        await self.say(said)

    def _build_connector(self, number: int) -> Connector:
        meter = EnergyMeter(self.chance.randrange(10_000, 9_000_000))
        rating = self.rating

        def limit_w(at: datetime) -> int | None:
            running = self.connectors[number].transaction
            relative_to = running.started_at if running else at
            return self.profiles.limit_w(number, at, relative_to, rating)

        outlet = Outlet(rating, meter, self.clock.now(), limit_w)
        return Connector(number, outlet, SignedMeter(self.serial_number, number))

    def _usable(self, connector: Connector, token: Token, group: str | None) -> bool:
        return not connector.finished and connector.open_to(token, group)

    async def _until_content(
        self, connector: int, transaction: Transaction, duration: float | None
    ) -> None:
        chosen = self.connectors[connector]

        def over() -> bool:
            content = chosen.charging_state == SUSPENDED_EV
            return not transaction.running or content

        patience = None if duration is None else self.clock.real_seconds(duration)
        with contextlib.suppress(TimeoutError):
            await self.until(over, patience)

    def _stop_as_group(self, connector: Connector, running: Transaction, verdict: Verdict) -> str:
        if running.group is None or running.group != verdict.group:
            return "ConcurrentTx"
        self.stop_transaction(connector.number, "Local")
        return verdict.status

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failure = self._failure or error
            if self._running is not None:
                self._running.cancel()

    async def _end_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def as_token(token: str | Token) -> Token:
    return Token(token) if isinstance(token, str) else token
