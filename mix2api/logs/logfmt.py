"""One log line as `key=value` fields, for grep: time, level and event first, then the fields as they were given.

Strings are quoted only where they need it; booleans are `true` and `false`, what is absent is `none`. ADR 29 says why
structlog's own renderer cannot write these lines.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Final

from structlog.typing import EventDict, WrappedLogger

_PLAIN: Final = re.compile(r"[!#-<>-\[\]-~\u00a1-\u2027\u202a-\ud7ff\ue000-\U0010ffff]+")
"""Text that needs no quotes: printable, without space, `"`, `=` and backslash, and without line breaks of any kind."""
_WORDS: Final = {None: "none", True: "true", False: "false"}
_FIRST: Final = ("ts", "level", "event")


def render_logfmt(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """The line, without a line break."""
    first = {name: event[name] for name in _FIRST if name in event}
    fields = {**first, **event}
    texts = [text for text in (*fields, *fields.values()) if isinstance(text, str)]
    if all(texts) and _PLAIN.fullmatch("".join(texts)):  # one search instead of one for each of them
        return " ".join(
            [
                f"{name}={value if type(value) is str else logfmt_value(value)}"
                for name, value in fields.items()
            ]
        )
    return " ".join(
        [f"{name if _PLAIN.fullmatch(name) else '_'}={logfmt_value(value)}" for name, value in fields.items()]
    )


def is_plain(texts: str) -> bool:
    """Whether no part of these texts needs quotes. They are not empty."""
    return _PLAIN.fullmatch(texts) is not None


def logfmt_form(names: Iterable[str], context: Mapping[str, object]) -> str:
    """A line for `%`: time, level, event and these fields are to be put in, the context stands in it.

    Args:
        names: of the fields, in their order.
        context: what has none of these names.
    """
    told = [f"{name}={logfmt_value(value)}".replace("%", "%%") for name, value in context.items()]
    return " ".join([*(f"{name}=%s" for name in (*_FIRST, *names)), *told])


def logfmt_words(fields: Mapping[str, object]) -> list[object]:
    """The values of fields for `logfmt_form`: plain texts, numbers, and words of this format."""
    return [
        _WORDS[value] if value is None or value is True or value is False else value
        for value in fields.values()
    ]


def logfmt_value(value: object) -> str:
    """A field's value; containers as JSON."""
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, int | float):
        return str(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def say_words(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A processor that puts the words of this format in the place of Python's, for forms made by others."""
    return {
        name: logfmt_value(value) if value is None or isinstance(value, bool) else value
        for name, value in event.items()
    }
