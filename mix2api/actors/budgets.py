"""What each turn may take of its model, and takes: found out before the turn is accepted (ADR 36).

A turn is counted in the form in which its site keeps it. A continued session is counted as what it holds and what is new. If
that is too much, the turn is planned anew for a fresh session, which gets the history, trimmed if it must be.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from attrs import define, evolve, field, frozen

from mix2api.actors.unseen import Unseen
from mix2api.budget.asked_summary import LeftOut
from mix2api.budget.decision import DEFAULT_RESERVED, Allowance, allowance_of, corrected, too_long
from mix2api.budget.message_tokens import ANSWER_TOKENS, MESSAGE_TOKENS, ROLE_TOKENS, MessageCounter
from mix2api.budget.output_limit import OutputLimit, output_limit
from mix2api.budget.planning import Plan, Planner, TurnSize
from mix2api.budget.profile import Profile
from mix2api.budget.profiles import Fallbacks, ProfileTable
from mix2api.budget.summary import SummaryOutcome
from mix2api.budget.trimming import TrimOptions
from mix2api.budget.usage import UsageSource
from mix2api.counting.service import CountingService, is_tiny
from mix2api.counting.shipped import Tokenizers
from mix2api.errors import ContextLengthExceeded
from mix2api.events.kinds import End, Request
from mix2api.projections.correction import Corrections, InputObservation
from mix2api.sessions.prepared_turn import PreparedTurn
from mix2api.sessions.state import SessionState
from mix2api.sessions.worker_port import Submission
from mix2api.upstreams.kept import PLAIN, Keeps, Kept, as_given, tools_text
from mix2api.vocabulary import SUCCESSES
from mix2api.wire.turn import Message

_AT_ONCE_CHARS: Final = 16_384
"""Of an answer that is counted on the loop: 3 ms. The way to a thread costs an answer of 8 kB as much again as its count."""
_MODELS: Final = 256
"""Models whose profile is kept at hand; more of them are looked up anew, 20 µs each."""


@frozen(kw_only=True)
class SummaryAsk:
    """How a model is asked for a summary."""

    timeout_s: float = 10.0
    """`MIX2API_BUDGET_SUMMARY_TIMEOUT_MS`: the turn waits no longer."""
    input_tokens: int = 8192
    """`MIX2API_BUDGET_SUMMARY_INPUT_TOKENS`: of the question, at most."""


@frozen(kw_only=True)
class BudgetOptions:
    """What an operator sets."""

    reserved_output: int = DEFAULT_RESERVED
    """`TOKEN_BUDGET_DEFAULT_RESERVED_OUTPUT_TOKENS`."""
    warned_models: int = 1024
    """`MODEL_PROFILE_FALLBACK_WARN_CACHE_SIZE`."""
    trim: TrimOptions = field(factory=TrimOptions)
    ask: SummaryAsk | None = None
    """None: no model is asked for summaries (`MIX2API_BUDGET_SUMMARY`)."""


@frozen(kw_only=True)
class TurnBudget:
    """The budget of one turn. Tokens."""

    unseen: Unseen = field(repr=False)
    """What goes up."""
    kept: Kept = field(repr=False)
    counter: MessageCounter = field(repr=False)
    allowance: Allowance
    used: int
    """Of all that the session holds when the turn is sent, as the site would count them."""
    tokens: int
    """The same by our own count."""
    each: tuple[int, ...] = field(default=(), repr=False)
    """Of each message that goes up, in its kept form. Empty where the history was trimmed."""
    withheld: Mapping[str, int] = field(factory=dict)
    """Messages that trimming changed, by reason (`mix2api.budget.fates.TrimReason`)."""
    limit: OutputLimit = field(factory=OutputLimit)
    rolled_over: bool = False
    """The session that the turn was to continue is full: it is to be retired, and the turn goes to a fresh one."""
    refused: ContextLengthExceeded | None = None
    """Nothing is to be sent."""
    factor: float = 1.0
    """The site's count / ours."""
    left_out: LeftOut | None = field(default=None, repr=False)
    """What trimming took away and a summary is wanted of."""
    asking: Allowance | None = None
    """The room of the question for a summary, where a model is to be asked."""
    summary: SummaryOutcome | None = None
    """Whose summary goes up."""
    summary_ms: int | None = None
    """How long the turn waited for a model's."""


@frozen
class _Model:
    """What is known of one model."""

    name: str
    """As events have it."""
    profile: Profile
    counter: MessageCounter


