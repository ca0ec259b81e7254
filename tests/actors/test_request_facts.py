"""What the log may know of a turn."""

from actor_parts import CLOCK, MODEL, SEAL, bench, submission

from mix2api.actors.environment import ActorOptions
from mix2api.actors.request_facts import (
    known_or_digest,
    request_event,
    tool_results,
    unseen_messages,
)
from mix2api.actors.turns import PendingTurn
from mix2api.events.codec import encode
from mix2api.sessions.dispatch import Submission
from mix2api.sessions.state import VACANT, SessionState, Stage
from mix2api.vocabulary import Sealed
from mix2api.wire.turn import Message, Role, Turn

HELD = SessionState(stage=Stage.WAITING, upstream_session=Sealed("sealed"))
OPTIONS = ActorOptions()


def said(role: Role, content: str = "words") -> Message:
    return Message(role=role, content=content)


HISTORY = [said("system"), said("user"), said("assistant"), said("user", "new")]


def pending(of: Submission) -> PendingTurn:
    return PendingTurn(submission=of, deadline_ms=0, log=bench([]).log)


async def test_a_request_carries_counts_and_no_content() -> None:
    content = Turn(
        model="secret-model", messages=[said("user", "secret")], tools=[{"name": "x"}], max_tokens=9
    )
    event = request_event(bench([]).environment, pending(submission(content)), VACANT)
    assert (event.messages_all, event.messages_new, event.body_bytes) == (1, 1, 100)
    assert (event.tools_present, event.stream, event.output_budget) == (True, False, 9)
    assert (event.resolution, event.at_ms) == ("fresh", CLOCK.now_ms())
    assert b"secret" not in encode(event).data


async def test_a_configured_model_stands_in_clear() -> None:
    event = request_event(bench([]).environment, pending(submission()), VACANT)
    assert event.model == MODEL


def test_a_foreign_word_is_a_digest_and_a_length() -> None:
    assert known_or_digest("abc", frozenset({"abc"}), SEAL) == "abc"
    assert known_or_digest("abcd", frozenset({"abc"}), SEAL) == f"#{SEAL.digest('abcd', 'foreign')}/4"


async def test_a_continued_session_is_told_as_such() -> None:
    event = request_event(
        bench([]).environment, pending(submission(Turn(model=MODEL, messages=HISTORY))), HELD
    )
    assert (event.resolution, event.messages_all, event.messages_new) == ("continued", 4, 1)


def test_a_fresh_session_is_sent_everything() -> None:
    unseen = unseen_messages(Turn(model=MODEL, messages=HISTORY), VACANT, OPTIONS)
    assert (unseen.messages, unseen.withheld) == (HISTORY, 0)


def test_a_continued_session_is_sent_what_follows_the_last_answer() -> None:
    assert unseen_messages(Turn(model=MODEL, messages=HISTORY), HELD, OPTIONS).messages == HISTORY[3:]


def test_a_named_session_is_not_sent_its_instructions_again() -> None:
    unseen = unseen_messages(Turn(model=MODEL, messages=[said("system"), said("user")]), HELD, OPTIONS)
    assert [message.role for message in unseen.messages] == ["user"]


def test_more_than_the_site_takes_is_withheld_and_counted() -> None:
    messages = [said("user", text) for text in ("first", "second", "third!")]
    limits = ActorOptions(messages_max=2, message_max_chars=5)
    unseen = unseen_messages(Turn(model=MODEL, messages=[said("assistant"), *messages]), HELD, limits)
    assert [message.content for message in unseen.messages] == ["secon", "third"]
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
    results = tool_results(bench([]).environment, submission(Turn(model=MODEL, messages=messages)))
    assert [result.tool_call_id for result in results] == [
        SEAL.digest(name, "tool_call_id") for name in ("call_1", "legacy", "call_2")
    ]
    assert [result.size_bytes for result in results[:2]] == [2, 0]
    assert results[0].digest == SEAL.digest("ü", "tool_result")
