"""What one turn sends: the decision and, where it is needed, the trimmed history. Pure but for the measure that is given.

It runs in the counting thread (`CountingService.off_loop`): trimming counts the messages that it shortens.
"""

from attrs import field, frozen

from mix2api.budget.asked_summary import LeftOut
from mix2api.budget.decision import Allowance, Demand, Fit, Verdict, corrected, decide, too_long
from mix2api.budget.fates import TrimReason
from mix2api.budget.summary import SummaryBounds
from mix2api.budget.trimming import Measure, TrimBudget, Trimmed, TrimOptions, trim
from mix2api.wire.turn import Message


@frozen(kw_only=True)
class TurnSize:
    """What a turn takes by our own count, before correction. Tokens."""

    messages: tuple[int, ...]
    """Of each message that a fresh session would get, as the site keeps it."""
    fixed: int
    """Of what no message takes: tools, the frame of the answer."""
    held: int | None = None
    """What the session holds that could be continued; None: there is none, or it is not known."""
    new: int = 0
    """What a continued turn adds to it."""


@frozen(kw_only=True)
class Plan:
    """What goes up."""

    verdict: Verdict
    allowance: Allowance
    messages: list[Message] | None = field(default=None, repr=False)
    """What a fresh session gets, the summary block as a system message among it; None: the session is continued."""
    used: int
    """Tokens of all that the session will hold when the turn is sent, corrected: `input_budget` is used/available."""
    tokens: int
    """The same before correction: the state keeps it, because a factor changes."""
    withheld: dict[TrimReason, int] = field(factory=dict)
    """Messages that are not as they came, by reason; empty: nothing was trimmed."""
    left_out: LeftOut | None = field(default=None, repr=False)
    """What is to be summed up; None: nothing, or no summary is wanted."""


@frozen(kw_only=True)
class Planner:
    """Plans turns of one model."""

    model: str
    """As the request has it, for the refusal."""
    allowance: Allowance
    factor: float
    """The site's count / ours (`mix2api.projections.correction`), 0.5 to 2."""
    options: TrimOptions

    def plan(self, messages: list[Message], size: TurnSize, measure: Measure) -> Plan:
        """The plan of a turn.

        Args:
            messages: what a fresh session would get; the results in it were checked.
            size: its tokens.
            measure: the tokens of one message, as `size` has them.

        Raises:
            ContextLengthExceeded: what must stay does not fit. Nothing has been sent, and nothing is to be taken.
        """
        verdict = decide(self._demand(size), self.allowance)
        if verdict.fit is Fit.TRIM:
            return self._trimmed(messages, size, measure, verdict)
        is_whole = verdict.fit is Fit.WHOLE
        tokens = sum(size.messages) + size.fixed if is_whole else (size.held or 0) + size.new
        return Plan(
            verdict=verdict,
            allowance=self.allowance,
            messages=messages if is_whole else None,
            used=verdict.used,
            tokens=tokens,
        )

    def _demand(self, size: TurnSize) -> Demand:
        history = corrected(sum(size.messages) + size.fixed, self.factor)
        if size.held is None:
            return Demand(history=history)
        # Together, so that rounding up twice does not cost a token.
        together = corrected(size.held + size.new, self.factor)
        return Demand(history=history, held=together, new=0)

    def _trimmed(self, messages: list[Message], size: TurnSize, measure: Measure, verdict: Verdict) -> Plan:
        budget = TrimBudget(available=int(self.allowance.available / self.factor), fixed=size.fixed)
        made = trim(messages, size.messages, budget, self.options, measure)
        used = corrected(made.tokens, self.factor)
        if not made.fits and used > self.allowance.most:
            raise too_long(used, self.allowance, self.model)
        return Plan(
            verdict=verdict,
            allowance=self.allowance,
            messages=_with_summary(made),
            used=used,
            tokens=made.tokens,
            withheld=made.withheld,
            left_out=_left_out(made, self.options.summary),
        )


def _left_out(made: Trimmed, bounds: SummaryBounds | None) -> LeftOut | None:
    if bounds is None or not made.gone:
        return None
    return LeftOut(
        messages=made.gone,
        place=made.summary_place,
        is_summed_up=made.summary is not None,
        tokens=made.tokens - made.summary_tokens,
        room=made.summary_room,
        bounds=bounds,
    )


def _with_summary(made: Trimmed) -> list[Message]:
    if made.summary is None:
        return made.messages
    place = made.summary_place
    block = Message(role="system", content=made.summary)
    return [*made.messages[:place], block, *made.messages[place:]]