@define(eq=False, kw_only=True)
class Budgets:
    """Plans the turns of a process. Lives on one event loop."""

    options: BudgetOptions = field(factory=BudgetOptions)
    table: Callable[[], ProfileTable]
    """Gives the profiles that hold now."""
    tokenizers: Tokenizers = field(factory=Tokenizers)
    keeps: Keeps = as_given
    """What the site keeps of a turn."""
    name_of: Callable[[str], str] = str
    """A model as events have it."""
    on_fallback: Callable[[str], None]
    """Told once of each model without a profile, by its name in events."""
    counting: CountingService = field(factory=CountingService)
    corrections: Corrections = field(factory=Corrections)
    _fallbacks: Fallbacks = field(init=False)
    _models: dict[str, _Model] = field(factory=dict, init=False)
    _known_table: ProfileTable | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._fallbacks = Fallbacks(self.options.warned_models)

    async def plan(
        self, submission: Submission, state: SessionState, unseen: Unseen, fresh: Callable[[], Unseen]
    ) -> TurnBudget:
        """The budget of a turn.

        Args:
            submission: the turn.
            state: its session before it.
            unseen: what the session is to be sent.
            fresh: gives what a fresh session would be sent instead.
        """
        prepared = submission.prepared
        model, asked = self._model(prepared.turn.model), prepared.turn.max_tokens
        planner = Planner(
            model=prepared.turn.model,
            allowance=allowance_of(model.profile, asked, self.options.reserved_output),
            factor=self.corrections.of(model.name).factor,
            options=self.options.trim,
        )
        limit = output_limit(asked, model.profile)
        held, new = None, 0
        if state.upstream_session is not None:
            held = await self._held(prepared, state, model.counter)
            budget = await self._continued(prepared, unseen, held, planner, model.counter)
            if budget.used <= planner.allowance.available:
                return evolve(budget, limit=limit)
            unseen, new = fresh(), budget.tokens - held
        budget = await self._fresh(prepared, unseen, (held, new), planner, model.counter)
        return evolve(budget, limit=limit, asking=self._asking(budget, model.profile))

    def _asking(self, budget: TurnBudget, profile: Profile) -> Allowance | None:
        """The room of the question for a summary: its answer has at most a token for each character that it may have."""
        if self.options.ask is None or budget.left_out is None:
            return None
        return allowance_of(profile, budget.left_out.bounds.max_chars)

    async def _continued(
        self, prepared: PreparedTurn, unseen: Unseen, held: int, planner: Planner, counter: MessageCounter
    ) -> TurnBudget:
        """The budget of a turn that continues its session, whether it fits or not."""
        kept = self.keeps(prepared, is_told=not unseen.other_realm)
        new = await self._tokens(unseen.messages, kept, counter)
        # The frame of the last answer was held as that of an answer to come, which has no role.
        tokens = held + ROLE_TOKENS + sum(new) + await self._beside(kept, counter)
        return TurnBudget(
            unseen=unseen,
            kept=kept,
            counter=counter,
            allowance=planner.allowance,
            used=corrected(tokens, planner.factor),
            tokens=tokens,
            each=new,
        )

    async def _fresh(
        self,
        prepared: PreparedTurn,
        unseen: Unseen,
        full: tuple[int | None, int],
        planner: Planner,
        counter: MessageCounter,
    ) -> TurnBudget:
        """The budget of a turn for a fresh session.

        Args:
            prepared: the turn.
            unseen: what a fresh session is sent.
            full: what a session that is too full holds, None if there is none, and what the turn would add.
            planner: of its model.
            counter: of its model.
        """
        kept = self.keeps(prepared, is_told=False)
        tokens = await self._tokens(unseen.messages, kept, counter)
        held, new = full
        size = TurnSize(messages=tokens, fixed=await self._beside(kept, counter), held=held, new=new)
        budget = TurnBudget(
            unseen=unseen,
            kept=kept,
            counter=counter,
            allowance=planner.allowance,
            used=0,
            tokens=sum(tokens) + size.fixed,
            each=tokens,
            factor=planner.factor,
        )
        try:
            plan = await self._planned(planner, unseen.messages, size, partial(_measured, kept, counter))
            if (
                plan.withheld and prepared.turn.is_responses
            ):  # its body passes as it came, so nothing of it can be left out
                raise too_long(corrected(budget.tokens, planner.factor), planner.allowance, planner.model)
        except ContextLengthExceeded as refused:
            return evolve(budget, used=refused.used, refused=refused)
        return _with_plan(budget, plan)

    def learn(self, request: Request, end: End) -> None:
        """Notes how the site counted a good run, if it said so."""
        if end.usage_source != UsageSource.SITE or end.usage is None or request.counted_tokens is None:
            return
        if end.end_reason in SUCCESSES:
            self.corrections.apply(
                InputObservation(
                    model=request.model, counted=request.counted_tokens, reported=end.usage.prompt_tokens
                )
            )

    async def prompt(self, prepared: PreparedTurn, budget: TurnBudget) -> int:
        """The tokens of a request as a site without sessions would count them: the whole history, native tools, frames."""
        counter, unseen = budget.counter, budget.unseen.messages
        if budget.each and budget.kept.of_message is None and is_tiny(unseen):
            self.counting.know(unseen, budget.each, counter)
        tokens = sum(await self._tokens(prepared.turn.messages, PLAIN, counter))
        if prepared.turn.tools:
            given = Kept(texts=(tools_text(prepared.turn.tools),))
            return tokens + await self._beside(given, counter) - MESSAGE_TOKENS - ROLE_TOKENS
        return tokens + ANSWER_TOKENS

    async def answer(self, answer: Message, budget: TurnBudget) -> int:
        """The tokens of an answer in the form in which the site wrote it, without a message's frame.

        They are remembered: the next turn brings the answer again.
        """
        measure = partial(_measured, budget.kept, budget.counter, answer)
        is_short = _chars_of(answer) <= _AT_ONCE_CHARS
        tokens = measure() if is_short else await self.counting.off_loop(measure)
        if budget.kept.of_message is None:
            self.counting.know([answer], [tokens], budget.counter)
        return tokens - MESSAGE_TOKENS - ROLE_TOKENS

    async def text(self, text: str, counter: MessageCounter) -> int:
        """The tokens of a text; a long one is counted in the thread."""
        if len(text) <= _AT_ONCE_CHARS:
            return counter.content(text)
        return await self.counting.off_loop(partial(counter.content, text))

    async def _planned(
        self, planner: Planner, messages: list[Message], size: TurnSize, measure: Callable[[Message], int]
    ) -> Plan:
        """The plan; in the counting thread where the history is trimmed.

        Raises:
            ContextLengthExceeded: what must stay does not fit.
        """
        work = partial(planner.plan, messages, size, measure)
        whole = corrected(sum(size.messages) + size.fixed, planner.factor)
        return work() if whole <= planner.allowance.available else await self.counting.off_loop(work)

    async def _tokens(self, messages: list[Message], kept: Kept, counter: MessageCounter) -> tuple[int, ...]:
        """Of each message in its kept form."""
        if kept.of_message is not None:
            messages = list(map(kept.of_message, messages))
        if is_tiny(messages):
            return tuple([counter.message(message) for message in messages])
        return (await self.counting.history(messages, counter)).tokens

    async def _beside(self, kept: Kept, counter: MessageCounter) -> int:
        """Of what no message takes: the frame of the answer, tools, instructions."""
        if kept.beside or kept.texts:
            messages = [*kept.beside, *(Message(role="system", content=text) for text in kept.texts)]
            return ANSWER_TOKENS + sum(await self._tokens(messages, PLAIN, counter))
        return ANSWER_TOKENS

    async def _held(self, prepared: PreparedTurn, state: SessionState, counter: MessageCounter) -> int:
        """What the session holds. Where its log does not say it: the history up to the last answer, which is no less."""
        if state.held_tokens is not None:
            return state.held_tokens
        kept = self.keeps(prepared, is_told=False)
        history = await self._tokens(prepared.turn.messages[: prepared.answered], kept, counter)
        return sum(history) + await self._beside(kept, counter)

    def _model(self, asked: str) -> _Model:
        table = self.table()
        if table is not self._known_table:
            self._known_table = table
            self._models.clear()
        model = self._models.get(asked)
        if model is None:
            profile = table.profile_of(asked)
            counter = MessageCounter(self.tokenizers.of(profile.encoding), profile.image_rule)
            model = _Model(self.name_of(asked), profile, counter)
            if len(self._models) >= _MODELS:
                self._models.clear()
            self._models[asked] = model
        if not model.profile.known and self._fallbacks.is_new(model.name):
            self.on_fallback(model.name)
        return model


