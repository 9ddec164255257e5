"""What goes on at the connectors: transactions begin, draw energy, are sampled and end.

All of it happens whether or not the CSMS can be reached; the dialect turns it into messages.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulators.charge_point.connector import Authorization, Connector, ConnectorBusyError
from simulators.charge_point.ledger import Reading, Transaction

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

CLOCK = "Sample.Clock"
MEASURE_EVERY = 10.0
"""virtual seconds between two looks at a running transaction's energy flow"""
MEASURE_AT_LEAST = 0.05
"""real seconds between them, so that a fast clock does not keep the processor busy"""
LOOK_AT_CLOCK_EVERY = 60.0
"""virtual seconds, and at least a real one: the interval may have been set meanwhile"""
UNPLUG_AFTER_STOP = 20.0
"""virtual seconds until a driver takes his vehicle away after the CSMS ended his transaction"""


class Transactions:
    def __init__(
        self,
        station: "SimulatedChargePoint",
        remote_driver: bool,
        remote_stay: tuple[float, float] | None,
    ) -> None:
        self._station = station
        self._remote_driver = remote_driver
        self._remote_stay = remote_stay

    def admit(self, connector: Connector, authorization: Authorization) -> None:
        """Lets an accepted token start: now if the cable is in, else when it comes."""
        if connector.cable:
            self.begin(connector, authorization, authorization.trigger)
            return
        connector.authorization = authorization
        self._station.refresh(connector)
        self._station.soon(self._forget_later(connector, authorization))

    def begin(
        self, connector: Connector, authorization: Authorization, trigger: str
    ) -> Transaction:
        reading = self.read_meter(connector, "Transaction.Begin")
        reservation = connector.reservation
        transaction = Transaction(
            connector=connector.number,
            token=authorization.token,
            meter_start_wh=reading.register_wh,
            started_at=reading.at,
            group=authorization.group,
            remote_start_id=authorization.remote_start_id,
            reservation_id=reservation.id if reservation else None,
            readings=[reading],
        )
        connector.authorization = None
        connector.reservation = None
        connector.transaction = transaction
        connector.finished = False
        self._station.ledger.add(transaction)
        self._station.dialect.transaction_started(transaction, reading, trigger)
        connector.outlet.close(reading.at)
        connector.charging_state = connector.electrical_state()
        self._station.dialect.charging_state_changed(
            transaction, self.read_meter(connector, "Other"), connector.charging_state
        )
        self._station.refresh(connector)
        self._station.soon(self._supply(connector, transaction))
        if trigger == "RemoteStart" and self._remote_stay is not None:
            stay = self._station.chance.uniform(*self._remote_stay)
            self._station.soon(self._leave_later(connector, transaction, stay))
        return transaction

    def stop(self, connector: Connector, reason: str) -> Transaction:
        """Ends the running transaction; the reason is a 1.6 Reason, translated for 2.0.1."""
        transaction = connector.transaction
        if transaction is None:
            name = f"{self._station.identity}/{connector.number}"
            raise ConnectorBusyError(f"{name} runs no transaction")
        reading = self.read_meter(connector, "Transaction.End")
        connector.outlet.open(reading.at)
        connector.transaction = None
        connector.finished = connector.cable
        transaction.meter_stop_wh = reading.register_wh
        transaction.stopped_at = reading.at
        transaction.stop_reason = reason
        transaction.readings.append(reading)
        self._station.dialect.transaction_stopped(transaction, reading)
        self._station.profiles.end_transaction(connector.number)
        self._apply_availability(connector)
        self._station.refresh(connector)
        if self._remote_driver and reason in {"Remote", "UnlockCommand", "DeAuthorized"}:
            self._station.soon(self._unplug_later(connector))
        return transaction

    def read_meter(self, connector: Connector, context: str) -> Reading:
        at = self._station.timestamps.take()
        connector.outlet.advance(at)
        vehicle = connector.outlet.vehicle
        return Reading(
            at=at,
            register_wh=connector.outlet.meter.register_wh,
            power_w=connector.outlet.power_w(),
            soc_percent=vehicle.soc_permille // 10 if vehicle else 0,
            context=context,
        )

    def measure(self, connector: Connector) -> None:
        """Lets energy flow up to now and tells when the charging state has changed by it."""
        transaction = connector.transaction
        if transaction is None:
            connector.outlet.advance(self._station.clock.now())
            return
        reading = self.read_meter(connector, "Other")
        state = connector.electrical_state()
        if state != connector.charging_state:
            connector.charging_state = state
            self._station.dialect.charging_state_changed(transaction, reading, state)
            self._station.refresh(connector)

    def sample(self, transaction: Transaction, context: str) -> Reading:
        """Takes a reading inside a running transaction and tells it."""
        reading = self.read_meter(self._station.connectors[transaction.connector], context)
        transaction.readings.append(reading)
        self._station.dialect.sampled(transaction, reading)
        return reading

    def start_answered(self, transaction: Transaction, token_status: str | None) -> None:
        """The CSMS has answered for a transaction's start."""
        first = not transaction.start_answered
        transaction.start_answered = True
        transaction.token_status = token_status or transaction.token_status
        if first:
            self._station.emit("transaction_started", **transaction.as_fields())
        self.token_judged(transaction, token_status)
        self._station.changed()

    def token_judged(self, transaction: Transaction, status: str | None) -> None:
        """1.6 StopTransactionOnInvalidId, 2.0.1 StopTxOnInvalidId."""
        refused = status is not None and status != "Accepted"
        if refused and transaction.running and self._station.settings.stop_on_invalid_token:
            self.stop(self._station.connectors[transaction.connector], "DeAuthorized")

    def stop_answered(self, transaction: Transaction) -> None:
        transaction.stop_answered = True
        self._station.emit("transaction_stopped", **transaction.as_fields())
        self._station.changed()

    def message_given_up(self, action: str, transaction: Transaction) -> None:
        transaction.discarded += 1
        self._station.emit("message_discarded", action=action, **transaction.as_fields())
        self._station.changed()

    async def read_by_the_clock(self) -> None:
        """Clock-aligned readings of every connector: at midnight and each interval after it."""
        clock, settings = self._station.clock, self._station.settings
        due = self._next_aligned()
        while True:
            step = max(LOOK_AT_CLOCK_EVERY, clock.scale)
            left = step if due is None else (due - clock.now()).total_seconds()
            await clock.sleep(max(0.0, min(step, left)))
            if due is not None and settings.aligned_interval and clock.now() >= due:
                self._read_aligned()
            expected = self._next_aligned()
            if due is None or expected is None or clock.now() >= due or expected < due:
                due = expected

    def _next_aligned(self) -> datetime | None:
        interval = self._station.settings.aligned_interval
        if not interval:
            return None
        now = self._station.clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        passed = (now - midnight) // timedelta(seconds=interval)
        return midnight + (passed + 1) * timedelta(seconds=interval)

    def _read_aligned(self) -> None:
        for connector in self._station.connectors.values():
            if connector.transaction is not None:
                self.sample(connector.transaction, CLOCK)
            else:
                reading = self.read_meter(connector, CLOCK)
                self._station.dialect.meter_read(connector, reading)

    async def _supply(self, connector: Connector, transaction: Transaction) -> None:
        """Watches a running transaction: energy flow, charging state, periodic samples."""
        last_sample = transaction.started_at
        while connector.transaction is transaction:
            interval = self._station.settings.sample_interval
            step = max(MEASURE_EVERY, MEASURE_AT_LEAST * self._station.clock.scale)
            await self._station.clock.sleep(min(step, interval) if interval else step)
            if connector.transaction is not transaction:
                return
            self.measure(connector)
            if interval and self._station.clock.now() - last_sample >= timedelta(seconds=interval):
                last_sample = self.sample(transaction, "Sample.Periodic").at
            self._station.changed()

    def _apply_availability(self, connector: Connector) -> None:
        if connector.operative_afterwards is not None:
            connector.operative = connector.operative_afterwards
            connector.operative_afterwards = None

    async def _forget_later(self, connector: Connector, authorization: Authorization) -> None:
        await self._station.clock.sleep(self._station.settings.connection_timeout)
        if connector.authorization is authorization:
            connector.authorization = None
            self._station.refresh(connector)

    async def _leave_later(
        self, connector: Connector, transaction: Transaction, stay: float
    ) -> None:
        await self._station.clock.sleep(stay)
        if connector.transaction is transaction:
            await self._station.unplug(connector.number)

    async def _unplug_later(self, connector: Connector) -> None:
        await self._station.clock.sleep(UNPLUG_AFTER_STOP)
        if connector.cable and connector.finished:
            await self._station.unplug(connector.number)
