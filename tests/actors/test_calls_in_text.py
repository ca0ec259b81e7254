"""Calls read out of an answer's text."""

from actor_parts import SEAL

from mix2api.actors.answer import Answer
from mix2api.actors.calls_in_text import CallsInText
from mix2api.actors.chunk_tally import ChunkTally
from mix2api.actors.tool_calls import CallRules, ToolCalls
from mix2api.sessions.worker_port import TextDelta
from mix2api.tools.ids import CallIds
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.recognition import ENCLOSURES_MAX, Recogniser
from mix2api.vocabulary import RunId

RUN = RunId("run_1")
KNOWN = frozenset({"weather"})


def read(*texts: str) -> tuple[bool, Answer]:
    """Whether the text was within the bounds, and the answer that it made."""
    ids = CallIds(lambda: "call_drawn", lambda _: False)
    rules = CallRules(callable_names=KNOWN, ids=ids)
    answer = Answer(ChunkTally(RUN, lambda: 0), lambda: ToolCalls(RUN, SEAL, rules))
    in_text = CallsInText(Recogniser(OfferedTools(names=KNOWN)), answer)
    within = True
    for text in texts:
        in_text.note(text)
        within = within and in_text.feed(text)
    return within and in_text.end(), answer


def test_text_without_calls_is_the_answer() -> None:
    within, answer = read("It is ", "raining.")
    assert within
    assert "".join(answer.texts) == "It is raining."
    assert (answer.calls, answer.faithful) == (None, True)


def test_a_strict_call_leaves_the_answer_faithful() -> None:
    within, answer = read('{"tool_calls": [{"name": "weather", ', '"arguments": {}}]}')
    assert within
    assert len(answer.begun_calls().given()) == 1
    assert answer.faithful


def test_a_repaired_call_does_not() -> None:
    within, answer = read("{tool_call: (name: weather, arguments: (city:Ulm}}")
    assert within
    assert len(answer.begun_calls().given()) == 1
    assert not answer.faithful


def test_a_call_that_breaks_is_noted_with_its_place() -> None:
    _, answer = read('Let me look. {"tool_calls": [{"name": "weather", "argu')
    assert answer.replies[0] == TextDelta("Let me look. ")
    assert answer.begun_calls().broken == 1
    assert answer.broken_at == len(answer.texts)


def test_more_enclosures_than_an_answer_may_have_are_told_of() -> None:
    assert read('{"tool_calls": []} ' * ENCLOSURES_MAX)[0]
    assert not read('{"tool_calls": []} ' * (ENCLOSURES_MAX + 1))[0]


def test_a_call_too_many_in_the_last_words_is_told_of() -> None:
    text = '{"tool_calls": [' + '{"name": "fly"},' * 300 + '{"name": "fly"'
    assert not read(text)[0]
