"""How long an answer may be: what a client asks for, as it goes up and as it is reserved. Pure."""

from typing import Final

from attrs import frozen

from mix2api.budget.profile import Profile
from mix2api.wire.tool_fields import wrong_value

_MOST: Final = 2**31 - 1
"""As the wire's other bounds: what a 32-bit client can count."""


@frozen
class Asked:
    """What a request says of its answer's length."""

    tokens: int | None = None
    """None: nothing that counts."""
    warning: str | None = None
    """What was ignored, by its field's name; the value is not quoted."""


def asked_tokens(fields: dict[str, object], *, lenient: bool = False) -> Asked:
    """What a request asks for.

    Args:
        fields: `max_completion_tokens` and `max_tokens` as they stand in the body. The former wins; null means absent.
        lenient: what is invalid counts as absent and is warned of, as in the earlier adapter
            (`MIX2API_LENIENT_LIMITS`).

    Raises:
        InvalidRequest: a value is no whole number from 1 to 2147483647; `param` names the field.
    """
    asked: int | None = None
    warning: str | None = None
    for name in ("max_completion_tokens", "max_tokens"):
        value = fields.get(name)
        if value is None:
            continue
        if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST:
            asked = asked or value
            continue
        if not lenient:
            raise wrong_value(name)
        warning = warning or f"{name} is no whole number of tokens and is ignored"
    return Asked(asked, warning)


@frozen
class OutputLimit:
    """What goes up as `max_tokens`."""

    sent: int | None = None
    """None: nothing goes up, and the site's own limit holds. The reserve never goes up: it must not cut answers."""
    clamped: bool = False
    """The request asked for more than the model may give."""


def output_limit(asked: int | None, profile: Profile) -> OutputLimit:
    """The limit of one turn: as asked, at most the profile's; without a wish the profile's `default_new_tokens`."""
    if asked is None:
        return OutputLimit(profile.default_new_tokens)
    return OutputLimit(min(asked, profile.max_new_tokens), clamped=asked > profile.max_new_tokens)
