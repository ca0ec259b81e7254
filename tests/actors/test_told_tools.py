"""What debugging lines tell of tools: the choice before the call, and each call that the text turns out to have."""

from actor_parts import turn

from mix2api.actors.told_tools import NAMES_MAX, CallRead, ToldReader, tools_chosen
from mix2api.sessions.prepared_turn import prepare
from mix2api.tools.choice import CallMode
from mix2api.tools.offer import Offer
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.pieces import CallReader
from mix2api.tools.text.recognition import Reading, Recogniser
from mix2api.vocabulary import RequestId

ID = RequestId("r1")


def tool(name: str) -> dict[str, object]:
    return {"type": "function", "function": {"name": name}}


def read(*parts: str) -> list[CallRead]:
    """What is told of these pieces of an answer's text; `f` is offered."""
    offer: Offer = prepare(turn(tools=[tool("f")])).offer
    inner: CallReader = Recogniser(OfferedTools.of(offer, set()), Reading(thought_apart=True, final=True))
    told: list[CallRead] = []
    reader, silent = ToldReader(inner, ID, told.append), []
    for part in parts:
        silent += reader.feed(part)
    silent += reader.end()
    assert silent, "the pieces go on to who asked for them"
    assert not reader.crowded
    return told


def test_a_whole_call_is_told_with_its_name_and_arguments() -> None:
    assert read('<tool_call>{"name": "f", "argu', 'ments": {"a": 1}}</tool_call>') == [
        CallRead(request_id=ID, fate="whole", name="f", arguments='{"a": 1}')
    ]


def test_a_call_that_breaks_off_is_told_with_the_reason() -> None:
    (told,) = read('<tool_call>{"name": "f", "arguments": {"a": ')
    assert told.fate == "cut"


def test_a_call_that_nobody_offered_is_told_with_the_reason_alone() -> None:
    assert read('<tool_call>{"name": "g", "arguments": {}}</tool_call>') == [
        CallRead(request_id=ID, fate="not_offered")
    ]


def test_text_without_calls_is_told_nothing_of() -> None:
    assert read("hello") == []


def test_the_tools_of_a_turn_are_told_by_name_as_far_as_the_site_is() -> None:
    prepared = prepare(turn(tools=[tool("a"), tool("b"), tool("c")], tool_choice="required"))
    chosen = tools_chosen(ID, prepared, most=2)
    assert (chosen.offered, chosen.told, chosen.callable) == (3, 2, 3)
    assert (chosen.mode, chosen.names) == (CallMode.ALWAYS, ("a", "b"))
    assert tools_chosen(ID, prepared, most=None).names == ("a", "b", "c")


def test_of_very_many_tools_the_line_has_the_count_and_the_first_names() -> None:
    prepared = prepare(turn(tools=[tool(f"t{number}") for number in range(NAMES_MAX + 5)]))
    chosen = tools_chosen(ID, prepared, most=None)
    assert (chosen.told, len(chosen.names)) == (NAMES_MAX + 5, NAMES_MAX)
