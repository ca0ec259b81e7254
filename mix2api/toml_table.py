"""A TOML file that is a list of tables, and the fields of one table. An error names file, table and field, and no value. Pure."""

import re
import tomllib
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from attrs import frozen

from mix2api.errors import ConfigurationError

_OWN_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
"""The name of a table. It stands in Redis, in logs and perhaps in a header, so it has neither spaces nor capitals."""
CREDENTIAL: Final = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:[^\x00\n]+)")
"""A reference to a credential: secrets never stand in such files."""
_NAME: Final = 256
"""Characters of a model's name, as in requests."""
_SPACE: Final = re.compile(r"\s")
_Word = TypeVar("_Word", bound=StrEnum)


def tables_in(text: str, path: str, name: str, most: int) -> list[object]:
    """The tables of a file that holds one list of tables and nothing else.

    Args:
        text: the file's content.
        path: named in errors.
        name: of the list.
        most: tables that the file may have.

    Raises:
        ConfigurationError: the file is no TOML, or holds something else, or more.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise ConfigurationError(f"{path}: not TOML: {fault}") from None
    listed = tables.get(name)
    if set(tables) != {name} or not isinstance(listed, list) or not listed:
        raise ConfigurationError(f"{path}: the file must hold [[{name}]] tables and nothing else")
    if len(listed) > most:
        raise ConfigurationError(f"{path}: more than {most} {name}")
    return listed


def named_table(said: object, where: str, name: str) -> "TomlTable":
    """One entry of such a list; errors name the table by this field, too, where the field can be read.

    Raises:
        ConfigurationError: the entry is no table.
    """
    if not isinstance(said, dict):
        raise ConfigurationError(f"{where}: must be a table")
    own = said.get(name)
    is_named = isinstance(own, str) and _OWN_NAME.fullmatch(own) is not None
    return TomlTable(said, f"{where} ({own})" if is_named else where)


@frozen
class TomlTable:
    """One table.

    Args:
        said: its fields.
        where: file and table, as errors name them.
    """

    said: Mapping[str, Any]
    where: str

    def check_names(self, known: Collection[str], required: Collection[str]) -> None:
        """Whether the table has all fields that it must have, and no other ones than it may have.

        Raises:
            ConfigurationError: names the first field that is wrong.
        """
        for name in sorted(self.said.keys() - set(known)):
            raise ConfigurationError(f"{self.where}: {name}: no such field")
        for name in required:
            if name not in self.said:
                raise ConfigurationError(f"{self.where}: {name}: missing")

    def text(self, name: str, form: re.Pattern[str], allowed: str) -> str:
        """A string that has this form."""
        value = self.said[name]
        if not isinstance(value, str) or form.fullmatch(value) is None:
            raise self.wrong(name, allowed)
        return value

    def word(self, name: str, words: type[_Word]) -> _Word:
        """One of these words."""
        try:
            return words(self.said[name])
        except ValueError:
            raise self.wrong(name, " or ".join(words)) from None

    def own_name(self, name: str) -> str:
        """The name of the table itself."""
        return self.text(name, _OWN_NAME, "1 to 64 of a-z 0-9 _ . -, with a letter or digit first")

    def whole(self, name: str, default: int, allowed: range) -> int:
        """A whole number within bounds."""
        value = self.said.get(name, default)
        if type(value) is not int or value not in allowed:
            raise self.wrong(name, f"a whole number from {allowed.start} to {allowed.stop - 1}")
        return value

    def perhaps_whole(self, name: str, allowed: range) -> int | None:
        """The same; None where the table does not say."""
        return self.whole(name, allowed.start, allowed) if name in self.said else None

    def flag(self, name: str, *, default: bool) -> bool:
        """True or false."""
        value = self.said.get(name, default)
        if not isinstance(value, bool):
            raise self.wrong(name, "true or false")
        return value

    def base_url(self, name: str) -> str:
        """A base URL, without its last slash."""
        value = self.said[name]
        if not isinstance(value, str) or not _is_base_url(value):
            raise self.wrong(name, "an http(s) URL with a host, without spaces, user, query and fragment")
        return value.rstrip("/")

    def texts(self, name: str, default: tuple[str, ...], allowed: str) -> tuple[str, ...]:
        """A list of strings that are not empty; an empty list is none."""
        value = self.said.get(name, list(default))
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self.wrong(name, allowed)
        if name in self.said and not value:
            raise self.wrong(name, allowed)
        return tuple(value)

    def names(self, name: str, allowed: str) -> dict[str, str]:
        """A table of names to names."""
        value = self.said.get(name, {})
        if not isinstance(value, dict) or not all(
            isinstance(one, str) and 0 < len(one) <= _NAME for one in value.values()
        ):
            raise self.wrong(name, allowed)
        return value

    def wrong(self, name: str, allowed: str) -> ConfigurationError:
        """The error of a field."""
        return ConfigurationError(f"{self.where}: {name}: must be {allowed}")


def _is_base_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return False
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc or _SPACE.search(value))
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0 and is_plain
