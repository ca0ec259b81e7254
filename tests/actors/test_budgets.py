"""A turn's budget: what is counted, in whose form, and what becomes of a turn that does not fit."""

from functools import partial
from typing import Any

import histories
from actor_parts import GOOD, MODEL, submission, turn, working
from attrs import define, field

from mix2api.actors.budgets import BudgetOptions, Budgets, TurnBudget
from mix2api.actors.environment import ActorOptions
from mix2api.actors.request_facts import unseen_of
from mix2api.budget.encodings import EncodingName
from mix2api.budget.message_tokens import ANSWER_TOKENS, ROLE_TOKENS, MessageCounter
from mix2api.budget.profile import Defaults, GivenProfile, Origin
from mix2api.budget.profiles import ProfileTable, table_of
from mix2api.budget.tokenizers import EstimatingTokenizer
from mix2api.counting.shipped import Tokenizers
from mix2api.sessions.prepared_turn import PreparedTurn, prepare
from mix2api.sessions.state import VACANT, SessionState, Stage
from mix2api.upstreams.kept import Kept
from mix2api.vocabulary import EndReason, Sealed
from mix2api.wire.turn import Message, Turn

COUNTER = MessageCounter(EstimatingTokenizer())
WAITING = SessionState(stage=Stage.WAITING, upstream_session=Sealed("x"))


def table(window: int = 1000, output: int = 100) -> ProfileTable:
    profile = GivenProfile(
        name="*",
        origin=Origin.SETTING,
        context_window=window,
        max_input_tokens=window,
        max_new_tokens=output,
    )
    return table_of([profile], Defaults())


def budgets(holds: ProfileTable | None = None, **fields: Any) -> Budgets:
    known = table() if holds is None else holds
    return Budgets(**({"table": lambda: known, "on_fallback": lambda _: None} | fields))


async def planned(of: Budgets, content: Turn, state: SessionState = VACANT) -> TurnBudget:
    asked = submission(content)
    fresh = partial(unseen_of, asked, VACANT, ActorOptions())
    return await of.plan(asked, state, unseen_of(asked, state, ActorOptions()), fresh)


def conversation(*messages: dict[str, Any], **fields: Any) -> Turn:
    return Turn(model=MODEL, messages=histories.messages(*messages), stream=True, **fields)


async def test_a_fresh_session_is_counted_with_the_frame_of_the_answer() -> None:
    content = conversation(histories.user("hello"), histories.answer("yes"), histories.user("more"))
    budget = await planned(budgets(), content)
    assert budget.tokens == budget.used == ANSWER_TOKENS + COUNTER.history(content.messages)
    assert (budget.allowance.reserved, budget.allowance.available) == (100, 900)
    assert not budget.rolled_over
    assert budget.refused is None


async def test_a_continued_session_is_counted_as_what_it_holds_and_what_is_new() -> None:
    content = conversation(histories.user("hello"), histories.answer("yes"), histories.user("more"))
    budget = await planned(budgets(), content, evolve_state(held_tokens=500))
    assert budget.tokens == 500 + ROLE_TOKENS + COUNTER.message(content.messages[-1]) + ANSWER_TOKENS


async def test_a_log_that_does_not_say_what_is_held_means_the_history() -> None:
    content = conversation(histories.user("hello"), histories.answer("yes"), histories.user("more"))
    budget = await planned(budgets(), content, WAITING)
    assert budget.tokens == COUNTER.history(content.messages) + 2 * ANSWER_TOKENS + ROLE_TOKENS


def evolve_state(**fields: Any) -> SessionState:
    return SessionState(**({"stage": WAITING.stage, "upstream_session": WAITING.upstream_session} | fields))


async def test_a_full_session_rolls_over_and_a_turn_that_fits_nowhere_does_not() -> None:
    full = evolve_state(held_tokens=899)
    content = conversation(histories.user("hello"), histories.answer("yes"), histories.user("more"))
    assert (await planned(budgets(), content, full)).rolled_over
    huge = conversation(histories.user("hello"), histories.answer("yes"), histories.user("more " * 2000))
    budget = await planned(budgets(), huge, full)
    assert not budget.rolled_over
    assert budget.refused is not None
    assert budget.used == budget.refused.used > budget.allowance.available


async def test_a_full_session_rolls_over_to_a_trimmed_history() -> None:
    old = "old words " * 400
    content = conversation(histories.user(old), histories.answer(old), histories.user("more"))
    budget = await planned(budgets(), content, evolve_state(held_tokens=899))
    assert budget.rolled_over
    assert budget.withheld
    assert budget.used <= budget.allowance.available


