"""The form of a line: one line, whatever is in it, and readable again."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.logs.logfmt import logfmt_value, render_logfmt, say_words


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "none"),
        (True, "true"),
        (False, "false"),
        (12, "12"),
        (0.5, "0.5"),
        ("stop", "stop"),
        ("127.0.0.1:80/a?b", "127.0.0.1:80/a?b"),
        ("模型", "模型"),
        ("", '""'),
        ("two words", '"two words"'),
        ('a"b', '"a\\"b"'),
        ("a=b", '"a=b"'),
        ("a\nb", '"a\\nb"'),
        ("a\u2028b", '"a\\u2028b"'),
        ("\x1b[2J", '"\\u001b[2J"'),
        ("\x85", '"\\u0085"'),
        ([1, "a"], '"[1,\\"a\\"]"'),
        ({}, "{}"),
    ],
)
def test_a_value_is_quoted_only_where_it_must_be(value: object, written: str) -> None:
    assert logfmt_value(value) == written


NAMES = st.from_regex(r"[a-z_]{1,8}", fullmatch=True).filter(
    lambda name: name not in {"ts", "level", "event"}
)


@given(st.dictionaries(NAMES, st.none() | st.booleans() | st.integers() | st.text()))
def test_any_fields_give_one_line_whose_values_can_be_read_again(fields: dict[str, object]) -> None:
    line = render_logfmt(None, "info", {"event": "x", **fields})
    assert len(line.splitlines()) == 1
    read = {
        name: json.loads(quoted) if quoted else bare
        for name, quoted, bare in re.findall(r'(?:^| )([a-z_]+)=(?:("(?:[^"\\]|\\.)*")|([^ ]*))', line)
    }
    told = {name: value if isinstance(value, str) else logfmt_value(value) for name, value in fields.items()}
    assert read == {"event": "x", **told}


def test_time_level_and_event_come_first() -> None:
    line = render_logfmt(None, "info", {"a": 1, "event": "e", "ts": "t", "level": "info"})
    assert line == "ts=t level=info event=e a=1"


def test_a_name_that_would_break_the_line_is_hidden() -> None:
    assert render_logfmt(None, "info", {"event": "e", "a b": 1}) == "event=e _=1"


def test_words_stand_for_pythons() -> None:
    assert say_words(None, "info", {"a": None, "b": True, "c": 1, "d": "x"}) == {
        "a": "none",
        "b": "true",
        "c": 1,
        "d": "x",
    }
