"""What traces with content keep of a turn: the newest, cut and redacted, and every cut is marked."""

from mix2api.projections.traced_content import (
    CALLS_MAX,
    MESSAGES_MAX,
    PARTS_MAX,
    TEXT_MAX,
    GivenAnswer,
    Said,
    TracedContent,
    excerpt_of,
    redacted,
)
from mix2api.redaction import MASK
from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

_KEY = "sk-planted0123456789"


def kept(*messages: Message, answer: GivenAnswer | None = None) -> TracedContent:
    return redacted(excerpt_of(messages, GivenAnswer() if answer is None else answer))


def call(name: str, arguments: str) -> MessageToolCall:
    return MessageToolCall(id="call_1", function=FunctionCall(name=name, arguments=arguments))


def test_messages_and_the_answer_are_kept_in_their_order() -> None:
    answer = GivenAnswer(thoughts=["let ", "me"], texts=["it ", "is"], calls=[call("weather", "{}")])
    content = kept(Message(role="system", content="be kind"), Message(role="user"), answer=answer)
    assert content.asked == (Said("system", "be kind"), Said("user", ""))
    assert content.answered == (
        Said("reasoning", "let me"),
        Said("assistant", "it is"),
        Said("call weather", "{}"),
    )
    assert content.left_out == 0


def test_secrets_are_masked_in_every_place() -> None:
    asked = Message(role="user", content=[{"type": "text", "text": f"my key is {_KEY}"}])
    legacy = FunctionCall(name="f", arguments=f'{{"api_key": "{_KEY}"}}')
    called = Message(
        role="assistant", tool_calls=[call(f"{_KEY}", f'{{"token": "{_KEY}"}}')], function_call=legacy
    )
    answer = GivenAnswer(thoughts=[_KEY], texts=["s", "k-planted", "0123456789"], calls=[call("f", _KEY)])
    content = kept(asked, called, answer=answer)
    assert "planted" not in repr(content)
    assert repr(content).count(MASK) == 7


def test_a_secret_that_the_cut_hits_is_masked() -> None:
    content = kept(Message(role="user", content="x" * (TEXT_MAX - 6) + " " + _KEY))
    assert "sk-" not in content.asked[0].text
    assert len(content.asked[0].text) == TEXT_MAX


def test_long_texts_are_cut_and_end_in_a_mark() -> None:
    long = "x" * 10 * TEXT_MAX
    answer = GivenAnswer(texts=[long, long], calls=[call("f", long)])
    for said in (kept(Message(role="user", content=long)).asked, kept(answer=answer).answered):
        assert {(len(each.text), each.text[-1]) for each in said} == {(TEXT_MAX, "…")}


def test_older_messages_are_counted() -> None:
    messages = [Message(role="user", content=str(number)) for number in range(MESSAGES_MAX + 3)]
    content = kept(*messages)
    assert (content.left_out, len(content.asked)) == (3, MESSAGES_MAX)
    assert content.asked[-1].text == str(MESSAGES_MAX + 2)


def test_further_parts_and_calls_are_counted() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:"}}] * (PARTS_MAX + 2)
    calls = [call("f", "{}")] * CALLS_MAX + [MessageToolCall(id="call_2", type="custom", custom={})]
    content = kept(Message(role="user", content=parts), Message(role="assistant", tool_calls=calls))
    assert content.asked[0].text.startswith("[image_url][image_url]")
    assert content.asked[0].text.endswith("[and 2 more parts]")
    assert content.asked[-1] == Said("calls", "and 1 more")
    assert kept(Message(role="assistant", tool_calls=calls[-1:])).asked[-1] == Said("call custom", "")
