"""What is counted is what the site is sent: compared with the messages of the request itself."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import histories
import pytest
from attrs import evolve

from mix2api.budget.message_tokens import MessageCounter
from mix2api.budget.tokenizers import EstimatingTokenizer
from mix2api.sessions.prepared_turn import prepare
from mix2api.tools.instruction import InstructionPlace
from mix2api.tools.offer import forced
from mix2api.upstreams.mix.kept import kept_by_site
from mix2api.upstreams.mix.options import MixOptions, ToolOptions
from mix2api.upstreams.mix.outgoing import outgoing_messages
from mix2api.upstreams.mix.query import query_of
from mix2api.upstreams.port import UpstreamCall
from mix2api.vocabulary import RequestId, RunId
from mix2api.wire.turn import Turn

COUNTER = MessageCounter(EstimatingTokenizer())
OPTIONS = MixOptions(base_url="https://site.example")
TOOL = {"type": "function", "function": {"name": "look", "description": "looks", "parameters": {}}}
LEGACY = [
    {"role": "user", "content": "x"},
    {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
    {"role": "function", "name": "look", "content": "seen"},
]


def call_of(turn: Turn, *, told: bool) -> UpstreamCall:
    return UpstreamCall(
        run_id=RunId("r"),
        request_id=RequestId("q"),
        turn=turn,
        messages=turn.messages,
        session="s" if told else None,
        same_realm=told,
        prepared=prepare(turn),
    )


def sent(turn: Turn, options: MixOptions, *, told: bool) -> int:
    """The tokens of the messages in the request."""
    prepared = prepare(turn)
    offer = forced(prepared.offer, turn.messages) if options.tools.force_call else prepared.offer
    return COUNTER.history(outgoing_messages(call_of(turn, told=told), options, offer))


def kept(turn: Turn, options: MixOptions, *, told: bool) -> int:
    form = kept_by_site(options, prepare(turn), is_told=told)
    messages = turn.messages if form.of_message is None else map(form.of_message, turn.messages)
    return COUNTER.history([*messages, *form.beside])


def turns() -> Iterator[Turn]:
    tools: list[dict[str, Any] | None] = [
        None,
        {"tools": [TOOL]},
        {"tools": [TOOL] * 2, "tool_choice": "required"},
    ]
    looks = [
        histories.user("look"),
        histories.answer(None, tool_calls=[histories.call(name="look")]),
        histories.result(call_id="call_1"),
    ]
    for offered, said in product(tools, ([histories.user("hi")], looks, LEGACY)):
        yield Turn(model="m", messages=histories.messages(*said), **(offered or {}))


@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize("place", [InstructionPlace.BOTH, InstructionPlace.MESSAGES])
@pytest.mark.parametrize("most", [None, 1])
def test_what_is_counted_is_what_is_sent(*, told: bool, place: InstructionPlace, most: int | None) -> None:
    tools = ToolOptions(instruction=place, max_count=most, force_call=most is None)
    for turn in turns():
        options = evolve(OPTIONS, tools=tools)
        assert kept(turn, options, told=told) == sent(turn, options, told=told)


def test_a_site_with_native_tools_keeps_them_as_they_are() -> None:
    turn = Turn(model="m", messages=histories.messages(histories.user("hi")), tools=[TOOL])
    form = kept_by_site(evolve(OPTIONS, send_tools=True), prepare(turn), is_told=False)
    assert (form.of_message, form.beside) == (None, ())
    assert "look" in form.texts[0]


def test_tools_that_only_the_query_tells_count_with_every_turn() -> None:
    options = evolve(OPTIONS, tools=ToolOptions(instruction=InstructionPlace.QUERY))
    turn = Turn(model="m", messages=histories.messages(histories.user("hi")), tools=[TOOL])
    for told in (False, True):
        (text,) = kept_by_site(options, prepare(turn), is_told=told).texts
        assert text in query_of(call_of(turn, told=told), options, prepare(turn).offer)


def test_tools_that_nobody_tells_do_not_count() -> None:
    options = evolve(OPTIONS, tools=ToolOptions(instruction=InstructionPlace.NONE))
    turn = Turn(model="m", messages=histories.messages(histories.user("hi")), tools=[TOOL])
    form = kept_by_site(options, prepare(turn), is_told=False)
    assert (form.beside, form.texts) == ((), ())