async def test_what_the_site_is_told_beside_the_messages_counts() -> None:
    told = Message(role="system", content="use these tools")

    def keeps(prepared: PreparedTurn, *, is_told: bool) -> Kept:
        del prepared
        return Kept() if is_told else Kept(lambda message: message, beside=(told,), texts=("{}",))

    content = conversation(histories.user("hello"))
    plain = await planned(budgets(), content)
    budget = await planned(budgets(keeps=keeps), content)
    texts = [told, Message(role="system", content="{}")]
    assert budget.tokens - plain.tokens == COUNTER.history(texts)


async def test_a_reload_counts_for_the_next_turn() -> None:
    tables = [table(1000), table(2000)]
    made = Budgets(table=lambda: tables[0], on_fallback=lambda _: None)
    assert (await planned(made, turn("hi"))).allowance.available == 900
    tables.pop(0)
    assert (await planned(made, turn("hi"))).allowance.available == 1900


async def test_a_model_without_a_profile_is_told_of_once_as_long_as_it_is_remembered() -> None:
    told: list[str] = []
    made = budgets(table_of([], Defaults()), on_fallback=told.append, name_of=lambda name: f"#{name}")
    for model in ("a", "a", "b", "a"):
        await planned(made, Turn(model=model, messages=[Message(role="user", content="x")]))
    assert told == ["#a", "#b"]
    forgetful = budgets(
        table_of([], Defaults()), on_fallback=told.append, options=BudgetOptions(warned_models=0)
    )
    for _ in range(2):
        await planned(forgetful, turn("x"))
    assert told[2:] == [MODEL, MODEL]


async def test_many_models_take_no_more_room_than_some() -> None:
    made = budgets()
    for number in range(600):
        await planned(made, Turn(model=f"m{number}", messages=[Message(role="user", content="x")]))
    assert len(made._models) <= 256


async def test_a_wish_for_more_than_the_model_gives_is_made_smaller_and_told() -> None:
    async with working(GOOD, replacing={"budgets": budgets()}) as bench:
        accepted = (await bench.ask(submission(turn("hi", max_tokens=5000))))[0]
        (call,) = bench.upstream.calls
        assert call.turn.max_tokens == 100
        assert accepted.budget.endswith("trimmed=0; max_tokens=100")  # type: ignore[union-attr]


async def test_a_turn_that_does_not_fit_ends_before_the_site_is_called() -> None:
    async with working(replacing={"budgets": budgets()}) as bench:
        replies = await bench.ask(submission(turn("long " * 3000)))
        assert bench.upstream.calls == []
        (end,) = bench.ends()
        assert (end.end_reason, end.http_status) == (EndReason.BUDGET_REJECTED, 400)
        last: Any = replies[-1]
        assert (last.error_code, last.param) == ("context_length_exceeded", "messages")
        assert "has room for 900" in last.message


async def test_a_turn_that_is_given_up_while_it_is_counted_is_not_begun() -> None:
    class Draining(Budgets):
        async def plan(self, *arguments: Any, **fields: Any) -> TurnBudget:
            for actor in bench.worker._actors.values():
                actor.drain()
            return await super().plan(*arguments, **fields)

    made = budgets()
    draining = Draining(table=made.table, on_fallback=made.on_fallback)
    async with working(replacing={"budgets": draining}) as bench:
        ended: Any = (await bench.ask())[-1]
        assert ended.end_reason is EndReason.OVERLOADED
        assert bench.upstream.calls == []
        assert bench.world.logs == {}


@define(eq=False)
class Watched:
    """Counts characters, and notes what it counted."""

    name: str = "watched"
    texts: list[str] = field(factory=list)

    def count(self, text: str) -> int:
        self.texts.append(text)
        return len(text)


async def test_what_a_turn_of_a_long_history_brings_and_gets_is_counted_once() -> None:
    tokenizer, long = Watched(), "hello " * 500
    made = budgets(table(10_000), tokenizers=Tokenizers({EncodingName.O200K_BASE: tokenizer}))  # type: ignore[dict-item]
    first = conversation(histories.user(long))
    budget = await planned(made, first)
    assert await made.prompt(prepare(first), budget) == budget.tokens
    assert await made.answer(Message(role="assistant", content="yes"), budget) == len("yes")
    second = conversation(histories.user(long), histories.answer("yes"), histories.user("more"))
    after = await planned(made, second, evolve_state(held_tokens=budget.tokens + len("yes")))
    assert await made.prompt(prepare(second), after) == after.tokens
    assert tokenizer.texts == [long, "yes", "more"]
