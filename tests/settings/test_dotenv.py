"""The grammar of `.env` files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.settings.dotenv import parse_dotenv

FILES = [
    ("A=1", {"A": "1"}),
    ("A=1\nB=2\n", {"A": "1", "B": "2"}),
    ("A=1\r\nB=2\rC=3", {"A": "1", "B": "2", "C": "3"}),
    ("\ufeffA=1", {"A": "1"}),
    ("  export A = 1  ", {"A": "1"}),
    ("# A=1\n\n  # x\nB=2", {"B": "2"}),
    ("A=", {"A": ""}),
    ("A=\nB=1", {"A": "", "B": "1"}),
    ("A=1 # one", {"A": "1"}),
    ("A='1 # one' # two", {"A": "1 # one"}),
    ('A=`it\'s "so"`', {"A": 'it\'s "so"'}),
    ('A="a b"', {"A": "a b"}),
    (r'A="a\nb"', {"A": "a\nb"}),
    (r"A='a\nb'", {"A": r"a\nb"}),
    (r'A="{\"a\": 1}"', {"A": '{"a": 1}'}),
    ('A="one\ntwo"\nB=2', {"A": "one\ntwo", "B": "2"}),
    ("A=''\nB=``", {"A": "", "B": ""}),
    ('A={"a": "b=c"}', {"A": '{"a": "b=c"}'}),
    ("A=${B}", {"A": "${B}"}),
    ("A=1\nA=2", {"A": "2"}),
    ("A=redis://h:1/0?x=y", {"A": "redis://h:1/0?x=y"}),
]


@pytest.mark.parametrize(("text", "values"), FILES)
def test_a_file_is_read(text: str, values: dict[str, str]) -> None:
    read = parse_dotenv(text)
    assert read.values == values
    assert read.remarks == ()


REMARKS = [
    ("A=1\nnonsense\nB=2", {"A": "1", "B": "2"}, ".env line 2 is not NAME=value and is ignored"),
    ("1A=1", {}, ".env line 1 is not NAME=value and is ignored"),
    ('A="x\ny"\nT=ab#cd', {"A": "x\ny", "T": "ab"}, ".env line 3: T is cut at the # in it"),
    ("A='open", {"A": "'open"}, ".env line 1: A begins with a quote that is not closed"),
    ("A='a' b", {"A": "'a' b"}, ".env line 1: A begins with a quote that is not closed"),
]


@pytest.mark.parametrize(("text", "values", "remark"), REMARKS)
def test_what_may_surprise_is_remarked_on(text: str, values: dict[str, str], remark: str) -> None:
    read = parse_dotenv(text)
    assert read.values == values
    assert len(read.remarks) == 1
    assert read.remarks[0].startswith(remark)


@given(st.text(alphabet="A=1'\"`# \n\r\\né"))
def test_no_file_is_too_strange_to_be_read(text: str) -> None:
    parse_dotenv(text)


@given(
    st.dictionaries(
        st.from_regex(r"[A-Z_]{1,9}", fullmatch=True),
        st.text(st.characters(exclude_characters="'\r\n")),
    )
)
def test_single_quotes_keep_everything(values: dict[str, str]) -> None:
    text = "\n".join(f"{name}='{value}'" for name, value in values.items())
    assert parse_dotenv(text).values == values
