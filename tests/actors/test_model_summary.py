"""A turn whose history is trimmed asks the model for a summary, and goes on without where the model fails."""

from typing import Any

import histories
import pytest
import trio
from actor_parts import BEGINNING, GOOD, MODEL, Bench, all_of, submission, working
from actors.test_budget_conversations import AtOnce
from actors.test_budgets import table

from mix2api.actors.budgets import BudgetOptions, Budgets, SummaryAsk
from mix2api.budget.summary import HEADING, SummaryBounds
from mix2api.budget.trimming import TrimOptions
from mix2api.sessions.worker_port import Accepted, Ended
from mix2api.upstreams.port import Failed, Finished, Reasoning, Text, UpstreamFault
from mix2api.upstreams.scripted import Hang, Raise, Refuse, Script
from mix2api.vocabulary import SUCCESSES, Detail, EndReason
from mix2api.wire.turn import Turn

OLD = "old words " * 300
TIMEOUT_S = 7.0
FAULT = UpstreamFault(EndReason.UPSTREAM_ERROR, Detail.STATUS, "it failed", status=500)
SUMMARY: Script = [BEGINNING, [Reasoning("hm")], [Text("built the "), Text("parser")], [Finished("stop")]]
FAILING: dict[str, tuple[Script, str]] = {
    "a refusal": ([Refuse(FAULT)], "model_failed"),
    "an answer that broke off": ([BEGINNING, [Text("built")], Raise(FAULT)], "model_failed"),
    "an error frame": ([BEGINNING, [Text("built")], [Failed("no")]], "model_failed"),
    "an answer without an end": ([BEGINNING, [Text("built")]], "model_failed"),
    "an answer without words": ([BEGINNING, [Finished("stop")]], "model_failed"),
    "an endless answer": ([BEGINNING, *[[Text("word " * 1000)]] * 400, Hang()], "model_failed"),
    "silence": ([BEGINNING, Hang()], "model_late"),
}


def budgets(window: int = 1000, input_tokens: int = 500) -> dict[str, Any]:
    holds = table(window)
    options = BudgetOptions(
        trim=TrimOptions(summary=SummaryBounds()),
        ask=SummaryAsk(timeout_s=TIMEOUT_S, input_tokens=input_tokens),
    )
    made = Budgets(table=lambda: holds, on_fallback=lambda _: None, options=options, counting=AtOnce())
    return {"budgets": made}


def long_turn(**fields: Any) -> Turn:
    history = [
        {"role": "system", "content": "be brief"},
        *[histories.user(OLD), histories.answer(OLD)] * 4,
        histories.user("and now?"),
    ]
    tools = [{"type": "function", "function": {"name": "read"}}]
    return Turn(model=MODEL, messages=histories.messages(*history), stream=False, tools=tools, **fields)


async def asked(bench: Bench) -> Accepted:
    replies = await bench.ask(submission(long_turn(persona_id="p", sampling={"temperature": 2})))
    ended, accepted = replies[-1], replies[0]
    assert isinstance(ended, Ended)
    assert ended.end_reason in SUCCESSES
    assert isinstance(accepted, Accepted)
    return accepted


async def test_the_model_s_summary_goes_up_and_the_event_says_so() -> None:
    async with working(SUMMARY, GOOD, replacing=budgets()) as bench:
        accepted = await asked(bench)
        question, turn = bench.upstream.calls
        (request,) = bench.requests()
    assert (question.session, question.turn.tools, question.turn.persona_id, question.turn.sampling) == (
        None,
        None,
        None,
        {},
    )
    assert question.turn.model == MODEL
    assert question.turn.max_tokens == 100, "the model gives no more"
    assert "old words" in str(question.messages[-1].content)
    assert [message.content for message in turn.messages[:2]] == ["be brief", f"{HEADING}\nbuilt the parser"]
    assert sum(HEADING in str(message.content) for message in turn.messages) == 1
    assert (request.summary, request.summary_ms) == ("model", 0)
    assert accepted.budget.startswith(f"{request.input_tokens}/900; trimmed=")
    assert (request.input_tokens or 0) <= 900


@pytest.mark.parametrize("kind", FAILING)
async def test_lines_of_the_history_stand_where_the_model_gives_no_summary(kind: str) -> None:
    script, word = FAILING[kind]
    async with working(script, GOOD, replacing=budgets(), answer_bytes=1_000_000) as bench:
        began_s = trio.current_time()
        await asked(bench)
        took_s = trio.current_time() - began_s
        turn = bench.upstream.calls[-1]
        (request,) = bench.requests()
    assert str(turn.messages[1].content).startswith(f"{HEADING}\n- user: old words")
    assert request.summary == word
    assert request.summary_ms == (TIMEOUT_S * 1000 if word == "model_late" else 0)
    assert took_s < TIMEOUT_S + 1


async def test_a_history_that_fits_asks_nobody() -> None:
    async with working(GOOD, replacing=budgets(100_000)) as bench:
        await asked(bench)
        (request,) = bench.requests()
    assert (len(bench.upstream.calls), request.summary, request.summary_ms) == (1, None, None)


async def test_nothing_is_asked_where_no_question_fits() -> None:
    async with working(GOOD, replacing=budgets(input_tokens=50)) as bench:
        await bench.ask(submission(long_turn()))
        (request,) = bench.requests()
        (turn,) = bench.upstream.calls
    assert request.summary == "model_failed"
    assert HEADING in str(turn.messages[1].content)


async def test_a_client_that_leaves_meanwhile_ends_the_question() -> None:
    async with working([BEGINNING, Hang()], replacing=budgets()) as bench:
        replies = await bench.submit(submission(long_turn()))
        while not bench.upstream.streams:
            await trio.lowlevel.checkpoint()
        replies.abort(Detail.HUNG_UP)
        ended = (await all_of(replies))[-1]
        await bench.upstream.streams[0].left.wait()
        assert isinstance(ended, Ended)
        assert ended.end_reason is EndReason.CLIENT_ABORT
        assert bench.requests() == []
        assert trio.current_time() < TIMEOUT_S
