"""The fields of a TOML table: what passes, and the error of what does not."""

import re

import pytest

from mix2api.errors import ConfigurationError
from mix2api.settings.choices import BindingScope
from mix2api.toml_table import TomlTable


def table(**said: object) -> TomlTable:
    return TomlTable(said, "f.toml: one 1")


def test_fields_are_read_with_their_defaults() -> None:
    read = table(n=3, flag=False, url="https://x.example/v1/", texts=["a"], text="ab")
    read.check_names({"n", "flag", "url", "texts", "text"}, ["n"])
    assert (read.whole("n", 1, range(5)), read.whole("m", 1, range(5))) == (3, 1)
    assert (read.perhaps_whole("n", range(5)), read.perhaps_whole("m", range(5))) == (3, None)
    assert (read.flag("flag", default=True), read.flag("other", default=True)) == (False, True)
    assert read.base_url("url") == "https://x.example/v1"
    assert (read.texts("texts", (), ""), read.texts("other", ("d",), "")) == (("a",), ("d",))
    assert (table(m={"a": "b"}).names("m", ""), read.names("other", "")) == ({"a": "b"}, {})
    assert read.text("text", re.compile("ab"), "ab") == "ab"
    assert table(w="session").word("w", BindingScope) is BindingScope.SESSION


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"n": 9}, lambda t: t.whole("n", 1, range(5))),
        ({"n": True}, lambda t: t.whole("n", 1, range(5))),
        ({"n": "x"}, lambda t: t.perhaps_whole("n", range(5))),
        ({"n": 1}, lambda t: t.flag("n", default=True)),
        ({"n": 1}, lambda t: t.base_url("n")),
        ({"n": "https://[planted"}, lambda t: t.base_url("n")),
        ({"n": "https://u@x.example"}, lambda t: t.base_url("n")),
        ({"n": "https://x.example:0"}, lambda t: t.base_url("n")),
        ({"n": "x"}, lambda t: t.texts("n", (), "")),
        ({"n": [""]}, lambda t: t.texts("n", (), "")),
        ({"n": []}, lambda t: t.texts("n", (), "")),
        ({"n": "x"}, lambda t: t.names("n", "")),
        ({"n": {"a": ""}}, lambda t: t.names("n", "")),
        ({"n": "no"}, lambda t: t.text("n", re.compile("ab"), "ab")),
        ({"n": 1}, lambda t: t.text("n", re.compile("ab"), "ab")),
        ({"n": ["planted"]}, lambda t: t.word("n", BindingScope)),
        ({"n": "Planted"}, lambda t: t.own_name("n")),
        ({"n": "https://x.example/a b"}, lambda t: t.base_url("n")),
        ({"n": 1}, lambda t: t.check_names({"m"}, [])),
        ({}, lambda t: t.check_names({"n"}, ["n"])),
    ],
)
def test_a_wrong_field_is_named_with_its_table(said: dict[str, object], read: object) -> None:
    with pytest.raises(ConfigurationError, match=r"f\.toml: one 1: n: ") as caught:
        read(table(**said))  # type: ignore[operator]
    assert "planted" not in str(caught.value)
