"""The fields of a JSON object that a caller sent, read one by one: each fault names the field and what is allowed. Pure."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from attrs import frozen

from mix2api.errors import InvalidRequest


@frozen
class ObjectFields:
    """An object.

    Args:
        said: its decoded JSON.
    """

    said: Mapping[str, Any]

    def check_names(self, known: Collection[str]) -> None:
        """Refuses fields that do not exist: most are misspelt, and would have no effect.

        Raises:
            InvalidRequest: names the first one that it can name.
        """
        unknown = sorted(name for name in self.said if name not in known)
        if unknown:
            # A name that nobody knows may hold anything, so it is not repeated.
            raise InvalidRequest(
                f"The body has a field that does not exist; those that do: {', '.join(known)}.",
                code="unknown_parameter",
            )

    def text(self, name: str, most: int) -> str | None:
        """A text of at least one character; None where the field is absent or null.

        Raises:
            InvalidRequest: it is something else.
        """
        value = self.said.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip() or len(value) > most:
            raise wrong(name, f"a text of 1 to {most} characters, not all of them blank")
        return value

    def needed_text(self, name: str, most: int) -> str:
        """A text that has to be there.

        Raises:
            InvalidRequest: it is missing, or something else.
        """
        value = self.text(name, most)
        if value is None:
            raise InvalidRequest(
                f"Missing required parameter '{name}': it must be a text of 1 to {most} characters.",
                param=name,
                code="missing_required_parameter",
            )
        return value

    def object(self, name: str, most: int) -> dict[str, Any] | None:
        """An object of so many bytes as JSON; None where the field is absent or null.

        Raises:
            InvalidRequest: it is something else.
        """
        value = self.said.get(name)
        if value is None:
            return None
        if not isinstance(value, dict) or len(msgspec.json.encode(value)) > most:
            raise wrong(name, f"an object of at most {most} bytes as JSON")
        return value

    def number(self, name: str, least: float, most: float) -> float | None:
        """A number; None where the field is absent or null.

        Raises:
            InvalidRequest: it is something else, or out of bounds.
        """
        value = self.said.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise wrong(name, f"a number from {least:g} to {most:g}")
        return value

    def whole(self, name: str, least: int, most: int) -> int | None:
        """A whole number; None where the field is absent or null.

        Raises:
            InvalidRequest: it is something else, or out of bounds.
        """
        value = self.said.get(name)
        if value is None:
            return None
        if type(value) is not int or not least <= value <= most:
            raise wrong(name, f"a whole number from {least} to {most}")
        return value

    def flag(self, name: str) -> bool:
        """Whether a field says so; absent or null it does not.

        Raises:
            InvalidRequest: it is neither `true` nor `false`.
        """
        value = self.said.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise wrong(name, "true or false")
        return value

    def choice(self, name: str, words: Collection[str]) -> str | None:
        """One of some words; None where the field is absent or null.

        Raises:
            InvalidRequest: it is something else.
        """
        value = self.said.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or value not in words:
            raise wrong(name, f"one of: {', '.join(words)}")
        return value


def wrong(param: str, allowed: str) -> InvalidRequest:
    """The error for a field or a parameter that is not what is allowed."""
    return InvalidRequest(
        f"Invalid value for '{param}': it must be {allowed}.", param=param, code="invalid_value"
    )
