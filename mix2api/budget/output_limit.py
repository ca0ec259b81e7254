"""How long an answer may be: what a client asks for, as it goes up and as it is reserved. Pure."""

from attrs import frozen

from mix2api.budget.profile import Profile


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
