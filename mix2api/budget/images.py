"""How many tokens an image takes: by its size, or a fixed number. Pure; an image is never decoded.

An image is counted by its header alone. Where the size is not known (a URL, a format that is not read here) the largest
count of the rule holds: a budget must not be exceeded because a size was guessed.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Final

from attrs import frozen

from mix2api.budget.image_size import Size, size_of


class ImageCount(StrEnum):
    """A rule by which sizes become tokens."""

    OPENAI = "openai"
    """Tiles of 512 pixels. Source: OpenAI's guide "Images and vision", for GPT-4o."""
    ANTHROPIC = "anthropic"
    """Width x height / 750. Source: Anthropic's guide "Vision"."""
    FIXED = "fixed"
    """So many an image."""


_FIXED_MAX: Final = 1_000_000


@frozen
class ImageRule:
    """The rule of one model."""

    count: ImageCount = ImageCount.OPENAI
    tokens: int = 0
    """Of each image, where `count` is `FIXED`."""

    ALLOWED: ClassVar[str] = f"openai, anthropic, or a whole number of tokens from 0 to {_FIXED_MAX}"

    @staticmethod
    def is_allowed(value: object) -> bool:
        """Whether `parse` reads the value."""
        if isinstance(value, str):
            return value in {ImageCount.OPENAI, ImageCount.ANTHROPIC}
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _FIXED_MAX

    @classmethod
    def parse(cls, value: object) -> "ImageRule":
        """The rule that an operator wrote; `is_allowed` holds for it."""
        return cls(ImageCount.FIXED, value) if isinstance(value, int) else cls(ImageCount(str(value)))

    def __str__(self) -> str:
        """As an operator writes it."""
        return str(self.tokens) if self.count is ImageCount.FIXED else self.count.value


_LOW: Final = 85
"""OpenAI: `detail: low`, and what each image costs beside its tiles."""
_TILE: Final = 170
_TILE_EDGE: Final = 512
_LONG_EDGE: Final = 2048
_SHORT_EDGE: Final = 768
"""OpenAI: an image is first made to fit 2048 x 2048, then its shorter edge is made 768."""
_MOST_TILES: Final = 8
"""2048 x 768."""
_ANTHROPIC_EDGE: Final = 1568
_ANTHROPIC_PIXELS: Final = 750
_ANTHROPIC_MOST: Final = 1640
"""Anthropic: pixels a token, the longest edge after scaling, and about the most tokens that an image takes."""


def image_tokens(part: Mapping[str, Any], rule: ImageRule) -> int:
    """The tokens of an image part (`image_url`, `input_image`, `image`)."""
    if rule.count is ImageCount.FIXED:
        return rule.tokens
    image = part.get("image_url")
    told: Mapping[str, Any] = image if isinstance(image, dict) else part
    url = told.get("url") if isinstance(image, dict) else image
    size = size_of(url) if isinstance(url, str) else None
    if rule.count is ImageCount.ANTHROPIC:
        return _anthropic(size)
    return _LOW if told.get("detail") == "low" else _openai(size)


def _openai(size: Size | None) -> int:
    if size is None:
        return _LOW + _TILE * _MOST_TILES
    width, height = size
    scale = min(1.0, _LONG_EDGE / max(width, height))
    scale = min(scale, _SHORT_EDGE / min(width, height))
    across, down = (max(1, -int(-(edge * scale) // _TILE_EDGE)) for edge in size)
    return _LOW + _TILE * min(_MOST_TILES, across * down)


def _anthropic(size: Size | None) -> int:
    if size is None:
        return _ANTHROPIC_MOST
    scale = min(1.0, _ANTHROPIC_EDGE / max(size))
    pixels = size[0] * scale * size[1] * scale
    return min(_ANTHROPIC_MOST, max(1, -int(-pixels // _ANTHROPIC_PIXELS)))
