"""Whether a turn fits its model, before anything is sent. Pure.

reserved = what the request asks for, else the profile's default, else `TOKEN_BUDGET_DEFAULT_RESERVED_OUTPUT_TOKENS`;
at most `max_new_tokens`. available = the smaller of `max_input_tokens` and `context_window - reserved`. A continued
session counts what it holds and what is new. If that is too much the session is retired, and a fresh one gets the
history. If the history is too much it is trimmed (`mix2api.budget.trimming`). If that is not enough the request is
refused.
"""

import math
from enum import StrEnum
from typing import Final

from attrs import Factory, field, frozen

from mix2api.budget.profile import Profile
from mix2api.errors import ContextLengthExceeded

DEFAULT_RESERVED: Final = 1024
"""Tokens; the setting's default."""


@frozen(kw_only=True)
class Allowance:
    """The room of one turn. Tokens."""

    reserved: int
    """Kept for the output; at least 1."""
    available: int
    """For the input; at least 1."""
    most: int = field(default=Factory(lambda self: self.available, takes_self=True))
    """Input beyond which a turn is refused when it cannot be trimmed further. More than `available` where that is a guess."""


def allowance_of(profile: Profile, asked: int | None, default_reserved: int = DEFAULT_RESERVED) -> Allowance:
    """The room of a turn.

    Args:
        profile: the model's.
        asked: the request's `max_completion_tokens` or `max_tokens`.
        default_reserved: where neither the request nor the profile says how long an answer may be.

    The default input limit is a guess about a model that nobody described. It trims a history. Only what does not fit into the
    whole window is refused.
    """
    wanted = asked or profile.default_new_tokens or default_reserved
    reserved = min(wanted, profile.max_new_tokens, profile.context_window - 1)
    room = profile.context_window - reserved
    available = min(profile.max_input_tokens, room)
    return Allowance(reserved=reserved, available=available, most=available if profile.known else room)


@frozen(kw_only=True)
class Demand:
    """What a turn needs. Tokens, corrected by the model's factor (`corrected`)."""

    history: int
    """The whole history as a fresh session would get it, with tools and the answer's frame."""
    held: int | None = None
    """What the upstream session holds already; None: there is none, or it is not known what it holds."""
    new: int = 0
    """What a continued turn adds to it."""


class Fit(StrEnum):
    """What is to be done with a turn."""

    CONTINUE = "continue"
    """The session is continued: held and new fit."""
    WHOLE = "whole"
    """A fresh session gets the whole history."""
    TRIM = "trim"
    """The history has to be trimmed first; a fresh session gets what stays."""


@frozen(kw_only=True)
class Verdict:
    """What was decided, and the figures of it."""

    fit: Fit
    used: int
    """Tokens of what would go up; for `TRIM` of the history before trimming."""
    rolled_over: bool = False
    """A session could have been continued and is retired, because it would not fit."""


def decide(demand: Demand, allowance: Allowance) -> Verdict:
    """What is to be done with a turn: continue, begin afresh, or trim."""
    continues = demand.held is not None
    if demand.held is not None and demand.held + demand.new <= allowance.available:
        return Verdict(fit=Fit.CONTINUE, used=demand.held + demand.new)
    fit = Fit.WHOLE if demand.history <= allowance.available else Fit.TRIM
    return Verdict(fit=fit, used=demand.history, rolled_over=continues)


def corrected(tokens: int, factor: float) -> int:
    """A count as the site would count it, rounded up (`mix2api.projections.correction`)."""
    return math.ceil(tokens * factor)


def too_long(used: int, allowance: Allowance, model: str) -> ContextLengthExceeded:
    """The refusal of a turn that does not fit even when it is trimmed.

    Args:
        used: tokens of what must not be cut.
        allowance: the turn's room.
        model: the request's word for the model: it is told nobody but the caller.
    """
    return ContextLengthExceeded(
        f"This request needs {used} tokens of input that cannot be left out, and '{_shown(model)}' has room for "
        f"{allowance.most} ({allowance.reserved} are reserved for the answer). Shorten the system prompt, the "
        "newest user message or the newest tool results, offer fewer tools, ask for fewer max_tokens, or take a model "
        "with a larger context window.",
        param="messages",
        used=used,
    )


_SHOWN_CHARS: Final = 64
"""Of a model's name, so that the message stays below the 500 characters that clients are shown."""


def _shown(model: str) -> str:
    return model if len(model) <= _SHOWN_CHARS else f"{model[: _SHOWN_CHARS - 1]}\u2026"
