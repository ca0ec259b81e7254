"""A history made to fit: what goes first, what never goes, and why each message went. Pure, deterministic, linear.

Some units never go: leading instructions, the newest user message, the open tool chain. Among the others the newest
`BUDGET_TRIM_RECENT_MESSAGES` messages are *recent*, the rest is *old*. In this order things go until the rest fits, the
oldest first in each step:

1. long results of old tool chains are shortened;
2. old tool chains go, each as a whole;
3. old long words are shortened;
4. old words go;
5. long recent messages are shortened;
6. recent units go.

Trimming aims below the budget (`MIX2API_BUDGET_HEADROOM`): else the next turn would be trimmed again at once. What must
stay may fill the whole budget.
"""

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from functools import partial
from typing import Final

from attrs import define, field, frozen

from mix2api.budget.shortening import shortened
from mix2api.budget.summary import SummaryBounds, summary_of
from mix2api.budget.units import Unit, UnitKind, units_of
from mix2api.sessions.canonical import RESULT_ROLES
from mix2api.wire.turn import Message

Measure = Callable[[Message], int]
"""The tokens of one message with its frame."""


class TrimReason(StrEnum):
    """Why a message is not as it came. Closed; these words stand in events."""

    OLD_RESULT_SHORTENED = "old_result_shortened"
    OLD_CHAIN = "old_chain"
    OLD_WORDS_SHORTENED = "old_words_shortened"
    OLD_WORDS = "old_words"
    RECENT_SHORTENED = "recent_shortened"
    RECENT = "recent"


SHORTENINGS: Final = frozenset(
    {TrimReason.OLD_RESULT_SHORTENED, TrimReason.OLD_WORDS_SHORTENED, TrimReason.RECENT_SHORTENED}
)
"""The reasons under which a message is still there, shorter."""


@frozen(kw_only=True)
class TrimOptions:
    """How histories are trimmed."""

    recent_messages: int = 6
    """`BUDGET_TRIM_RECENT_MESSAGES`."""
    message_max_chars: int = 1200
    """`BUDGET_TRIM_MESSAGE_MAX_CHARS`."""
    headroom: float = 0.2
    """`MIX2API_BUDGET_HEADROOM`: the share of the budget that trimming leaves free, 0 to 0.9."""
    summary: SummaryBounds | None = None
    """None: no summary block."""


@frozen(kw_only=True)
class TrimBudget:
    """The room. Tokens, as `Measure` counts them: the caller has divided by the model's correction factor."""

    available: int
    fixed: int = 0
    """Of it, what no message takes: tools, the frame of the answer."""


@frozen
class Fate:
    """What became of one message that is not as it came."""

    place: int
    """In the history that was trimmed, from 0."""
    reason: TrimReason
    tokens_before: int
    tokens_after: int
    """0 where it went."""


@frozen(kw_only=True)
class Trimmed:
    """A trimmed history."""

    messages: list[Message] = field(repr=False)
    """What stays, in order, without the summary block."""
    tokens: int
    """Of all that goes up: messages, the fixed part, the summary block."""
    fits: bool
    """False: what must stay does not fit; the request is to be refused."""
    fates: tuple[Fate, ...] = ()
    """In the order of the history."""
    summary: str | None = field(default=None, repr=False)
    """The summary block; the caller says where it stands (a system message, or the query)."""
    summary_place: int = 0
    """Where in `messages` it stands as a system message: behind the leading instructions."""

    @property
    def withheld(self) -> dict[TrimReason, int]:
        """Messages by reason."""
        counts: dict[TrimReason, int] = {}
        for fate in self.fates:
            counts[fate.reason] = counts.get(fate.reason, 0) + 1
        return counts


