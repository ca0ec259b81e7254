"""Answers with more calls or enclosures than a run may have, and batches that are taken in portions."""

import gc
import weakref
from itertools import count
from typing import Any

import pytest
from actors.translations import beginning, chunks

from mix2api.actors.phase import Phase
from mix2api.actors.tool_calls import CALLS_MAX
from mix2api.actors.translation import Translation
from mix2api.sessions.worker_port import TextDelta
from mix2api.tools.ids import CallIds
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.recognition import ENCLOSURES_MAX, Recogniser
from mix2api.upstreams.port import (
    Failed,
    Finished,
    Text,
    ToolInputAvailable,
    ToolInputBroken,
    ToolInputStarted,
    UpstreamEvent,
)
from mix2api.vocabulary import ChunkKind, Detail, EndReason


def test_one_call_more_than_a_run_may_have_ends_it() -> None:
    def calls(count: int) -> list[UpstreamEvent]:
        return [ToolInputAvailable(f"c{number}", "weather", "{}") for number in range(count)]

    assert portioned(calls(CALLS_MAX)).phase is Phase.OPEN
    ended = portioned([*calls(CALLS_MAX + 1), Text("more"), Finished("stop")])
    assert ended.phase is Phase.FAILED
    cause = chunks(ended)[-1]
    assert (cause.kind, cause.cause, cause.detail) == (
        ChunkKind.ERROR,
        EndReason.UPSTREAM_ERROR,
        Detail.TOO_MANY,
    )
    assert TextDelta("more") not in ended.answer.replies


@pytest.mark.parametrize(
    "event",
    [
        lambda number: ToolInputStarted(f"c{number}", "not_offered"),
        lambda number: ToolInputBroken(f"c{number}", "weather"),
    ],
)
def test_calls_that_come_to_nothing_count_as_well(event: Any) -> None:
    assert portioned([event(number) for number in range(CALLS_MAX)]).phase is Phase.OPEN
    assert portioned([event(number) for number in range(CALLS_MAX + 1)]).phase is Phase.FAILED


@pytest.mark.parametrize(
    "enclosure",
    [
        '{"tool_calls": []} ',
        '{"final": "so"} ',
        '{"tool_call": {"name": "fly", "arguments": {}}} ',
        '{"tool_call": {"arguments": {}}} ',
    ],
)
def test_one_enclosure_more_than_an_answer_may_have_ends_it(enclosure: str) -> None:
    def read(count: int) -> Translation:
        return portioned(
            [Text(enclosure * count), Finished("stop")],
            reader=Recogniser(OfferedTools(names=frozenset({"weather"}))),
        )

    assert read(ENCLOSURES_MAX).phase is Phase.FINISHED
    ended = read(ENCLOSURES_MAX + 1)
    assert ended.phase is Phase.FAILED
    assert chunks(ended)[-1].detail == Detail.TOO_MANY


def test_a_call_too_many_in_the_last_words_ends_the_run_as_well() -> None:
    text = '{"tool_call": {"name": "fly", "arguments": {}}} ' * (ENCLOSURES_MAX - 1)
    text += '{"tool_calls": [' + '{"name": "fly"},' * (CALLS_MAX - ENCLOSURES_MAX + 1)
    text += '{"name": "fly"'
    ended = portioned(
        [Text(text), Finished("stop")], reader=Recogniser(OfferedTools(names=frozenset({"weather"})))
    )
    assert ended.phase is Phase.FAILED


def test_portions_say_together_what_a_batch_says() -> None:
    text = 'So be it. {"tool_calls": [{"name": "weather", "arguments": {"at": "' + "x" * 5000 + '"}}]}'
    ended = portioned(
        [Text(text), Finished("stop")], reader=Recogniser(OfferedTools(names=frozenset({"weather"})))
    )
    (call,) = ended.answer.message().tool_calls or ()
    assert call.function is not None
    assert call.function.arguments == '{"at": "' + "x" * 5000 + '"}'
    assert ended.deltas == len(ended.answer.replies)
    assert chunks(ended)[0].frames == 1, "frames are counted as the site sent them"


def portioned(batch: list[UpstreamEvent], reader: Recogniser | None = None) -> Translation:
    """After all portions of one batch, and a flush."""
    numbers = count()
    ids = CallIds(lambda: f"call_{next(numbers)}", lambda _: False)
    translation = beginning(reader, ids=ids)
    is_left = translation.take(batch)
    while is_left:
        is_left = translation.go_on()
    translation.tally.flush()
    return translation


@pytest.mark.parametrize("ended", [True, False])
def test_a_translation_that_ends_within_a_batch_is_held_by_nothing(*, ended: bool) -> None:
    batch: list[UpstreamEvent] = [Text("{" * 5000), Failed("no"), Text("{" * 5000)]
    translation = beginning(Recogniser(OfferedTools(names=frozenset({"weather"}))))
    is_left = translation.take(batch)
    while ended and is_left:
        is_left = translation.go_on()
    assert translation.phase is (Phase.FAILED if ended else Phase.OPEN)
    gc.disable()
    try:
        translation.let_go()
        held = weakref.ref(translation)
        del translation
        assert held() is None
    finally:
        gc.enable()
