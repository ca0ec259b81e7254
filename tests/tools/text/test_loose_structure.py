"""What the grammar makes of tokens: a well-formed order, and flaws where there is none."""

import pytest

from mix2api.tools.text.loose_structure import Structure


class _Order:
    """A reader that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def open(self, bracket: str) -> None:
        self.told.append(bracket)

    def close(self, bracket: str) -> None:
        self.told.append(bracket)

    def begin_string(self, *, key: bool) -> None:
        self.told.append("key" if key else "value")

    def text(self, run: str) -> None:
        raise AssertionError(run)

    def escape(self, raw: str) -> None:
        raise AssertionError(raw)

    def end_string(self) -> None:
        self.told.append("end")

    def bare(self, word: str, *, key: bool) -> None:
        self.told.append(f"{'key' if key else 'value'} {word}")

    def colon(self) -> None:
        self.told.append(":")

    def comma(self) -> None:
        self.told.append(",")

    def space(self, run: str) -> None:
        raise AssertionError(run)

    def flaw(self) -> None:
        self.told.append("flaw")


def _told(tokens: str) -> str:
    """Tokens are brackets, `:`, `,`, `"` for a whole string, anything else for a word."""
    order = _Order()
    structure = Structure(order)
    for token in tokens.split():
        if token in "{[(":
            structure.open(token)
        elif token in "}])":
            structure.close(token)
        elif token == ":":
            structure.colon()
        elif token == ",":
            structure.comma()
        elif token == '"':
            structure.begin_string()
            structure.end_string()
        else:
            structure.bare(token)
    return " ".join(order.told)


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        ('{ " : 1 , a : [ 2 , " ] }', "{ key end : value 1 , key a : [ value 2 , value end ] }"),
        ("{ a : 1 b : 2 }", "{ key a : value 1 , key b : value 2 }"),
        ('{ a " b [ ] }', "{ key a : value end , key b : [ ] }"),
        ("[ 1 2 [ ] { } ]", "[ value 1 , value 2 , [ ] , { } ]"),
        ("{ , a : 1 , , }", "{ key a : value 1 , }"),
        ("[ , 1 , , ]", "[ value 1 , ]"),
        ("( a : ( b : 1 } ]", "{ key a : { key b : value 1 } }"),
        ("{ a : [ { b : 1 ] }", "{ key a : [ { key b : value 1 } ] }"),
        ("{ a : [ 1 )", "{ key a : [ value 1 ]"),
    ],
)
def test_tokens_come_out_in_a_well_formed_order(tokens: str, told: str) -> None:
    assert _told(tokens) == told


@pytest.mark.parametrize(
    ("tokens", "told"),
    [
        ("{ a }", "{ key a flaw }"),
        ("{ a : }", "{ key a : flaw }"),
        ("{ a , b : 1 }", "{ key a flaw key b : value 1 }"),
        ("{ a : , b : 1 }", "{ key a : flaw key b : value 1 }"),
        ("{ { } }", "{ flaw { } }"),
        ("{ a : 1 { } }", "{ key a : value 1 flaw , { } }"),
        ("{ : 1 }", "{ flaw key 1 flaw }"),
        ("[ 1 : 2 ]", "[ value 1 flaw , value 2 ]"),
        ("{ a : : 1 }", "{ key a : flaw value 1 }"),
    ],
)
def test_what_has_no_reading_is_a_flaw_and_the_rest_keeps_its_place(tokens: str, told: str) -> None:
    assert _told(tokens) == told


def test_a_closer_is_expected_where_something_is_open_for_it() -> None:
    structure = Structure(_Order())
    structure.open("{")
    assert [closer for closer in "}])" if structure.has_open(closer)] == ["}"]
    structure.bare("a")
    structure.colon()
    structure.open("(")
    assert all(structure.has_open(closer) for closer in "}])")
