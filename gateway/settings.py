"""Everything an operator can set: environment `GATEWAY_*` over `gateway.toml` over defaults.

Read once, by `app` and `cli` only. A secret may come from a file: `GATEWAY_OPERATOR_TOKEN_FILE`
names one that holds GATEWAY_OPERATOR_TOKEN.
"""

import contextlib
import os
import secrets
import socket
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gateway.domain.bills.holding import releases
from gateway.domain.party import Party

PREFIX = "GATEWAY_"
KNOWN_SCHEMES = frozenset({"http", "https", "ftp", "ftps", "sftp"})  # never file:, nor our own
TOML_FILE = "gateway.toml"


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `GATEWAY_<NAME>_FILE`: the setting's value is the file's text, stripped."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """The file's content, if the variable is set. Raises OSError when it cannot be read."""
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        value = Path(path).read_text(encoding="utf-8").strip() if path else None
        return value, field_name, False

    def __call__(self) -> dict[str, Any]:
        """All settings that have a file."""
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """The settings of one gateway process."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, toml_file=TOML_FILE, extra="forbid")

    redis_url: SecretStr | None = Field(None, description="unset: an embedded Valkey server")
    data_dir: Path = Path("./data")
    secret_key: SecretStr | None = Field(
        None, description="64 hex digits; seals partners' tokens in the store"
    )

    ocpp_host: str = "127.0.0.1"
    ocpp_port: int = Field(9000, ge=0, le=65_535)
    ocpp_tls_host: str = "127.0.0.1"
    ocpp_tls_port: int = Field(9443, ge=0, le=65_535)
    ocpp_tls_cert: Path | None = None
    ocpp_tls_key: Path | None = None
    ocpp_tls_cert_2: Path | None = Field(
        None, description="a second certificate, RSA beside ECDSA or the other way round"
    )
    ocpp_tls_key_2: Path | None = None
    ocpp_tls_client_ca: Path | None = None
    ocpp_tls_client_crl: Path | None = None
    ocpp_tls_legacy_port: int | None = Field(
        None, ge=0, le=65_535, description="for TLS 1.0 and 1.1; unset: no such listener"
    )
    heartbeat_interval: int = Field(300, ge=1, description="seconds")
    boot_retry_interval: int = Field(
        60, ge=1, description="seconds after which a pending or rejected station boots again"
    )
    offline_after: float = Field(
        30.0, ge=0, description="seconds a lost charge point has before its EVSEs are UNKNOWN"
    )

    files_host: str = "127.0.0.1"
    files_port: int = Field(9080, ge=0, le=65_535)
    files_public_url: str | None = Field(
        None, description="what stations reach the files listener under; unset: its address"
    )
    files_dir: Path | None = Field(None, description="unset: files/ in the data directory")
    files_max_bytes: int = Field(256 * 1024**2, ge=1, description="of one upload of a station")
    files_quota_bytes: int = Field(5 * 1024**3, ge=1, description="of all uploads together")
    files_schemes: str = Field(
        "http,https,ftp,ftps,sftp", description="of URLs elsewhere that stations may be sent to"
    )
    firmware_roots: Path | None = Field(
        None, description="PEM file: manufacturers' roots; unset: chains are not checked"
    )
    completion_wait: float = Field(
        300.0, ge=0, description="seconds that missing events of an ended transaction have"
    )

    cdr_release: str | None = Field(
        None, description="names of what shall not hold a CDR, with commas; see docs/operate.md"
    )

    ocpi_host: str = "127.0.0.1"
    ocpi_port: int = Field(8000, ge=0, le=65_535)
    ocpi_public_url: str | None = Field(
        None, description="what partners reach us under; unset: http://host:port"
    )
    ocpi_allow_private_hosts: bool = False
    open_data: bool = Field(
        False, description="publish locations and their tariffs to everybody, at /open-data"
    )
    open_data_interval: float = Field(
        300, ge=1, description="seconds between two editions of the open data"
    )
    token_pull_interval: float = Field(
        86_400.0, ge=60, description="seconds between two pulls of all tokens of a partner"
    )
    token_changes_interval: float = Field(
        3_600.0, ge=0, description="seconds between two pulls of changed tokens; 0: none"
    )
    session_interval: float = Field(
        10.0, ge=0, description="seconds between two updates of one running session"
    )

    operator_host: str = "127.0.0.1"
    operator_port: int = Field(8080, ge=0, le=65_535)
    operator_token: SecretStr | None = None

    country_code: str = "NL"
    party_id: str = "GWY"
    business_name: str = "Gateway"
    currency: str = Field("EUR", min_length=3, max_length=3)
    concurrent_transactions: bool = Field(
        True, description="whether one token may charge at several places at once"
    )
    master_pass_group: str | None = Field(
        None,
        min_length=1,
        max_length=36,
        description="group of own tokens that stop any transaction and start none",
    )
    authorization_cache_seconds: int = Field(
        86_400, ge=0, description="how long a station may cache that a token is accepted"
    )
    local_list_interval: float = Field(
        10.0, gt=0, description="seconds between two updates of one station's local list"
    )
    node_id: str = Field(
        "", description="unique among the nodes of one store; unset: host name and OCPP port"
    )
    cpo_name: str | None = Field(
        None, description="O in the certificates of charge points; unset: business name"
    )
    ca: Literal["off", "built-in", "external"] = "off"
    data_transfer_hooks: dict[str, str] = Field(
        default_factory=dict,
        description="vendorId -> package.module:function that answers its DataTransfers",
    )
    cost_interval: float = Field(
        60.0, gt=0, description="seconds between two running costs of a station that shows them"
    )
    settlement_hook: str | None = Field(
        None, description="package.module:function that makes receipts for settlements"
    )
    vat_hook: str | None = Field(
        None, description="package.module:function that knows whose VAT number it is"
    )
    ca_hook: str | None = Field(None, description="package.module:function that signs")
    ca_validity_days: int = Field(365, ge=1, le=3650)
    certificate_renew_days: int = Field(30, ge=1, le=365)
    ev_certificates_hook: str | None = Field(
        None, description="package.module:function that has contract certificates"
    )
    ocsp_required: bool = False
    ocsp_allow_private_hosts: bool = False
    log_level: str = "INFO"
    log_json: bool | None = Field(None, description="unset: JSON unless stderr is a terminal")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment first, then secret files, then gateway.toml."""
        return (
            init_settings,
            env_settings,
            SecretFiles(settings_cls),
            TomlConfigSettingsSource(settings_cls),
        )

    @field_validator("currency", "log_level")
    @classmethod
    def _upper(cls, value: str) -> str:
        return value.upper()

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        self.node_id = self.node_id or f"{socket.gethostname()}:{self.ocpp_port}"
        Party(self.country_code, self.party_id)
        if (self.ocpp_tls_cert is None) != (self.ocpp_tls_key is None):
            raise ValueError("GATEWAY_OCPP_TLS_CERT and GATEWAY_OCPP_TLS_KEY go together")
        if (self.ocpp_tls_cert_2 is None) != (self.ocpp_tls_key_2 is None):
            raise ValueError("GATEWAY_OCPP_TLS_CERT_2 and GATEWAY_OCPP_TLS_KEY_2 go together")
        if (self.ca == "external") != (self.ca_hook is not None):
            raise ValueError("GATEWAY_CA=external and GATEWAY_CA_HOOK go together")
        try:
            releases(self.cdr_release or "")
        except ValueError as error:
            raise ValueError(f"GATEWAY_CDR_RELEASE: {error}") from None
        if not set(self.files_schemes.split(",")) <= KNOWN_SCHEMES:
            known = ", ".join(sorted(KNOWN_SCHEMES))
            raise ValueError(f"GATEWAY_FILES_SCHEMES has one that is not of {known}")
        return self

    @property
    def released(self) -> frozenset[str]:
        """The flags of transactions that shall not hold a CDR."""
        return releases(self.cdr_release or "")

    @property
    def party(self) -> Party:
        """The first party."""
        return Party(self.country_code, self.party_id)


