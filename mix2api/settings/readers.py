"""How the text of a setting becomes a value: one small frozen class per form, each with words for what it allows.

`read` gives the value or raises `ValueError`, whose text is never shown (it may quote a secret); what the operator sees is
`allowed`. Nothing here knows a setting's name.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final, Generic, Protocol, TypeVar

import msgspec
from attrs import frozen

T_co = TypeVar("T_co", covariant=True)


class Reader(Protocol[T_co]):
    """Turns text, which is not empty and has no white space around it, into a value."""

    @property
    def allowed(self) -> str:
        """What may stand there, in words that complete "allowed: …"."""
        ...

    def read(self, text: str) -> T_co:
        """The value.

        Raises:
            ValueError: it is not what is allowed.
        """
        ...


@frozen
class Text:
    """Printable text without line breaks: it goes into headers and log lines."""

    most: int = 4096
    least: int = 1

    @property
    def allowed(self) -> str:
        """Length and alphabet."""
        return f"{self.least} to {self.most} printable characters"

    def read(self, text: str) -> str:
        """The text itself."""
        if not self.least <= len(text) <= self.most or not text.isprintable():
            raise ValueError(text)
        return text


@frozen
class HeaderText:
    """What may stand in an HTTP header's value: visible ASCII and spaces."""

    allowed: str = "1 to 8192 characters of visible ASCII"

    def read(self, text: str) -> str:
        """The text itself."""
        if re.fullmatch(r"[\x20-\x7e]{1,8192}", text) is None:
            raise ValueError("not ASCII, or too long")
        return text


@frozen
class Secret:
    """Text of at least so many UTF-8 bytes, as bytes."""

    least: int

    @property
    def allowed(self) -> str:
        """The length, and how to make one."""
        return f"at least {self.least} bytes, the same in every process (`openssl rand -hex 32` makes one)"

    def read(self, text: str) -> bytes:
        """The bytes."""
        data = text.encode()
        if len(data) < self.least:
            raise ValueError("too short")
        return data


_FLAGS: Final = {
    "true": True, "1": True, "yes": True, "on": True,
    "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip


@frozen
class Flag:
    """A boolean, strictly: a typing error must not read as false."""

    words: tuple[str, ...] = tuple(_FLAGS)

    @property
    def allowed(self) -> str:
        """The words."""
        return ", ".join(self.words)

    def read(self, text: str) -> bool:
        """True or false; upper and lower case do not matter."""
        word = text.lower()
        if word not in self.words:
            raise ValueError(text)
        return _FLAGS[word]


@frozen
class Whole:
    """A whole number within bounds, both included."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        """The bounds."""
        return f"a whole number from {self.least} to {self.most}"

    def read(self, text: str) -> int:
        """The number."""
        if re.fullmatch(r"-?[0-9]{1,15}", text) is None or not self.least <= int(text) <= self.most:
            raise ValueError(text)
        return int(text)


@frozen
class Ports:
    """A port, or a range of ports, both ends included."""

    allowed: str = "a port from 0 to 65535 (0: any free one), or a range such as 9464-9479"

    def read(self, text: str) -> range:
        """The ports."""
        found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", text)
        if found is None:
            raise ValueError(text)
        first, last = int(found[1]), int(found[2] or found[1])
        if not first <= last <= 65_535:  # noqa: PLR2004 - as `allowed` says
            raise ValueError(text)
        return range(first, last + 1)


@frozen
class Share:
    """A number from 0 to a bound, which is 1 at most."""

    most: float = 1.0

    @property
    def allowed(self) -> str:
        """The bounds."""
        return f"a number from 0 to {self.most:g}"

    def read(self, text: str) -> float:
        """The number."""
        value = float(text)
        if not 0.0 <= value <= self.most:
            raise ValueError(text)
        return value


_UNITS: Final = {"": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
"""Powers of 1024, as the earlier adapter's body parser counted."""


@frozen
class Size:
    """Bytes: a plain number, or one with `b`, `kb`, `mb`, `gb`."""

    least: int
    most: int

    @property
    def allowed(self) -> str:
        """Form and bounds."""
        return f"a size such as 5mb, 512kb or 1048576, from {self.least} to {self.most} bytes"

    def read(self, text: str) -> int:
        """Bytes, a fraction of a byte dropped."""
        found = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,6})?)\s*([a-z]{0,2})", text.lower())
        if found is None or found[2] not in _UNITS:
            raise ValueError(text)
        value = int(float(found[1]) * _UNITS[found[2]])
        if not self.least <= value <= self.most:
            raise ValueError(text)
        return value


E = TypeVar("E", bound=StrEnum)


@frozen
class Choice(Generic[E]):
    """One word of a closed list."""

    words: type[E]

    @property
    def allowed(self) -> str:
        """The words."""
        return ", ".join(self.words)

    def read(self, text: str) -> E:
        """The word; upper and lower case do not matter."""
        return self.words(text.lower())


@frozen
class Names:
    """A list by comma; empty entries vanish, white space around entries too, repeats count once."""

    allowed: str = "names separated by commas, each at most 256 printable characters"

    def read(self, text: str) -> tuple[str, ...]:
        """The names in their order."""
        names = tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))
        if not names or any(len(name) > _NAME_LENGTH or not name.isprintable() for name in names):
            raise ValueError(text)
        return names


_NAME_LENGTH: Final = 256


@frozen
class ModelNames:
    """Names of models in one of the three forms that operators have: by comma, by line, or as a JSON array of texts."""

    allowed: str = (
        "names separated by commas or lines, or a JSON array of them, each at most 256 printable characters"
    )

    def read(self, text: str) -> tuple[str, ...]:
        """The names in their order; see `Names`."""
        names = msgspec.json.decode(text, type=list[str]) if text.startswith("[") else text.splitlines()
        return Names().read(",".join(names))


@frozen
class JsonObject:
    """A JSON object."""

    allowed: str = "a JSON object"

    def read(self, text: str) -> Mapping[str, object]:
        """The object."""
        value: dict[str, object] = msgspec.json.decode(text, type=dict[str, object])
        return value


@frozen
class JsonBody:
    """A JSON object, or a JSON text, in which an object may stand."""

    allowed: str = "a JSON object, or a JSON string"

    def read(self, text: str) -> Mapping[str, object] | str:
        """The object; a text that holds none is itself."""
        value = msgspec.json.decode(text, type=dict[str, object] | str)
        if isinstance(value, str) and value.lstrip().startswith("{"):
            return JsonObject().read(value)
        return value


@frozen
class KeyPrefix:
    """The first part of every key in Redis."""

    allowed: str = "letters, digits, `.`, `_` and `-`, in parts joined by `:`, at most 64 characters"

    def read(self, text: str) -> str:
        """The first part, which names the deployment's keys."""
        if len(text) > _PREFIX_LENGTH or re.fullmatch(r"[\w.-]+(:[\w.-]*)*", text, re.ASCII) is None:
            raise ValueError(text)
        return text.split(":", 1)[0]


_PREFIX_LENGTH: Final = 64


@frozen
class Place:
    """A path of the file system; not looked at here."""

    allowed: str = "a path"

    def read(self, text: str) -> Path:
        """The path; `~` is the home directory."""
        return Path(text).expanduser()
