"""Conversations as agents have them, for property tests: valid in the sense of `check_results`."""

from typing import Any

from hypothesis import strategies as st

from mix2api.wire.turn import FunctionCall, Message, MessageToolCall

_words = st.sampled_from(
    ["ok", "please read a file and say what is in it", "word " * 200, "数据" * 150, "x" * 900, ""]
)


@st.composite
def _chains(draw: st.DrawFn) -> list[Message]:
    """One answer with calls, their results in any order, and at times a reminder between."""
    width = draw(st.integers(1, 3))
    ids = [f"call_{draw(st.integers(0, 10**6))}_{place}" for place in range(width)]
    calls = [
        MessageToolCall(id=each, function=FunctionCall(name="read", arguments='{"p": 1}')) for each in ids
    ]
    asked = Message(role="assistant", content=draw(st.none() | _words), tool_calls=calls)
    results = [
        Message(role="tool", tool_call_id=each, content=draw(_words) * draw(st.integers(1, 5)))
        for each in draw(st.permutations(ids))
    ]
    if draw(st.booleans()):
        results.insert(draw(st.integers(0, width - 1)), Message(role="system", content="a reminder"))
    return [asked, *results]


@st.composite
def _legacy(draw: st.DrawFn) -> list[Message]:
    asked = Message(role="assistant", function_call=FunctionCall(name="f", arguments="{}"))
    return [asked, Message(role="function", name="f", content=draw(_words))]


_said: Any = st.one_of(
    st.builds(lambda text: [Message(role="user", content=text or "hi")], _words),
    st.builds(lambda text: [Message(role="assistant", content=text)], _words),
    st.builds(lambda: [Message(role="system", content="note")]),
    _chains(),
    _legacy(),
)


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    """Instructions, anything, then a user's message or the results of an open chain."""
    leading = [
        Message(role="system", content=draw(_words) or "be brief") for _ in range(draw(st.integers(0, 2)))
    ]
    middle = [message for piece in draw(st.lists(_said, max_size=12)) for message in piece]
    newest = [Message(role="user", content=draw(_words) or "go on")]
    end = draw(st.just([]) | _chains())
    return [*leading, *middle, *newest, *end]