def kept_secret(data_dir: Path, name: str) -> str:
    """A secret made at the first start and kept with mode 0600 in the data directory."""
    data_dir.mkdir(parents=True, exist_ok=True)
    path = data_dir / name
    if not path.exists():
        # written apart and then named, so that a crash never leaves an empty secret behind
        draft = data_dir / f".{name}.{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32) + "\n")
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):  # another process was faster
                os.link(draft, path)
        finally:
            draft.unlink()
    value = path.read_text(encoding="ascii").strip()
    if not value:
        raise ValueError(f"{path} is empty; remove it to have a new one made")
    return value


def operator_token(settings: Settings) -> str:
    """The operator's token: as set, or kept in the data directory as `operator-token`."""
    if settings.operator_token is not None:
        return settings.operator_token.get_secret_value()
    return kept_secret(settings.data_dir, "operator-token")


def secret_key(settings: Settings) -> bytes:
    """The 32-byte key that seals secrets at rest. Raises `ValueError`."""
    if settings.secret_key is None:
        return bytes.fromhex(kept_secret(settings.data_dir, "secret-key"))
    key = bytes.fromhex(settings.secret_key.get_secret_value())
    if len(key) != 32:
        raise ValueError("GATEWAY_SECRET_KEY is not 64 hex digits")
    return key
