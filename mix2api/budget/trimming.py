"""A history made to fit: what goes first, what never goes, and why each message went. Pure, deterministic, linear.

Some units never go: leading instructions, the newest user message, the open tool chain. Among the others the newest
`BUDGET_TRIM_RECENT_MESSAGES` messages are *recent*, the rest is *old*. There are three groups, and each is settled before
the next one is touched: old tool chains, old words, recent units. Within a group

1. the oldest units go, as many as must when all others of the group are shortened; a tool chain goes as a whole;
2. of the others the oldest are shortened, as many as must: of old chains the results, else each long message.

Trimming aims below the budget (`MIX2API_BUDGET_HEADROOM`): else the next turn would be trimmed again at once. What must
stay may fill the whole budget.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import define, field, frozen

from mix2api.budget.fates import SHORTENINGS, Fate, TrimReason
from mix2api.budget.shortening import shortened
from mix2api.budget.summary import SummaryBounds, summary_of
from mix2api.budget.units import Unit, UnitKind, units_of
from mix2api.wire.turn import RESULT_ROLES, Message

Measure = Callable[[Message], int]
"""The tokens of one message with its frame."""


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
    summary_tokens: int = 0
    """Of the block; 0 without one."""
    summary_room: int = 0
    """That the block might take at most."""
    gone: Sequence[Message] = field(default=(), repr=False)
    """What went whole, where it is to be summed up."""

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
    for group in _groups(units, len(messages) - options.recent_messages):
        work.settle(group, aim - reserve)
    return _result(work, units, budget, aim)


_SUMMARY_SHARE: Final = 4
"""A summary takes at most a quarter of the room."""


@frozen(kw_only=True)
class _Group:
    """Units of one worth, in order."""

    units: Sequence[Unit]
    shortening: TrimReason
    dropping: TrimReason
    results_only: bool = False
    """Only results of tools are shortened."""


def _groups(units: Sequence[Unit], border: int) -> Iterator[_Group]:
    """What may go, the least worth first. What ends behind `border` is recent."""
    free = [unit for unit in units if not unit.must_stay]
    old = [unit for unit in free if unit.end <= border]
    yield _Group(
        units=[unit for unit in old if unit.kind is UnitKind.CHAIN],
        shortening=TrimReason.OLD_RESULT_SHORTENED,
        dropping=TrimReason.OLD_CHAIN,
        results_only=True,
    )
    yield _Group(
        units=[unit for unit in old if unit.kind is not UnitKind.CHAIN],
        shortening=TrimReason.OLD_WORDS_SHORTENED,
        dropping=TrimReason.OLD_WORDS,
    )
    yield _Group(
        units=[unit for unit in free if unit.end > border],
        shortening=TrimReason.RECENT_SHORTENED,
        dropping=TrimReason.RECENT,
    )


@define(eq=False)
class _Trimming:
    """A history under the knife."""

    messages: list[Message]
    tokens: Sequence[int]
    options: TrimOptions
    measure: Measure
    total: int
    shorter: dict[int, tuple[Message, int]] = field(factory=dict)
    """Place -> the message with its middle left out and its tokens, where that saves any; used or not."""
    fates: dict[int, Fate] = field(factory=dict)

    def settle(self, group: _Group, aim: int) -> None:
        """Makes the total fit by this group alone, or the group go.

        Looked at from its newest unit on, shortened: so nothing is shortened and counted that goes anyway.
        """
        if self.total <= aim:
            return
        room = aim - self.total + sum(map(self._size, group.units))
        first = len(group.units)
        while first and room >= 0:
            room -= self._shortened_size(group.units[first - 1], results_only=group.results_only)
            first -= room >= 0
        for unit in group.units[:first]:
            self._drop(unit, group.dropping)
        for unit in group.units[first:]:
            if self.total <= aim:
                break
            self._shorten(unit, group.shortening)

    def _size(self, unit: Unit) -> int:
        return sum(self.tokens[unit.start : unit.end])

    def _shortened_size(self, unit: Unit, *, results_only: bool) -> int:
        size = self._size(unit)
        for place in range(unit.start, unit.end):
            message = self.messages[place]
            if results_only and message.role not in RESULT_ROLES:
                continue
            made = shortened(message, self.options.message_max_chars)
            saved = 0 if made is message else self.tokens[place] - self.measure(made)
            if saved > 0:
                self.shorter[place] = made, self.tokens[place] - saved
                size -= saved
        return size

    def _shorten(self, unit: Unit, reason: TrimReason) -> None:
        for place in range(unit.start, unit.end):
            if place in self.shorter:
                before, after = self.tokens[place], self.shorter[place][1]
                self.fates[place] = Fate(place, reason, before, after)
                self.total -= before - after

    def _drop(self, unit: Unit, reason: TrimReason) -> None:
        self.total -= self._size(unit)
        for place in range(unit.start, unit.end):
            self.fates[place] = Fate(place, reason, self.tokens[place], 0)

    def kept(self) -> Iterator[Message]:
        """What stays, as it stays."""
        for place, message in enumerate(self.messages):
            fate = self.fates.get(place)
            if fate is None:
                yield message
            elif fate.reason in SHORTENINGS:
                yield self.shorter[place][0]

    def gone(self) -> list[Message]:
        """What does not."""
        return [
            self.messages[place]
            for place, fate in sorted(self.fates.items())
            if fate.reason not in SHORTENINGS
        ]


def _result(work: _Trimming, units: Sequence[Unit], budget: TrimBudget, aim: int) -> Trimmed:
    gone = [] if work.options.summary is None else work.gone()
    summary, summary_tokens = _summary(work, gone, aim)
    total = work.total + summary_tokens
    return Trimmed(
        messages=list(work.kept()),
        tokens=total,
        fits=total <= budget.available,
        fates=tuple(fate for _, fate in sorted(work.fates.items())),
        summary=summary,
        summary_place=sum(unit.kind is UnitKind.INSTRUCTIONS for unit in units),
        summary_tokens=summary_tokens,
        summary_room=max(0, aim - work.total),
        gone=gone,
    )


def _summary(work: _Trimming, gone: list[Message], aim: int) -> tuple[str | None, int]:
    """The block and its tokens, made smaller until it fits into what is left of the aim; nothing if it never does."""
    bounds = work.options.summary
    while bounds is not None and gone and bounds.max_chars > 0:
        block = summary_of(gone, bounds)
        if block is None:
            break
        tokens = work.measure(Message(role="system", content=block))
        if work.total + tokens <= aim:
            return block, tokens
        bounds = SummaryBounds(max_chars=bounds.max_chars // 2, max_lines=bounds.max_lines)
    return None, 0
