"""What the log may know of a turn, and what of it is sent."""

from typing import Any

import msgspec
import pytest
from actor_parts import CLOCK, MODEL, SEAL, bench, submission
from attrs import evolve
from msgspec.structs import replace

from mix2api.actors.environment import ActorOptions, never
from mix2api.actors.message_limits import tools_withheld
from mix2api.actors.request_facts import (
    Unseen,
    accepted_reply,
    known_or_digest,
    request_event,
    tool_results,
    unseen_messages,
    unseen_of,
)
from mix2api.actors.turns import PendingTurn
from mix2api.events.codec import encode
from mix2api.events.kinds import Request
from mix2api.sessions.lineage import Lineage
from mix2api.sessions.prepared_turn import prepare
from mix2api.sessions.state import VACANT, SessionState, Stage
from mix2api.sessions.worker_port import Submission
from mix2api.steps import at_once
from mix2api.vocabulary import Digest, Sealed, SessionId
from mix2api.wire.turn import Message, Role, Turn

HELD = SessionState(stage=Stage.WAITING, upstream_session=Sealed("sealed"))
OPTIONS = ActorOptions()


def always(_: str) -> bool:
    return True


def said(role: Role, content: str = "words") -> Message:
    return Message(role=role, content=content)


HISTORY = [said("system"), said("user"), said("assistant"), said("user", "new")]


def pending(of: Submission) -> PendingTurn:
    return PendingTurn(submission=of, deadline_ms=0, log=bench([]).log)


def requested(of: Submission, state: SessionState, options: ActorOptions = OPTIONS) -> Request:
    return request_event(bench([]).environment, pending(of), state, unseen_of(of, state, options))


async def test_a_request_carries_counts_and_no_content() -> None:
    content = Turn(
        model="secret-model", messages=[said("user", "secret")], tools=[{"name": "x"}], max_tokens=9
    )
    event = requested(submission(content), VACANT)
    assert (event.messages_all, event.messages_new, event.body_bytes) == (1, 1, 100)
    assert (event.tools_present, event.stream, event.output_budget) == (True, False, 9)
    assert (event.resolution, event.at_ms) == ("fresh", CLOCK.now_ms())
    assert b"secret" not in encode(event).data


async def test_a_configured_model_stands_in_clear() -> None:
    event = requested(submission(), VACANT)
    assert event.model == MODEL


def test_a_foreign_word_is_a_digest_and_a_length() -> None:
    assert known_or_digest("abc", frozenset({"abc"}), SEAL) == "abc"
    assert known_or_digest("abcd", frozenset({"abc"}), SEAL) == f"#{SEAL.digest('abcd', 'foreign')}/4"


async def test_a_continued_session_is_told_as_such() -> None:
    event = requested(submission(Turn(model=MODEL, messages=HISTORY)), HELD)
    assert (event.resolution, event.messages_all, event.messages_new) == ("continued", 4, 1)


async def test_a_resent_turn_has_the_digest_of_the_first_one_and_another_question_has_not() -> None:
    def asked(head: str) -> Request:
        lineage = Lineage(realm=Digest("r"), at=None, head=Digest(head), has_history=False)
        return requested(evolve(submission(), lineage=lineage), VACANT)

    assert asked("a" * 32).turn == asked("a" * 32).turn == "a" * 16
    assert asked("b" * 32).turn != asked("a" * 32).turn


async def test_without_a_lineage_the_sizes_stand_for_the_turn() -> None:
    first, again = requested(submission(), VACANT), requested(submission(), VACANT)
    longer = requested(evolve(submission(), body_bytes=101), VACANT)
    assert first.turn == again.turn != longer.turn


async def test_the_sessions_age_is_told_and_0_is_kept_for_the_run_that_opened_it() -> None:
    assert requested(submission(), VACANT).session_age_ms == 0
    for opened_ms, age_ms in ((CLOCK.now_ms() - 250, 250), (CLOCK.now_ms(), 1), (CLOCK.now_ms() + 9, 1)):
        assert requested(submission(), replace(HELD, opened_ms=opened_ms)).session_age_ms == age_ms


