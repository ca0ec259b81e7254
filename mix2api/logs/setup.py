"""Sets structlog up, once, from `mix2api.cli`: one chain that every line of ours and of the libraries goes through.

Context, time and level, exceptions cut down to class and place, redaction, rendering; in that order, so that nothing that is
added later escapes the redaction.
"""

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO, assert_never

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from mix2api.logs.logfmt import is_plain, logfmt_form, logfmt_words, render_logfmt, say_words
from mix2api.logs.request_completed import FIELDS, WHOLE, RequestCompleted, fields_of
from mix2api.redaction import is_clean, place_of, redact_fields, redact_text
from mix2api.settings import LogFormat, LogLevel

_LEVELS: Final[Mapping[LogLevel, int]] = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


def configure_logging(
    log_format: LogFormat | None,
    level: LogLevel,
    stream: TextIO,
    context: Mapping[str, str],
) -> FilteringBoundLogger:
    """Makes `structlog.get_logger()` and the standard library's `logging` write to `stream`.

    Args:
        log_format: None chooses `console` if the stream is a terminal, else `logfmt`.
        level: the least level of our own lines. Libraries are heard from `warning` on, whatever stands here: below it
            some of them quote what travels through them.
        stream: written a line at a time and flushed; a slow reader of it slows the process down.
        context: stands in every line (`process`, `channel`), unless the line has a field of that name.

    Returns:
        A logger, for those who are handed one instead of asking structlog.
    """
    chosen = log_format or (LogFormat.CONSOLE if stream.isatty() else LogFormat.LOGFMT)
    structlog.configure(
        processors=[_Chain(chosen, stream, context)],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        context_class=dict,
        logger_factory=structlog.WriteLoggerFactory(stream),
        # Loggers that modules made on import must follow a later configuration: a cached one would not.
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_LibraryHandler()]
    root.setLevel(logging.WARNING)
    logger: FilteringBoundLogger = structlog.get_logger().bind()
    return logger


def reduce_exception(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Puts `error` and `at` in the place of `exc_info`: class and place, never an exception's text."""
    fault = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if fault is True:
        fault = sys.exception()
    elif isinstance(fault, tuple):
        fault = fault[1]
    if isinstance(fault, BaseException):
        place = place_of(fault)
        event["error"], event["at"] = place.error, place.at
    return event


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """The one place where log lines are redacted: every field by its name and by what it looks like."""
    return redact_fields(event)


class _Chain:
    """All processors, as one, because there are two ways to a line.

    Every request leaves a `request.completed` line, and nearly always there is no text in it that could have to be masked or
    quoted. One search shows that, and the line is put together in one step. All other lines pass every processor.
    """

    def __init__(self, log_format: LogFormat, stream: TextIO, context: Mapping[str, str]) -> None:
        others = {name: value for name, value in context.items() if name not in FIELDS}
        self._form = logfmt_form(FIELDS, redact_fields(others)) if log_format is LogFormat.LOGFMT else None
        self._stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts")
        self._processors: list[Processor] = [
            _Context(context),
            structlog.processors.add_log_level,
            self._stamp,
            reduce_exception,
            redact,
            *_renderers(log_format, stream),
        ]

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> Any:
        """The line's text."""
        completed = event.pop(WHOLE, None)
        if isinstance(completed, RequestCompleted):
            fields = fields_of(completed)
            if self._form is not None:
                texts = "".join([value for value in fields.values() if type(value) is str])
                if is_plain(texts) and is_clean(texts):
                    ts = self._stamp(logger, method, {})["ts"]
                    return self._form % (ts, method, event["event"], *logfmt_words(fields))
            event = {**fields, **event}
        told: Any = event
        for processor in self._processors:
            told = processor(logger, method, told)
        return told


class _Context:
    """A processor that adds the process's own fields."""

    def __init__(self, context: Mapping[str, str]) -> None:
        self._context = dict(context)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        for name, value in self._context.items():
            event.setdefault(name, value)
        return event


class _LibraryHandler(logging.Handler):
    """Hands the libraries' records to our chain, without the arguments: those may be what a client sent."""

    def emit(self, record: logging.LogRecord) -> None:
        told = redact_text(record.msg) if isinstance(record.msg, str) else type(record.msg).__name__
        structlog.get_logger().log(
            record.levelno, "library", logger=record.name, said=told, exc_info=record.exc_info or None
        )


def _renderers(log_format: LogFormat, stream: TextIO) -> list[Processor]:
    match log_format:
        case LogFormat.CONSOLE:
            colors = stream.isatty()
            return [
                say_words,
                structlog.dev.ConsoleRenderer(colors=colors, timestamp_key="ts", sort_keys=False),
            ]
        case LogFormat.JSON:
            return [structlog.processors.JSONRenderer(serializer=_to_json)]
        case LogFormat.LOGFMT:
            return [render_logfmt]
        case _:
            assert_never(log_format)


def _to_json(event: EventDict, **_options: object) -> str:
    # `default=` and the like, which structlog offers, are not needed: after the redaction all values are plain.
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))
