"""The doors of one process: for charge points, their files, partners and operators."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from gateway.admin.server import AdminServer
from gateway.admin.server import Services as AdminServices
from gateway.admin.server import create_app as create_admin_app
from gateway.delivery import Deliveries
from gateway.domain.token_pulls import PullRhythm
from gateway.files.server import FilesServer
from gateway.files.server import create_app as create_files_app
from gateway.house import House, PartnerRequests, utc_now
from gateway.ocpi import open_data
from gateway.ocpi.credentials.registration import Registration
from gateway.ocpi.incoming import server as ocpi
from gateway.ocpi.outgoing.hub_client_pull import HubClientPull
from gateway.ocpi.outgoing.payment_provider import PaymentProviders
from gateway.ocpi.platform import Platform
from gateway.ocpi.pushes.cdr_copies import CdrCopies
from gateway.ocpi.tokens.received_tokens import ReceivedTokens
from gateway.ocpi.tokens.token_pull import TokenPull
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.server import OcppServer
from gateway.ocpp.tls import CertificateFiles, ServerTls
from gateway.services.access.own_tokens import OwnTokens
from gateway.services.billing.invoices import Invoices
from gateway.services.files.file_transfers import FileRules, FileTransfers
from gateway.services.files.firmware_signature import read_roots
from gateway.services.roaming.payment_terminals import PaymentTerminals
from gateway.services.security.trust import Trust
from gateway.settings import Settings


async def serve_partners(
    settings: Settings,
    house: House,
    deliveries: Deliveries,
    requests: PartnerRequests,
    platform: Platform,
    port: int,
    listeners: "Listeners",
    stack: AsyncExitStack,
) -> Registration:
    """Open the partners' listener; returns what registers us with them."""
    received = ReceivedTokens(house.store.tokens, house.partners, house.parties.knows)
    pull = TokenPull(
        house.client,
        house.partners,
        received,
        platform,
        house.store,
        utc_now,
        rhythm=PullRhythm(settings.token_pull_interval, settings.token_changes_interval),
    )
    stack.push_async_callback(pull.close)
    await pull.start()
    hub_clients = HubClientPull(
        house.client, house.partners, house.hub_clients, house.store, utc_now
    )
    stack.push_async_callback(hub_clients.close)
    await hub_clients.start()

    def registered(partner_id: str) -> None:
        pull.begin(partner_id)
        hub_clients.begin(partner_id)
        deliveries.wake(partner_id)

    registration = Registration(
        house.client, house.partners, platform, house.store, utc_now, registered
    )
    server = ocpi.OcpiServer(
        ocpi.create_app(
            ocpi.Services(
                directory=house.partners,
                platform=platform,
                store=house.store,
                locations=house.catalogue,
                tariffs=house.tariffs,
                commands=requests.commands,
                profiles=requests.profiles,
                preferences=requests.preferences,
                tokens=received,
                registration=registration,
                hub_clients=house.hub_clients,
                now=utc_now,
                called=deliveries.wake,
                open_data=_open_data(settings, house, stack),
            )
        )
    )
    listeners.closing.append(server.close)
    await server.start(settings.ocpi_host, port)
    return registration


def _open_data(
    settings: Settings, house: House, stack: AsyncExitStack
) -> open_data.Publisher | None:
    if not settings.open_data:
        return None
    publisher = open_data.Publisher(
        settings.data_dir / "open-data",
        lambda: [own.party for own in house.parties.all()],
        house.catalogue,
        house.tariffs,
        settings.open_data_interval,
    )
    publisher.start()
    stack.push_async_callback(publisher.close)
    return publisher


async def serve_files(
    settings: Settings, house: House, stations: OcppServer, listeners: "Listeners"
) -> tuple[FileTransfers, str]:
    """Open the stations' listener for files; returns its services and its URL."""
    context, files = None, _certificate_files(settings)
    if files:
        tls = ServerTls(files)
        stations.look_after(tls)
        context = tls.context
    port = settings.files_port or free_port(settings.files_host)
    url = f"{'https' if context else 'http'}://{settings.files_host}:{port}/"
    rules = FileRules(
        directory=settings.files_dir or settings.data_dir / "files",
        public_url=settings.files_public_url or url,
        max_bytes=settings.files_max_bytes,
        quota_bytes=settings.files_quota_bytes,
        schemes=frozenset(settings.files_schemes.split(",")),
        firmware_roots=read_roots(settings.firmware_roots) if settings.firmware_roots else (),
    )
    transfers = FileTransfers.make(house.store, house.operations, rules, utc_now)
    server = FilesServer(
        create_files_app(transfers.tickets, transfers.uploads, transfers.firmware_files)
    )
    listeners.closing.append(server.close)
    await server.start(settings.files_host, port, context)
    return transfers, url


