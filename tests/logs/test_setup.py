"""The chain that every line goes through, our own and the libraries'."""

import io
import json
import logging
import re

import pytest
import structlog

from mix2api.errors import ConfigurationError
from mix2api.logs import configure_logging
from mix2api.settings import LogFormat, LogLevel, load_settings

CONTEXT = {"process": "prc_1", "channel": "canary"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def configured(log_format: LogFormat | None, level: LogLevel = LogLevel.INFO) -> io.StringIO:
    stream = io.StringIO()
    configure_logging(log_format, level, stream, CONTEXT)
    return stream


def test_a_logfmt_line_begins_with_time_level_and_event_and_ends_with_the_context() -> None:
    stream = configured(LogFormat.LOGFMT)
    structlog.get_logger().info("session.opened", shard=3, fresh=True, taken=None)
    assert re.fullmatch(
        r"ts=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z level=info event=session\.opened"
        r" shard=3 fresh=true taken=none process=prc_1 channel=canary\n",
        stream.getvalue(),
    )


def test_a_json_line_is_one_object() -> None:
    stream = configured(LogFormat.JSON)
    structlog.get_logger().warning("store.down", since_ms=12, shards=[1, 2], why=None, text="é\n")
    line = json.loads(stream.getvalue())
    del line["ts"]
    assert stream.getvalue().count("\n") == 1
    assert line == {
        "event": "store.down",
        "level": "warning",
        "since_ms": 12,
        "shards": [1, 2],
        "why": None,
        "text": "é\n",
        **CONTEXT,
    }


def test_a_console_line_has_the_same_words() -> None:
    stream = configured(LogFormat.CONSOLE)
    structlog.get_logger().info("session.opened", fresh=True, taken=None)
    assert "session.opened" in stream.getvalue()
    assert "fresh=true taken=none" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize(("stream", "coloured"), [(Terminal(), True), (io.StringIO(), False)])
def test_without_a_format_the_terminal_decides(stream: io.StringIO, coloured: bool) -> None:  # noqa: FBT001
    configure_logging(None, LogLevel.INFO, stream, CONTEXT)
    structlog.get_logger().info("hello")
    assert ("\x1b" in stream.getvalue()) is coloured
    assert ("event=hello" in stream.getvalue()) is not coloured


def test_a_line_may_name_another_channel_than_its_process() -> None:
    stream = configured(LogFormat.JSON)
    structlog.get_logger().info("x", channel="stable")
    assert json.loads(stream.getvalue())["channel"] == "stable"


def test_lines_below_the_level_are_not_written() -> None:
    stream = configured(LogFormat.LOGFMT, LogLevel.WARNING)
    structlog.get_logger().info("quiet")
    structlog.get_logger().error("loud")
    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_secrets_are_masked_in_every_format(log_format: LogFormat) -> None:
    stream = configured(log_format)
    logger = structlog.get_logger().bind(cookie="planted1")
    logger.info("x", authorization="planted2", text="Bearer planted3", deep={"password": ["planted4"]})
    assert "planted" not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") == 4


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_an_exception_leaves_class_and_place_and_never_its_text(log_format: LogFormat) -> None:
    stream = configured(log_format)
    try:
        load_settings({"PORT": "planted"}, None)
    except ConfigurationError as fault:
        structlog.get_logger().exception("first")
        structlog.get_logger().error("second", exc_info=fault)
        structlog.get_logger().error(
            "third", exc_info=(type(fault), fault, fault.__traceback__), stack_info=True
        )
    written = stream.getvalue()
    assert "planted" not in written
    assert written.count("ConfigurationError") == 3
    assert written.count("mix2api/settings/loading.py:") == 3
    assert written.count("\n") == 3


def test_no_exception_leaves_no_trace_of_one() -> None:
    stream = configured(LogFormat.LOGFMT)
    structlog.get_logger().error("x", exc_info=True)
    assert "error=" not in stream.getvalue().replace("level=error", "")


def test_libraries_are_heard_from_warning_on_without_their_arguments() -> None:
    stream = configured(LogFormat.LOGFMT, LogLevel.DEBUG)
    library = logging.getLogger("some.library")
    library.info("planted")
    library.warning("could not parse %r", "planted")
    library.warning({"planted": 1})
    try:
        raise ValueError("planted")
    except ValueError:
        library.exception("failed with Bearer planted")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert "planted" not in stream.getvalue()
    assert 'level=warning event=library logger=some.library said="could not parse %r"' in lines[0]
    assert "said=dict" in lines[1]
    assert "error=ValueError at=none" in lines[2]


def test_a_later_configuration_counts_for_loggers_made_before_it() -> None:
    logger = structlog.get_logger()
    first, second = configured(LogFormat.LOGFMT), configured(LogFormat.JSON)
    logger.info("x")
    assert first.getvalue() == ""
    assert json.loads(second.getvalue())["event"] == "x"
