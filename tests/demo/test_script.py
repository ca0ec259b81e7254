import itertools

import msgspec
import pytest

from mix2api.demo.answers import Answer, Call
from mix2api.demo.directives import CallForm, find_directives
from mix2api.demo.frames import DONE
from mix2api.demo.identities import Ids
from mix2api.demo.script import Break, Ending, Frame, Pause, Script, Silence, Step, usage_of
from mix2api.demo.token_count import TokenCount

IDS = Ids("s1", "e1")


def steps_of(text: str, pace_ms: int = 0, **answer: object) -> list[Step]:
    said = Answer(**{"pieces": ("one ", "two ", "three"), "size": 4} | answer)  # type: ignore[arg-type]
    words = find_directives(text)
    script = Script(answer=said, ids=IDS, words=words, pace_ms=pace_ms, usage={"inputTokens": 2})
    # Silence is for ever: nothing that stands after it is ever played.
    return list(itertools.takewhile(lambda step: step != Silence(), script.steps()))


def types_of(steps: list[Step]) -> list[str]:
    return [
        msgspec.json.decode(step.data.removeprefix(b"data: "))["type"]
        for step in steps
        if isinstance(step, Frame)
    ]


def test_a_plain_answer_has_the_order_of_the_protocol() -> None:
    steps = steps_of("")
    assert types_of(steps) == [
        *["start", "start-step", "text-start"],
        *["text-delta"] * 3,
        *["text-end", "finish-step", "data-usage", "finish"],
    ]
    assert steps[-1] == Ending(DONE)
    assert "".join(step.said for step in steps if isinstance(step, Frame)) == "one two three"


def test_a_turn_of_calls_has_no_text_part_and_an_empty_answer_an_empty_one() -> None:
    call = Call("c1", "a", "{}")
    assert "text-start" not in types_of(steps_of("", pieces=(), calls=(call,)))
    assert types_of(steps_of("", pieces=()))[2:4] == ["text-start", "text-end"]


def test_a_pause_stands_before_every_delta() -> None:
    steps = steps_of("", pace_ms=7, reasoning=("why",), pieces=("a", "b"), calls=(Call("c", "n", "{}"),))
    assert steps.count(Pause(7)) == 4


def test_the_middle_is_after_the_first_half_of_the_deltas_rounded_up() -> None:
    steps = steps_of("[[silence:9]]")
    middle = steps.index(Pause(9))
    assert types_of(steps[:middle]).count("text-delta") == 2


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("[[error_mid]]", Ending(DONE)),
        ("[[error_frame_no_finish]]", Ending()),
        ("[[abort]]", Ending(DONE)),
        ("[[cut]]", Ending()),
        ("[[cut:close]]", Break()),
    ],
)
def test_a_fault_in_the_middle_ends_the_stream_there(text: str, ending: Step) -> None:
    steps = steps_of(text)
    assert steps[-1] == ending
    assert types_of(steps).count("text-delta") == 2
    assert "text-end" not in types_of(steps)


@pytest.mark.parametrize(("text", "reset"), [("[[cut_mid_frame]]", False), ("[[cut_mid_frame:reset]]", True)])
def test_a_cut_frame_is_a_break_with_bytes(text: str, reset: bool) -> None:  # noqa: FBT001 - parametrised
    last = steps_of(text)[-1]
    assert isinstance(last, Break)
    assert last.data
    assert last.reset is reset


def test_silence_follows_the_first_frame() -> None:
    assert types_of(steps_of("[[silent]]")) == ["start"]


def test_interleaved_calls_take_turns_and_plain_ones_do_not() -> None:
    calls = (Call("c1", "a", '{"x": 1}'), Call("c2", "b", '{"yy": 2222}'))
    mixed = steps_of("", pieces=(), calls=calls, form=CallForm.INTERLEAVED)
    apart = steps_of("", pieces=(), calls=calls, form=CallForm.DELTAS)

    def order(steps: list[Step]) -> list[str]:
        frames = [step.data for step in steps if isinstance(step, Frame) and b"tool-input-delta" in step.data]
        return ["c1" if b'"c1"' in data else "c2" for data in frames]

    assert order(mixed) == ["c1", "c2", "c1", "c2", "c2"]
    assert order(apart) == ["c1", "c1", "c2", "c2", "c2"]


def test_usage_counts_context_text_reasoning_and_arguments() -> None:
    answer = Answer(pieces=("12345678",), reasoning=("1234",), calls=(Call("c", "n", "{  }"),))
    assert usage_of(answer, 10, TokenCount()) == {
        "inputTokens": 10,
        "outputTokens": 4,
        "totalTokens": 14,
        "reasoningTokens": 1,
        "cachedInputTokens": 0,
    }


def test_usage_counts_with_the_site_s_tokenizer_where_it_has_one() -> None:
    answer = Answer(pieces=("one ", "two"), reasoning=("so ", "then"), calls=(Call("c", "n", "{ }"),))
    counted = usage_of(answer, 40, TokenCount(lambda text: len(text.split())))
    assert (counted["inputTokens"], counted["outputTokens"], counted["reasoningTokens"]) == (40, 2 + 2 + 2, 2)
