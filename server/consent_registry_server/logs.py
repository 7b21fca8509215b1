"""The log: one structured event a line, on standard error."""

from __future__ import annotations

import json
import logging
import os
import sys
from enum import StrEnum
from typing import BinaryIO, Final

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from consent_registry_server.rpc.call import call_under_way
from consent_registry_server.rpc.frames import frames_of

LEVELS: Final = ("debug", "info", "warning", "error")


class LogFormat(StrEnum):
    """What a line looks like: for a collector, or for a human."""

    JSON = "json"
    CONSOLE = "console"


def configure_logging(
    level: str, log_format: LogFormat, *, file: BinaryIO | None = None
) -> FilteringBoundLogger:
    """Sets up the log of this process and returns its logger; before gRPC is first used.

    `level` is one of `LEVELS`; `file` is standard error unless given.
    """
    _quieten_grpc()
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=_processors(log_format),
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        # Not the standard library's logging: an event through it costs half an empty call.
        logger_factory=structlog.BytesLoggerFactory(file or sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    logger: FilteringBoundLogger = structlog.get_logger().bind()
    logging.basicConfig(level=logging.WARNING, handlers=[_Bridge(logger)], force=True)
    return logger


def _processors(log_format: LogFormat) -> list[Processor]:
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_call,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_values,
    ]
    if log_format is LogFormat.JSON:
        return [*shared, _json_line]
    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return [
        *shared,
        lambda logger, name, event: console(logger, name, event).encode(errors="replace"),
    ]


def _with_call(_: object, __: str, event: EventDict) -> EventDict:
    """Names the call that caused an event, wherever in the program it did.

    Looked up only when there is something to write: to bind it would cost every call.
    """
    if "request_id" not in event:
        call = call_under_way()
        if call is not None:
            event["request_id"] = call.request_id
    return event


def _without_values(_: object, __: str, event: EventDict) -> EventDict:
    """Keeps of an exception where it came from: messages and variables may be contact data."""
    exc_info = event.pop("exc_info", None)
    error = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    if error is True:
        error = sys.exception()
    if isinstance(error, BaseException):
        event["frames"] = frames_of(error)
    return event


def _json_line(_: object, __: str, event: EventDict) -> bytes:
    return json.dumps(event, default=_type_name).encode()


def _type_name(value: object) -> str:
    # Never its repr, which may show what must not be in a log.
    return f"<{type(value).__qualname__}>"


def _quieten_grpc() -> None:
    """Silences gRPC's core and its Python wrapper: what matters of a call is in our own events."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # It logs exceptions with their messages.
    logging.getLogger("grpc").setLevel(logging.CRITICAL + 1)


class _Bridge(logging.Handler):
    """Passes on what libraries log through the standard library."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Logs one record, without the message of the exception it may carry."""
        self._logger.log(
            record.levelno,
            "library_message",
            library=record.name,
            message=record.getMessage(),
            exc_info=record.exc_info,
        )
