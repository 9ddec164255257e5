"""Logging, set up once per process: structlog, one event a line, JSON when nobody is watching."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

# What a log line must never carry (security-and-faults 7), whatever key a caller chooses for it.
_SECRET_KEY = re.compile(r"password|secret|authorization$|token$|token_[abc]$", re.IGNORECASE)


def configure(level: str = "INFO", *, as_json: bool | None = None) -> None:
    """Route structlog and the standard library's loggers to stderr."""
    if as_json is None:
        as_json = not sys.stderr.isatty()
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.format_exc_info if as_json else _keep,
        mask_secrets,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    )
    hide_broken_requests()
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.getLevelNamesMapping()[level], logging.WARNING))


def hide_broken_requests() -> None:
    """Let aiohttp log that a request was no HTTP, but not its text: secrets may be in it."""
    logging.getLogger("aiohttp.server").addFilter(without_what_was_sent)


def without_what_was_sent(record: logging.LogRecord) -> bool:
    """Strip the record of a peer's mistake, which is no error of ours; keep all others."""
    mistakes = (HttpProcessingError, RequestPayloadError)
    if record.exc_info and isinstance(record.exc_info[1], mistakes):
        record.exc_info = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def mask_secrets(
    logger: Any, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace the value of every key that names a secret."""
    for key in event:
        if _SECRET_KEY.search(key):
            event[key] = "***"
    return event


def _keep(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return event