async def serve_operators(
    settings: Settings,
    house: House,
    deliveries: Deliveries,
    registration: Registration,
    stations: OcppServer,
    platform: Platform,
    token: str,
    listeners: "Listeners",
    transfers: FileTransfers,
) -> int:
    """Open the operators' listener; returns its port."""
    services = AdminServices(
        store=house.store,
        parties=house.parties,
        hub_clients=house.hub_clients,
        charge_points=house.charge_points,
        router=house.router,
        reservations=house.reservations,
        smart_charging=house.smart_charging,
        catalogue=house.catalogue,
        tariffs=house.tariffs,
        own_tokens=OwnTokens(house.store),
        local_lists=house.local_lists,
        costs=house.costs,
        payments=house.payments,
        invoices=Invoices(house.store, utc_now),
        payment_terminals=PaymentTerminals(
            house.store,
            house.partners,
            house.parties,
            house.catalogue,
            PaymentProviders(house.client, platform),
            utc_now,
        ),
        partners=house.partners,
        registration=registration,
        deliveries=deliveries,
        cdr_copies=CdrCopies(house.client, house.store),
        stale=house.stale,
        provisioning=house.provisioning,
        baselines=house.baselines,
        device_models=house.device_models,
        reports=house.reports,
        operations=house.operations,
        transfers=transfers,
        deviations=house.deviations,
        certificates=house.certificates,
        credentials=house.credentials,
        warnings=stations.tls_warnings,
        messages=stations.messages,
        versions_url=platform.versions_url,
        operator_token=token,
        now=utc_now,
    )
    server = AdminServer(create_admin_app(services))
    listeners.closing.append(server.close)
    return await server.start(settings.operator_host, settings.operator_port)


def station_services(house: House) -> ChargePointServices:
    return ChargePointServices(
        charge_points=house.charge_points,
        provisioning=house.provisioning,
        status=house.status,
        authorization=house.authorization,
        transactions=house.transactions,
        now=utc_now,
        operations=house.operations,
        reservations=house.reservations,
        reports=house.reports,
        data_transfers=house.data_transfers,
        deviations=house.deviations,
        security_events=house.certificates.security_events,
        certificate_signing=house.certificates.signing,
        vehicle_certificates=house.certificates.vehicles,
        router=house.router,
        logins=house.logins,
        credentials=house.credentials,
        certificate_renewal=house.certificates.renewal,
        costs=house.costs,
        payments=house.payments,
        charging_limits=house.charging_limits,
    )


class Listeners:
    """The open listeners, drained together."""

    def __init__(self) -> None:
        self.closing: list[Callable[[], Coroutine[Any, Any, None]]] = []

    async def close(self) -> None:
        """Drain all at once; raises what went wrong with one after all have ended."""
        results = await asyncio.gather(*(close() for close in self.closing), return_exceptions=True)
        for error in results:
            if isinstance(error, BaseException):
                raise error


async def listen_tls(
    settings: Settings, stations: OcppServer, trust: Trust
) -> tuple[str | None, str | None]:
    """Open the listeners over TLS that are wanted: today's, and one for old versions."""
    files = _certificate_files(settings)

    async def listen(port: int | None, *, legacy: bool) -> str | None:
        if not files or port is None:
            return None
        host = settings.ocpp_tls_host
        tls = ServerTls(files, trust=trust, legacy=legacy)
        return f"wss://{host}:{await stations.listen(host, port, tls=tls)}/ocpp/"

    return (
        await listen(settings.ocpp_tls_port, legacy=False),
        await listen(settings.ocpp_tls_legacy_port, legacy=True),
    )


def _certificate_files(settings: Settings) -> list[CertificateFiles]:
    """What the charge points' listeners show: one certificate, or one for each kind of key."""
    pairs = [
        (settings.ocpp_tls_cert, settings.ocpp_tls_key),
        (settings.ocpp_tls_cert_2, settings.ocpp_tls_key_2),
    ]
    return [CertificateFiles(cert, key) for cert, key in pairs if cert and key]


def free_port(host: str) -> int:
    """A port for a listener whose URL must be known before it listens (port 0 in tests)."""
    with socket.create_server((host, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