def test_a_fresh_session_is_sent_everything() -> None:
    unseen = unseen_messages(prepare(Turn(model=MODEL, messages=HISTORY)), VACANT, OPTIONS)
    assert (unseen.messages, unseen.withheld) == (HISTORY, 0)


def test_a_continued_session_is_sent_what_follows_the_last_answer() -> None:
    assert (
        unseen_messages(prepare(Turn(model=MODEL, messages=HISTORY)), HELD, OPTIONS).messages == HISTORY[3:]
    )


def test_a_named_session_is_not_sent_its_instructions_again() -> None:
    unseen = unseen_messages(
        prepare(Turn(model=MODEL, messages=[said("system"), said("user")])), HELD, OPTIONS
    )
    assert [message.role for message in unseen.messages] == ["user"]


def test_more_than_the_site_takes_is_withheld_and_counted() -> None:
    messages = [said("user", text) for text in ("first", "second", "third!")]
    limits = ActorOptions(messages_max=2, message_max_chars=5)
    unseen = unseen_messages(
        prepare(Turn(model=MODEL, messages=[said("assistant"), *messages])), HELD, limits
    )
    assert [message.content for message in unseen.messages] == ["seco\u2026", "thir\u2026"]
    assert unseen.withheld == 3


async def test_tool_results_are_sizes_and_digests() -> None:
    messages = [
        Message(role="tool", tool_call_id="old", content="old"),
        said("assistant"),
        Message(role="tool", tool_call_id="call_1", content="ü"),
        Message(role="function", name="legacy", content=None),
        Message(role="tool", tool_call_id="call_2", content=[{"type": "text", "text": "a"}, {"type": "x"}]),
        said("user"),
    ]
    results = at_once(tool_results(bench([]).environment, submission(Turn(model=MODEL, messages=messages))))
    assert [result.tool_call_id for result in results] == [
        SEAL.digest(name, "tool_call_id") for name in ("call_1", "legacy", "call_2")
    ]
    assert [result.size_bytes for result in results[:2]] == [2, 0]
    assert results[0].digest == SEAL.digest("ü", "tool_result")


def tool(content: Any, call_id: str = "call_1") -> Message:
    return Message(role="tool", tool_call_id=call_id, content=content)


def test_tool_results_have_a_limit_of_their_own_on_every_session() -> None:
    limits = ActorOptions(tool_result_max_chars=100, message_max_chars=5)
    history = [said("user", "a long question"), said("assistant"), tool("r" * 500)]
    fresh = unseen_messages(prepare(Turn(model=MODEL, messages=history)), VACANT, limits)
    held = unseen_messages(prepare(Turn(model=MODEL, messages=history)), HELD, limits)
    assert [len(str(message.content)) for message in fresh.messages] == [15, 5, 100]
    assert [len(str(message.content)) for message in held.messages] == [100]
    assert (fresh.withheld, held.withheld) == (1, 1)


def test_no_result_of_the_last_answer_is_left_out_whatever_the_limit() -> None:
    results = [tool("r", f"call_{number}") for number in range(5)]
    new = [*results, said("user", "first"), said("user", "second")]
    turn = Turn(model=MODEL, messages=[said("assistant"), *new])
    few = unseen_messages(prepare(turn), HELD, ActorOptions(messages_max=2))
    some = unseen_messages(prepare(turn), HELD, ActorOptions(messages_max=6))
    assert few.messages == results
    assert [message.content for message in some.messages] == [*"rrrrr", "second"]
    assert (few.withheld, some.withheld) == (2, 1)


def test_results_between_notes_are_not_left_out_either() -> None:
    new = [said("system", "a"), tool("1"), said("system", "b"), tool("2", "call_2"), said("user", "c")]
    turn = Turn(model=MODEL, messages=[said("assistant"), *new])
    kept = {
        limit: "".join(
            str(message.content)
            for message in unseen_messages(prepare(turn), HELD, ActorOptions(messages_max=limit)).messages
        )
        for limit in (1, 3, 4, 5)
    }
    assert kept == {1: "12", 3: "12c", 4: "1b2c", 5: "a1b2c"}