def _chars_of(answer: Message) -> int:
    """Characters of an answer: of its text, and of its calls."""
    calls = [call.function for call in answer.tool_calls or () if call.function is not None]
    said = answer.content if isinstance(answer.content, str) else ""
    return len(said) + sum(len(call.name) + len(call.arguments) for call in calls)


def _measured(kept: Kept, counter: MessageCounter, message: Message) -> int:
    """The tokens of one message as the site keeps it."""
    return counter.message(message if kept.of_message is None else kept.of_message(message))


def _with_plan(budget: TurnBudget, plan: Plan) -> TurnBudget:
    if plan.messages is None or plan.messages is budget.unseen.messages:
        return evolve(budget, used=plan.used, tokens=plan.tokens, rolled_over=plan.verdict.rolled_over)
    withheld = {reason.value: count for reason, count in plan.withheld.items()}
    unseen = evolve(
        budget.unseen,
        messages=plan.messages,
        withheld=budget.unseen.withheld + sum(withheld.values()),
    )
    return evolve(
        budget,
        unseen=unseen,
        used=plan.used,
        tokens=plan.tokens,
        each=(),
        withheld=withheld,
        left_out=plan.left_out,
        summary=SummaryOutcome.EXTRACTIVE
        if plan.left_out is not None and plan.left_out.is_summed_up
        else None,
        rolled_over=plan.verdict.rolled_over,
    )