def trim(
    messages: list[Message],
    tokens: Sequence[int],
    budget: TrimBudget,
    options: TrimOptions,
    measure: Measure,
) -> Trimmed:
    """Makes a history fit.

    Args:
        messages: the history, checked (`mix2api.tools.results.check_results`).
        tokens: of each message, by `measure`.
        budget: the room.
        options: how to trim.
        measure: called at most once for a message, for one that was shortened, and a few times for the summary.
    """
    total = budget.fixed + sum(tokens)
    if total <= budget.available:
        return Trimmed(messages=messages, tokens=total, fits=True)
    aim = int(budget.available * (1 - options.headroom))
    reserve = 0 if options.summary is None else min(options.summary.max_chars, aim // _SUMMARY_SHARE)
    work = _Trimming(messages, tokens, options, measure, total)
    units = units_of(messages)
    for step in _steps(units, work, options):
        if work.total <= aim - reserve:
            break
        step()
    return _result(work, units, budget, aim)


_SUMMARY_SHARE: Final = 4
"""A summary takes at most a quarter of the room."""


@define(eq=False)
class _Trimming:
    """A history under the knife."""

    messages: list[Message]
    tokens: Sequence[int]
    options: TrimOptions
    measure: Measure
    total: int
    shorter: dict[int, Message] = field(factory=dict)
    fates: dict[int, Fate] = field(factory=dict)

    def shorten(self, unit: Unit, reason: TrimReason, *, results_only: bool = False) -> None:
        for place in range(unit.start, unit.end):
            message = self.messages[place]
            if place in self.fates or (results_only and message.role not in RESULT_ROLES):
                continue
            made = shortened(message, self.options.message_max_chars)
            if made is message:
                continue
            before, after = self.tokens[place], self.measure(made)
            if after < before:
                self.shorter[place] = made
                self.fates[place] = Fate(place, reason, before, after)
                self.total -= before - after

    def drop(self, unit: Unit, reason: TrimReason) -> None:
        for place in range(unit.start, unit.end):
            known = self.fates.get(place)
            self.total -= self.tokens[place] if known is None else known.tokens_after
            self.fates[place] = Fate(place, reason, self.tokens[place], 0)

    def is_gone(self, place: int) -> bool:
        fate = self.fates.get(place)
        return fate is not None and fate.reason not in SHORTENINGS


def _steps(units: Sequence[Unit], work: _Trimming, options: TrimOptions) -> Iterator[Callable[[], None]]:
    """What may be done, in order; each takes one unit."""
    border = len(work.messages) - options.recent_messages
    free = [unit for unit in units if not unit.must_stay]
    old = [unit for unit in free if unit.end <= border]
    recent = [unit for unit in free if unit.end > border]
    chains = [unit for unit in old if unit.kind is UnitKind.CHAIN]
    words = [unit for unit in old if unit.kind is not UnitKind.CHAIN]
    for unit in chains:
        yield partial(work.shorten, unit, TrimReason.OLD_RESULT_SHORTENED, results_only=True)
    for unit in chains:
        yield partial(work.drop, unit, TrimReason.OLD_CHAIN)
    for unit in words:
        yield partial(work.shorten, unit, TrimReason.OLD_WORDS_SHORTENED)
    for unit in words:
        yield partial(work.drop, unit, TrimReason.OLD_WORDS)
    for unit in recent:
        yield partial(work.shorten, unit, TrimReason.RECENT_SHORTENED)
    for unit in recent:
        yield partial(work.drop, unit, TrimReason.RECENT)


def _result(work: _Trimming, units: Sequence[Unit], budget: TrimBudget, aim: int) -> Trimmed:
    kept = [
        work.shorter.get(place, message)
        for place, message in enumerate(work.messages)
        if not work.is_gone(place)
    ]
    summary, summary_tokens = _summary(work, aim)
    total = work.total + summary_tokens
    return Trimmed(
        messages=kept,
        tokens=total,
        fits=total <= budget.available,
        fates=tuple(fate for _, fate in sorted(work.fates.items())),
        summary=summary,
        summary_place=sum(unit.kind is UnitKind.INSTRUCTIONS for unit in units),
    )


def _summary(work: _Trimming, aim: int) -> tuple[str | None, int]:
    """The block and its tokens, made smaller until it fits into what is left of the aim; nothing if it never does."""
    bounds = work.options.summary
    gone = [message for place, message in enumerate(work.messages) if work.is_gone(place)]
    while bounds is not None and gone and bounds.max_chars > 0:
        block = summary_of(gone, bounds)
        if block is None:
            break
        tokens = work.measure(Message(role="system", content=block))
        if work.total + tokens <= aim:
            return block, tokens
        bounds = SummaryBounds(max_chars=bounds.max_chars // 2, max_lines=bounds.max_lines)
    return None, 0