TOOLS = [{"type": "function", "function": {"name": "read"}}]


def test_a_long_system_prompt_gives_way_to_tools_that_are_told_in_words() -> None:
    parts = Message(role="system", content=[{"type": "text", "text": "p" * 20}, {"type": "image_url"}])
    leading = [said("system", "a" * 8), said("developer", "b" * 8), parts, said("system", "c" * 8)]
    turn = Turn(model=MODEL, messages=[*leading, said("user", "d" * 20)], tools=TOOLS)
    limits = ActorOptions(tools_in_text=always, system_prompt_max_chars=10)
    unseen = unseen_messages(prepare(turn), VACANT, limits)
    assert [message.content for message in unseen.messages] == [
        "a" * 8,
        "b\u2026",
        [{"type": "text", "text": "\u2026"}, {"type": "image_url"}],
        "\u2026",
        "d" * 20,
    ]
    assert unseen.withheld == 3


def test_by_default_nothing_is_cut() -> None:
    parts = Message(role="user", content=[{"type": "text", "text": "p" * 100_000}])
    messages = [said("assistant"), *[said("user", "x" * 100_000)] * 100, parts, tool("r" * 100_000)]
    for state in (VACANT, HELD):
        turn = Turn(model=MODEL, messages=[said("system", "s" * 100_000), *messages], tools=TOOLS)
        unseen = unseen_messages(prepare(turn), state, ActorOptions(tools_in_text=always))
        assert unseen.withheld == 0
        assert unseen.messages[-102:] == messages[1:]


def test_strings_and_parts_are_cut_alike_with_a_mark() -> None:
    text = "a" * 100 + "b" * 100
    parts = Message(role="user", content=[{"type": "text", "text": text}, {"type": "image_url"}])
    turn = Turn(model=MODEL, messages=[said("assistant"), said("user", text), parts])
    unseen = unseen_messages(prepare(turn), HELD, ActorOptions(message_max_chars=120))
    one, other = (message.content for message in unseen.messages)
    assert isinstance(one, str)
    assert isinstance(other, list)
    assert "characters left out" in one
    assert other == [{"type": "text", "text": one}, {"type": "image_url"}]
    assert (unseen.withheld, len(one)) == (2, 120)


@pytest.mark.parametrize(
    ("limits", "withheld"),
    [
        ({}, 0),
        ({"tools_max": 2}, 1),
        ({"tool_description_max_chars": 5}, 2),
        ({"tools_max": 1, "tool_description_max_chars": 5}, 3),
        ({"tools_max": 2, "tools_in_text": never}, 0),
    ],
)
def test_tools_that_are_not_told_or_not_whole_are_counted(limits: dict[str, Any], withheld: int) -> None:
    described = [{"name": f"f{each}", "description": "long enough"} for each in range(2)]
    tools = [{"type": "function", "function": function} for function in (*described, {"name": "g"})]
    turn = Turn(model=MODEL, messages=[said("user")], tools=tools)
    assert tools_withheld(prepare(turn), ActorOptions(**{"tools_in_text": always, **limits})) == withheld


async def test_a_client_is_told_what_is_withheld() -> None:
    turn = Turn(model=MODEL, messages=[said("assistant"), said("user", "x" * 10)], tools=TOOLS)
    event = requested(submission(turn), HELD, ActorOptions(message_max_chars=5, tools_in_text=always))
    assert accepted_reply(SessionId("s"), event).withheld == "messages=1"
    both = msgspec.structs.replace(event, tools_withheld=2)
    assert accepted_reply(SessionId("s"), both).withheld == "messages=1; tools=2"


@pytest.mark.parametrize(("in_text", "tools"), [(False, TOOLS), (True, None)])
def test_otherwise_the_system_prompt_is_whole(*, in_text: bool, tools: list[dict[str, Any]] | None) -> None:
    turn = Turn(model=MODEL, messages=[said("system", "a" * 50), said("user")], tools=tools)
    limits = ActorOptions(tools_in_text=always if in_text else never, system_prompt_max_chars=10)
    assert unseen_messages(prepare(turn), VACANT, limits) == Unseen(turn.messages)
