"""What of an answer is counted: only what the site did not tell."""

from typing import Any

from actor_parts import BEGINNING, GOOD, submission, turn, working
from actors.test_budgets import COUNTER, budgets
from attrs import define, field

from mix2api.actors.answer import Answer
from mix2api.actors.answer_usage import usage_of
from mix2api.actors.budgets import Budgets, TurnBudget
from mix2api.actors.chunk_tally import ChunkTally
from mix2api.actors.unseen import Unseen
from mix2api.budget.decision import Allowance
from mix2api.budget.message_tokens import ANSWER_TOKENS, MessageCounter
from mix2api.budget.usage import ReportedUsage, SettledUsage, UsageSource
from mix2api.events.kinds import Usage
from mix2api.sessions.prepared_turn import prepare
from mix2api.upstreams.kept import Kept
from mix2api.upstreams.port import Finished, Reasoning, Text, UsageSeen
from mix2api.vocabulary import EndReason, RunId

CONTENT = turn("what do you say?")


@define
class Noted:
    """Counts characters, and notes what was counted."""

    name: str = "noted"
    texts: list[str] = field(factory=list)

    def count(self, text: str) -> int:
        self.texts.append(text)
        return len(text)


def budget(noted: Noted) -> TurnBudget:
    return TurnBudget(
        unseen=Unseen([]),
        kept=Kept(),
        counter=MessageCounter(noted),
        allowance=Allowance(reserved=1, available=1),
        used=0,
        tokens=0,
    )


def said(text: str, *thoughts: str) -> Answer:
    def begin() -> Any:
        raise AssertionError("there are no calls")

    answer = Answer(ChunkTally(RunId("r"), lambda: 0), begin)
    for thought in thoughts:
        answer.think(thought)
    answer.say(text)
    return answer


async def used(noted: Noted, answer: Answer, reported: ReportedUsage | None) -> SettledUsage:
    return await usage_of(budgets(), budget(noted), prepare(CONTENT), answer, reported)


async def test_what_the_site_told_is_not_counted() -> None:
    noted = Noted()
    made = await used(noted, said("four"), ReportedUsage(prompt=1, completion=2))
    assert (made.source, noted.texts) == (UsageSource.SITE, [])
    assert (made.usage.prompt_tokens, made.usage.completion_tokens, made.usage.total_tokens) == (1, 2, 3)


async def test_reasoning_that_the_site_did_not_tell_is_counted_alone() -> None:
    noted = Noted()
    made = await used(noted, said("four", "th", "ink"), ReportedUsage(prompt=1, completion=20))
    assert (made.source, noted.texts) == (UsageSource.SITE, ["think"])
    assert made.usage.reasoning_tokens == 5


async def test_a_missing_side_is_counted() -> None:
    noted = Noted()
    made = await used(noted, said("four"), ReportedUsage(prompt=1))
    assert (made.source, made.usage.completion_tokens, noted.texts) == (UsageSource.MIXED, 4, ["four"])
    made = await used(noted, said("four"), ReportedUsage(completion=1))
    assert made.usage.prompt_tokens == len("what do you say?") + 4 + ANSWER_TOKENS


async def test_a_long_answer_is_counted_in_the_thread() -> None:
    made = await used(Noted(), said("x" * 5000, "y" * 3000), None)
    assert (made.usage.completion_tokens, made.usage.reasoning_tokens) == (8000, 3000)
    assert made.source is UsageSource.COUNTED


async def test_a_run_without_figures_of_the_site_has_ours_in_its_end() -> None:
    silent = [BEGINNING, [Reasoning("hm"), Text("hello")], [Finished("stop")]]
    async with working(silent, replacing={"budgets": budgets()}) as bench:
        last: Any = (await bench.ask(submission(CONTENT)))[-1]
        (end,) = bench.ends()
        assert end.usage is not None
        assert last.usage == end.usage
        assert end.usage.prompt_tokens == COUNTER.history(CONTENT.messages) + ANSWER_TOKENS
        assert end.usage_source == "counted"


async def test_a_session_holds_what_the_site_reported_of_the_answer() -> None:
    reports = UsageSeen(Usage(prompt_tokens=5, completion_tokens=70, total_tokens=75))
    told = [BEGINNING, [Text("hello"), reports], [Finished("stop")]]
    async with working(told, replacing={"budgets": budgets()}) as bench:
        await bench.ask(submission(CONTENT))
        (end,) = bench.ends()
        assert (end.usage, end.usage_source) == (reports.usage, "site")


async def test_a_fault_of_the_count_costs_the_figures_and_not_the_answer() -> None:
    class Failing(Budgets):
        async def prompt(self, *_: Any) -> int:
            raise ArithmeticError

    made = budgets()
    failing = Failing(table=made.table, on_fallback=made.on_fallback)
    async with working(GOOD, replacing={"budgets": failing}) as bench:
        last: Any = (await bench.ask())[-1]
        assert last.end_reason is EndReason.STOP
        assert [type(fault) for _, fault in bench.faults] == [ArithmeticError]
