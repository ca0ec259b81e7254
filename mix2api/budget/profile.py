"""One model's limits, and where each of them comes from. Pure data."""

from enum import StrEnum
from typing import Final

from attrs import field, frozen

from mix2api.budget.encodings import EncodingName
from mix2api.budget.images import ImageRule


class Origin(StrEnum):
    """Where a figure comes from."""

    FILE = "file"
    """`MIX2API_MODEL_PROFILES_FILE`."""
    SETTING = "setting"
    """`MODEL_PROFILE_JSON`."""
    DEFAULT = "default"
    """The defaults for all models, which are settings of their own."""


@frozen
class Source:
    """Where one figure of a model comes from, as `mix2api models` shows it."""

    origin: Origin
    profile: str = ""
    """The name or pattern of the profile; empty for a default."""
    clamped: bool = False
    """The figure was larger than another one allows, and was made smaller."""

    def __str__(self) -> str:
        """Such as `file "claude-*", clamped`."""
        named = f'{self.origin} "{self.profile}"' if self.profile else self.origin.value
        return f"{named}, clamped" if self.clamped else named


FIGURES: Final = (
    "context_window",
    "max_input_tokens",
    "max_new_tokens",
    "default_new_tokens",
    "encoding",
    "image_rule",
)
"""The fields of a profile, in the order in which they are shown."""


@frozen(kw_only=True)
class Defaults:
    """What counts for a model where no profile says otherwise. Tokens."""

    context_window: int = 200_000
    """`MODEL_PROFILE_DEFAULT_CONTEXT_WINDOW`."""
    max_input_tokens: int = 120_000
    """`MODEL_PROFILE_DEFAULT_MAX_INPUT_TOKENS`."""
    max_new_tokens: int = 8192
    """`MODEL_PROFILE_DEFAULT_MAX_NEW_TOKENS`."""
    encoding: EncodingName = EncodingName.O200K_BASE
    image_rule: ImageRule = field(factory=ImageRule)


@frozen(kw_only=True)
class GivenProfile:
    """What an operator says of one model or pattern; None where a field is not given. Not clamped yet."""

    name: str
    """A full name, a slug, or a pattern with `*`."""
    origin: Origin
    context_window: int | None = None
    max_input_tokens: int | None = None
    max_new_tokens: int | None = None
    default_new_tokens: int | None = None
    encoding: EncodingName | None = None
    image_rule: ImageRule | None = None


@frozen(kw_only=True)
class Profile:
    """What counts for one model. Tokens.

    These always hold: 1 <= max_input_tokens <= context_window; 1 <= max_new_tokens < context_window;
    default_new_tokens <= max_new_tokens.
    """

    context_window: int
    """Input and output together."""
    max_input_tokens: int
    max_new_tokens: int
    """The longest output that may be asked for."""
    default_new_tokens: int | None
    """Sent as `max_tokens` where a request asks for nothing; None: nothing is sent."""
    encoding: EncodingName
    image_rule: ImageRule
    sources: dict[str, Source] = field(factory=dict)
    """Each of `FIGURES` -> where it comes from."""
    known: bool = True
    """A profile names this model. False: all figures are defaults."""
