"""What the client is given of an answer, and what the log is told of it."""

import pytest
from actor_parts import SEAL

from mix2api.actors.answer import Answer
from mix2api.actors.chunk_tally import ChunkTally
from mix2api.actors.tool_calls import CALLS_MAX, CallRules, ToolCalls
from mix2api.sessions.worker_port import TextDelta, ToolCallDelta
from mix2api.tools.apologies import ENGLISH
from mix2api.tools.ids import CallIds
from mix2api.vocabulary import Detail, RunId
from mix2api.wire.turn import Message

RUN = RunId("run_1")


def answer() -> Answer:
    ids = CallIds(lambda: "call_drawn", lambda _: False)
    rules = CallRules(callable_names=frozenset({"weather"}), ids=ids)
    return Answer(ChunkTally(RUN, lambda: 0), lambda: ToolCalls(RUN, SEAL, rules))


def test_an_answer_of_text_keeps_no_books_of_calls() -> None:
    said = answer()
    said.say("a")
    said.say("b")
    assert said.heed_calls()
    assert not said.close()
    said.rest()
    assert (said.calls, said.remark(), said.faithful) == (None, None, True)
    assert said.replies == [TextDelta("a"), TextDelta("b")]
    assert said.message() == Message(role="assistant", content="ab")


def test_a_call_goes_to_the_client_and_to_the_log() -> None:
    said = answer()
    said.begun_calls().began(0, "weather", None)
    said.begun_calls().continued(0, "{}")
    said.begun_calls().became_whole(0)
    assert said.heed_calls()
    assert said.close()
    assert said.replies[0] == ToolCallDelta(index=0, call_id="call_drawn", name="weather")
    (told,) = said.tally.commands
    assert said.called == [told.call.tool_call_id]  # type: ignore[union-attr]
    (given,) = said.message().tool_calls or ()
    assert given.id == "call_drawn"
    legacy = said.message(legacy=True)
    assert (legacy.function_call, legacy.tool_calls) == (given.function, None)


@pytest.mark.parametrize("said_before", ["", "Let me look. "])
def test_a_call_that_broke_is_excused_where_nothing_follows_it(said_before: str) -> None:
    said = answer()
    said.say(said_before)
    said.begun_calls().broke(0)
    said.broken_at = len(said.texts)
    assert not said.close()
    assert said.replies[-1] == TextDelta(ENGLISH.malformed)
    assert (said.remark(), said.faithful) == (Detail.BROKEN_CALL, False)


@pytest.mark.parametrize(("said_before", "excused"), [("", True), ("Let me look. ", False)])
def test_a_dropped_call_is_excused_where_there_is_no_text(said_before: str, *, excused: bool) -> None:
    said = answer()
    said.say(said_before)
    said.begun_calls().drop()
    said.close()
    assert (said.replies[-1] == TextDelta(ENGLISH.not_there)) is excused
    assert (said.remark(), said.faithful) == (Detail.DROPPED_CALL, False)


def test_more_calls_than_a_run_may_have_are_told_of() -> None:
    said = answer()
    for _ in range(CALLS_MAX):
        said.begun_calls().drop()
    assert said.heed_calls()
    said.begun_calls().drop()
    assert not said.heed_calls()
