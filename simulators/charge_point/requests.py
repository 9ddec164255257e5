"""What the CSMS may ask of a station, in version-neutral terms; each answers at once.

What a request sets in motion happens after its answer has gone out, as the standards order it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from simulators.charge_point.certificates import CSMS_ROOT, HashData
from simulators.charge_point.connector import Authorization, Connector, Reservation
from simulators.charge_point.dialect import Verdict
from simulators.charge_point.ledger import Token, Transaction
from simulators.charge_point.library import Endpoint
from simulators.charge_point.local_list import Entry
from simulators.charge_point.profiles import TX, Profile

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

# A driver who started by app plugs in this many virtual seconds later.
PLUG_AFTER_REMOTE_START = 5.0


class Requests:
    def __init__(self, station: "SimulatedChargePoint") -> None:
        self._station = station

    # -- transactions

    def remote_start(
        self,
        token: Token,
        connector: int | None,
        remote_start_id: int | None = None,
        profile: dict[str, Any] | None = None,
        group: str | None = None,
    ) -> bool:
        """Accepts when a connector is free for the token, and then really starts there."""
        chosen = self._free_connector(token, connector, group)
        if chosen is None or not self._station.connected:
            return False
        if profile is not None and not self.set_profile(profile, chosen.number, starting=True):
            return False
        authorization = Authorization(token, "RemoteStart", group, remote_start_id)
        # Taken from now on, so that a second request does not get the same connector.
        chosen.authorization = authorization
        self._station.soon(self._start(chosen, authorization))
        return True

    def remote_stop(self, transaction_id: str) -> bool:
        transaction = self.running(transaction_id)
        if transaction is None:
            return False

        async def stop() -> None:
            if transaction.running:
                self._station.stop_transaction(transaction.connector, "Remote")

        self._station.soon(stop())
        return True

    def running(self, transaction_id: str) -> Transaction | None:
        transaction = self._station.ledger.by_id(transaction_id)
        return transaction if transaction is not None and transaction.running else None

    # -- connectors

    def unlock(self, number: int) -> None:
        """Lets the plug go; a transaction there ends with UnlockCommand."""
        connector = self._station.connectors[number]

        async def release() -> None:
            if connector.transaction is not None:
                self._station.stop_transaction(number, "UnlockCommand")

        self._station.soon(release())

    def change_availability(self, number: int | None, operative: bool) -> str:
        """Accepted, Scheduled or Rejected; None is the whole station."""
        station = self._station
        if number is not None and number not in station.connectors:
            return "Rejected"
        concerned = (
            list(station.connectors.values()) if number is None else [station.connectors[number]]
        )

        async def apply() -> None:
            if number is None:
                station.operative = operative
                station.refresh_station()
            for connector in concerned:
                station.apply_availability(connector, operative)

        station.soon(apply())
        busy = any(connector.transaction for connector in concerned)
        return "Scheduled" if busy and not operative else "Accepted"

    def reboot(self, boot_reason: str, stop_reason: str) -> None:
        self._station.soon(self._station.reboot(boot_reason, stop_reason))

    def reboot_when_idle(self, boot_reason: str, stop_reason: str) -> str:
        """Accepted when idle; Scheduled until the last running transaction has ended."""
        station = self._station
        if not station.ledger.running():
            self.reboot(boot_reason, stop_reason)
            return "Accepted"

        async def reboot() -> None:
            while station.ledger.running():
                await station.clock.sleep(1.0)
            await station.reboot(boot_reason, stop_reason)

        station.soon(reboot())
        return "Scheduled"

    # -- reservations

    def reserve(
        self, reservation_id: int, number: int | None, token: Token, expires_at: datetime,
        group: str | None = None,
    ) -> str:  # fmt: skip
        """Accepted, Occupied, Faulted, Unavailable or Rejected."""
        station = self._station
        connector = self._reservable(reservation_id, number)
        if connector is None or expires_at <= station.real_now():
            return "Rejected"
        if connector.status not in {"Available", "Reserved"}:
            return connector.status if connector.status in _SAID_AS_IS else "Occupied"
        held = connector.reservation
        if held is not None and held.id != reservation_id:
            return "Occupied"
        reservation = Reservation(reservation_id, token, group, expires_at)

        async def hold() -> None:
            connector.reservation = reservation
            station.refresh(connector)
            await asyncio.sleep((expires_at - station.real_now()).total_seconds())
            if connector.reservation is reservation:
                connector.reservation = None
                station.dialect.reservation_ended(reservation.id, "Expired")
                station.refresh(connector)

        station.soon(hold())
        return "Accepted"

    def cancel_reservation(self, reservation_id: int) -> bool:
        for connector in self._station.connectors.values():
            held = connector.reservation
            if held is not None and held.id == reservation_id:
                connector.reservation = None
                self._station.soon(self._refresh(connector))
                return True
        return False

    # -- local list

    def update_local_list(
        self, version: int, full: bool, changes: Sequence[tuple[str, Entry | None]]
    ) -> str:
        """Accepted, VersionMismatch or Failed; an entry of None removes its uid."""
        listed = self._station.local_list
        status = listed.update(version, full, changes)
        self._station.emit("local_list", status=status, version=version, entries=len(listed))
        return status

    # -- smart charging

    def set_profile(self, fields: dict[str, Any], number: int, *, starting: bool = False) -> bool:
        """False for a connector that is not there, or a TxProfile without its transaction."""
        station = self._station
        if number != 0 and number not in station.connectors:
            return False
        profile = Profile.read(fields, number, station.to_station_time)
        if profile.purpose == TX and not starting:
            running = station.connectors[number].transaction if number else None
            if running is None or profile.transaction_id not in (None, running.transaction_id):
                return False
        self._remeasure()
        station.profiles.set(profile)
        self._remeasure()
        return True

    def clear_profiles(self, matches: Callable[[Profile], bool]) -> bool:
        self._remeasure()
        cleared = self._station.profiles.clear(matches) > 0
        self._remeasure()
        return cleared

    def composite_schedule(
        self, number: int, seconds: int, unit: str
    ) -> list[dict[str, Any]] | None:
        """The chargingSchedulePeriod list in `unit`; None for a connector that is not there."""
        station = self._station
        if number != 0 and number not in station.connectors:
            return None
        now = station.clock.now()
        running = station.connectors[number].transaction if number else None
        relative_to = running.started_at if running else now
        rating = station.rating
        steps = station.profiles.schedule(number, now, seconds, relative_to, rating)
        return [
            {"start_period": offset, "limit": rating.amperes(watts) if unit == "A" else watts}
            for offset, watts in steps
        ]

    # -- triggers

    def trigger_status(self, number: int | None) -> bool:
        """StatusNotification for one connector, or for the station and all of them."""
        if number is not None and number not in self._station.connectors:
            return False

        async def tell() -> None:
            if number is None:
                self._station.report_everything()
            else:
                connector = self._station.connectors[number]
                self._station.dialect.send_status(connector, self._station.status(number))

        self._station.soon(tell())
        return True

    def trigger_meter_values(self, number: int | None) -> bool:
        station = self._station
        if number is not None and number not in station.connectors:
            return False
        asked = station.connectors.values() if number is None else [station.connectors[number]]

        async def tell() -> None:
            for connector in asked:
                reading = station.transactions.read_meter(connector, "Trigger")
                station.dialect.meter_read(connector, reading)

        station.soon(tell())
        return True

    def trigger_samples(self, number: int | None) -> bool:
        """A reading inside each running transaction of the connector, or of all of them."""
        running = [
            transaction
            for transaction in self._station.ledger.running()
            if number in (None, transaction.connector)
        ]

        async def tell() -> None:
            for transaction in running:
                if transaction.running:
                    self._station.transactions.sample(transaction, "Trigger")

        self._station.soon(tell())
        return bool(running)

    def trigger_heartbeat(self) -> None:
        self._station.link.tell(self._station.dialect.heartbeat)

    def trigger_boot(self) -> None:
        async def boot(endpoint: Endpoint) -> None:
            await self._station.dialect.boot(endpoint, "Triggered")

        self._station.link.tell(boot)

    # -- credentials

    def change_password(self, password: str | bytes) -> None:
        """A01: the new password counts from the next connection, which is made at once."""
        link = self._station.link
        link.address = replace(link.address, password=password)
        # A01.FR.11 and .12: logged, without what it is.
        self._station.logs.note_security("PasswordChanged", None)
        self._station.soon(link.close())

    def install_certificate(self, use: str, pem: str) -> str:
        """An InstallCertificateStatusEnumType."""
        station = self._station
        status = station.certificates.install(use, pem, station.real_now())
        if status == "Accepted" and use == CSMS_ROOT:
            station.trust_anew()
        return status

    def delete_certificate(self, hash_data: HashData) -> str:
        """A DeleteCertificateStatusEnumType."""
        status = self._station.certificates.delete(hash_data)
        if status == "Accepted":
            self._station.trust_anew()
        return status

    # -- inside

    async def _start(self, connector: Connector, authorization: Authorization) -> None:
        station = self._station
        if station.settings.authorize_remote_starts:
            verdict = await station.authorize(authorization.token)
        else:
            verdict = Verdict("Accepted", authorization.group)
        if connector.authorization is not authorization:
            return
        if not verdict.accepted:
            connector.authorization = None
            station.refresh(connector)
            return
        station.transactions.admit(connector, authorization)
        if station.remote_driver and not connector.cable:
            await station.clock.sleep(PLUG_AFTER_REMOTE_START)
            if connector.authorization is authorization and not connector.cable:
                await station.plug_in(connector.number)

    def _free_connector(
        self, token: Token, number: int | None, group: str | None
    ) -> Connector | None:
        if number is not None:
            asked = self._station.connectors.get(number)
            return asked if asked is not None and asked.open_to(token, group) else None
        free = [c for c in self._station.connectors.values() if c.open_to(token, group)]
        # A plugged-in vehicle is the one that waits to be started.
        return next((c for c in free if c.cable), free[0] if free else None)

    def _reservable(self, reservation_id: int, number: int | None) -> Connector | None:
        connectors = self._station.connectors
        if number is not None:
            return connectors.get(number)
        for connector in connectors.values():
            held = connector.reservation
            if held is not None and held.id == reservation_id:
                return connector
        return next((c for c in connectors.values() if c.status == "Available"), None)

    def _remeasure(self) -> None:
        for connector in self._station.connectors.values():
            self._station.transactions.measure(connector)

    async def _refresh(self, connector: Connector) -> None:
        self._station.refresh(connector)


_SAID_AS_IS = frozenset({"Faulted", "Unavailable"})
