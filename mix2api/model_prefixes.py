"""What belongs to a model by the prefix of its name. Pure."""

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class ByPrefix(Generic[T]):
    """Things by prefix. The longest prefix of a model's name decides; an empty prefix is one of every name.

    Args:
        things: prefix -> thing; at most a hundred, because each look-up tries one after the other.
    """

    def __init__(self, things: Mapping[str, T]) -> None:
        self._longest_first = sorted(things.items(), key=lambda item: -len(item[0]))

    def of(self, model: str) -> T | None:
        """The thing of a model; None: no prefix fits."""
        for prefix, thing in self._longest_first:
            if model.startswith(prefix):
                return thing
        return None

    def all(self) -> Sequence[T]:
        """All things, those with the longest prefixes first."""
        return [thing for _, thing in self._longest_first]
