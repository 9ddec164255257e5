"""`gateway check`: the effective settings, and what is wrong with them."""

import os
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import typer
from pydantic import SecretStr, ValidationError

from gateway.cli.api import faults
from gateway.cli.output import Json, print_json, print_line, print_table
from gateway.settings import PREFIX, Settings, secret_key

_MASK = "***"
_FILES = (
    "ocpp_tls_cert",
    "ocpp_tls_key",
    "ocpp_tls_cert_2",
    "ocpp_tls_key_2",
    "ocpp_tls_client_ca",
    "ocpp_tls_client_crl",
)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_SHORTEST_TOKEN = 16


def check(json_output: Json = False) -> None:
    """Print the effective settings, secrets masked, and say what is wrong. Exit 1 on errors."""
    shown: dict[str, Any] = {}
    errors: list[str] = []
    warnings = unknown_variables(dict(os.environ))
    try:
        settings = Settings()
    except ValidationError as error:
        errors = faults(error)
    except (OSError, ValueError) as error:
        errors = [str(error)]
    else:
        shown = masked(settings)
        errors = wrong(settings)
        warnings += doubtful(settings)
    if json_output:
        print_json({"ok": not errors, "settings": shown, "errors": errors, "warnings": warnings})
    else:
        if shown:
            print_table(
                ("variable", "value"),
                ((PREFIX + name.upper(), value) for name, value in shown.items()),
            )
        for text in warnings:
            print_line(f"warning: {text}")
        for text in errors:
            print_line(f"wrong: {text}")
    if errors:
        raise typer.Exit(1)


def masked(settings: Settings) -> dict[str, Any]:
    """Every setting, secrets as asterisks; of the store's address only the password."""
    shown: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if name == "redis_url" and value is not None:
            value = _without_password(value.get_secret_value())
        elif isinstance(value, SecretStr):
            value = _MASK
        shown[name] = value if isinstance(value, bool | int | float | None) else str(value)
    return shown


def wrong(settings: Settings) -> list[str]:
    """What will keep the gateway from working."""
    found = []
    for name in _FILES:
        path = getattr(settings, name)
        if path is not None and not os.access(path, os.R_OK):
            found.append(f"{PREFIX}{name.upper()}: {path} cannot be read")
    places = listeners(settings)
    for name, address in places.items():
        twins = [other for other, at in places.items() if at == address and other < name]
        if twins and address[1]:
            found.append(f"{name} and {twins[0]} listen at the same address")
    if settings.secret_key is not None:
        try:
            secret_key(settings)
        except ValueError:
            found.append("GATEWAY_SECRET_KEY is not 64 hex digits")
    url = settings.ocpi_public_url
    if url is not None and urlsplit(url).scheme not in ("http", "https"):
        found.append("GATEWAY_OCPI_PUBLIC_URL is no http(s) address")
    return found


def doubtful(settings: Settings) -> list[str]:
    """What works but is seldom meant."""
    found = []
    url = settings.ocpi_public_url
    if url is None and settings.ocpi_host not in _LOOPBACK:
        found.append("GATEWAY_OCPI_PUBLIC_URL is not set: partners are given the listener's name")
    if url is not None and urlsplit(url).scheme == "http":
        found.append("GATEWAY_OCPI_PUBLIC_URL is http: OCPI wants https towards partners")
    if settings.ocpi_allow_private_hosts:
        found.append("GATEWAY_OCPI_ALLOW_PRIVATE_HOSTS: partners may name private addresses")
    if settings.operator_host not in _LOOPBACK:
        found.append("GATEWAY_OPERATOR_HOST: the operator API can be reached from the network")
    token = settings.operator_token
    if token is not None and len(token.get_secret_value()) < _SHORTEST_TOKEN:
        found.append("GATEWAY_OPERATOR_TOKEN is short enough to be guessed")
    if settings.redis_url is not None and settings.secret_key is None:
        found.append("GATEWAY_SECRET_KEY is not set: each node would make its own")
    return found


def unknown_variables(environment: dict[str, str]) -> list[str]:
    """GATEWAY_* variables that set nothing: most are misspelt."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    known |= {f"{name}_FILE" for name in known}
    return [
        f"{name} is no setting"
        for name in sorted(environment)
        if name.upper().startswith(PREFIX) and name.upper() not in known
    ]


def listeners(settings: Settings) -> dict[str, tuple[str, int]]:
    """Where the gateway will listen."""
    places = {
        "the charge points' listener": (settings.ocpp_host, settings.ocpp_port),
        "the partners' listener": (settings.ocpi_host, settings.ocpi_port),
        "the operator's listener": (settings.operator_host, settings.operator_port),
        "the files listener": (settings.files_host, settings.files_port),
    }
    if settings.ocpp_tls_cert is not None:
        places["the TLS listener"] = (settings.ocpp_tls_host, settings.ocpp_tls_port)
    return places


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    netloc = f"{_MASK}@{parts.netloc.rpartition('@')[2]}"
    return urlunsplit((parts.scheme, netloc, parts.path, parts.query, ""))
