"""The log's lines."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from contextvars import Context

import pytest
import structlog

from consent_registry_server.logs import LogFormat, configure_logging
from consent_registry_server.rpc.call import MADE_UP, Call, enter_call

NUMBER = "+33639980001"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    """Logging is set up once a process; the tests leave it as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("grpc").setLevel(logging.NOTSET)
    structlog.reset_defaults()


def lines(file: io.BytesIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_an_event_is_a_line_of_json() -> None:
    """With its level and time."""
    file = io.BytesIO()
    logger = configure_logging("info", LogFormat.JSON, file=file)
    logger.info("started", port=50051)
    (line,) = lines(file)
    assert (line["event"], line["level"], line["port"]) == ("started", "info", 50051)
    assert str(line["timestamp"]).endswith("Z")


def test_what_is_below_the_level_is_not_written() -> None:
    """Debugging is off unless asked for."""
    file = io.BytesIO()
    logger = configure_logging("warning", LogFormat.JSON, file=file)
    logger.info("dull")
    logger.warning("odd")
    assert [line["event"] for line in lines(file)] == ["odd"]


def test_an_event_within_a_call_names_it() -> None:
    """Wherever in the program it happens; what names a request itself keeps its word."""
    file = io.BytesIO()
    logger = configure_logging("info", LogFormat.JSON, file=file)

    def within() -> None:
        enter_call(Call(MADE_UP, (), request_id="r1"))
        logger.info("inside")
        logger.info("told", request_id="r2")

    Context().run(within)
    Context().run(logger.info, "outside")
    assert [line.get("request_id") for line in lines(file)] == ["r1", "r2", None]


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_an_exception_is_logged_without_message_and_variables(log_format: LogFormat) -> None:
    """Both may be contact data, whoever logs it."""
    file = io.BytesIO()
    logger = configure_logging("info", log_format, file=file)
    try:
        int(NUMBER + "x")
    except ValueError:
        logger.exception("failed")
        logging.getLogger("library").exception("also failed")
    text = file.getvalue().decode()
    assert NUMBER not in text
    assert text.count("ValueError") == 2
    assert text.count("test_logs.py") >= 2


def test_a_value_that_is_no_json_is_named_by_its_type() -> None:
    """Its repr may show what must not be in a log."""
    file = io.BytesIO()
    logger = configure_logging("info", LogFormat.JSON, file=file)
    logger.info("event", value=io.StringIO(NUMBER))
    assert lines(file)[0]["value"] == "<StringIO>"


def test_what_libraries_log_comes_along() -> None:
    """From warnings on, as events."""
    file = io.BytesIO()
    configure_logging("info", LogFormat.JSON, file=file)
    logging.getLogger("another").info("dull")
    logging.getLogger("another").warning("odd %s", "thing")
    (line,) = lines(file)
    assert (line["event"], line["library"]) == ("library_message", "another")
    assert (line["message"], line["level"]) == ("odd thing", "warning")


def test_grpc_itself_is_quiet() -> None:
    """It logs exceptions with their messages."""
    file = io.BytesIO()
    configure_logging("debug", LogFormat.JSON, file=file)
    logging.getLogger("grpc._server").error(NUMBER)
    assert file.getvalue() == b""
