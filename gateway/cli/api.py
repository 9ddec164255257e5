"""The operator API as the commands call it."""

import http.client
import os
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pydantic import ValidationError

from gateway import exact_json
from gateway.cli.problem import Problem
from gateway.settings import Settings

_BASE = "/api/v1"
_TIMEOUT = 60.0
_UNSPECIFIED = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - replaced, not bound


class Refused(Problem):
    """The API answered that it will not; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class OperatorApi:
    """One operator API. Every call raises `Problem` when it did not work."""

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Problem(f"not an http(s) address: {url}")
        self._url = url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._base = parts.path.rstrip("/") + _BASE
        self._token = token

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a GET."""
        return self.call("GET", path, query=query)[1]

    def pages(self, path: str, size: int = 1_000, **query: Any) -> list[Any]:
        """All items of a list, read in parts."""
        items: list[Any] = []
        while True:
            part = self.get(path, offset=len(items), limit=size, **query)
            items += part
            if len(part) < size:
                return items

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: dict[str, Any] | None = None,
        timeout: float = _TIMEOUT,
    ) -> tuple[int, Any]:
        """HTTP status and decoded JSON (None without a body)."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = self._base + path + (f"?{urlencode(given)}" if given else "")
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        content = None if body is None else exact_json.dumps(body)
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=timeout)
        try:
            connection.request(method, target, content, headers)
            response = connection.getresponse()
            text = response.read()
        except TimeoutError:
            raise Problem(f"{self._url} did not answer within {timeout:g} s") from None
        except (OSError, http.client.HTTPException) as error:
            raise Problem(f"no gateway at {self._url}: {error}") from None
        finally:
            connection.close()
        return response.status, _read(response.status, text)


def segment(text: str) -> str:
    """One path segment, percent-encoded."""
    return quote(text, safe="")


def connect(url: str | None) -> OperatorApi:
    """The API at `url`, else where the settings say that the gateway listens."""
    settings = read_settings()
    return OperatorApi(url or _listener(settings), _token(settings))


def read_settings() -> Settings:
    """The settings. Raises `Problem` with everything that is wrong in them."""
    try:
        return Settings()
    except ValidationError as error:
        raise Problem("; ".join(faults(error))) from None
    except OSError as error:
        raise Problem(f"{error.filename}: {error.strerror}") from None
    except ValueError as error:
        raise Problem(str(error)) from None


def faults(error: ValidationError) -> list[str]:
    """What is wrong with the settings, without the values: some are secret."""
    return [
        f"GATEWAY_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}"
        if one["loc"]
        else one["msg"]
        for one in error.errors(include_input=False)
    ]


def _listener(settings: Settings) -> str:
    host = _UNSPECIFIED.get(settings.operator_host, settings.operator_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.operator_port}"


def _token(settings: Settings) -> str:
    if settings.operator_token is not None:
        return settings.operator_token.get_secret_value()
    path = settings.data_dir / "operator-token"
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        hint = os.strerror(error.errno or 0)
        raise Problem(
            f"no operator token: set GATEWAY_OPERATOR_TOKEN or GATEWAY_DATA_DIR ({path}: {hint})"
        ) from None


def _read(status: int, text: bytes) -> Any:
    try:
        value = exact_json.loads(text) if text else None
    except exact_json.InvalidJSON:
        raise Problem(f"HTTP {status}, and no JSON: is this the operator API?") from None
    if 200 <= status < 300:
        return value
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        raise Refused(status, f"HTTP {status}")
    details = [str(one) for one in error.get("details") or ()]
    raise Refused(
        status, ": ".join([str(error.get("message")), *filter(None, ["; ".join(details)])])
    )
