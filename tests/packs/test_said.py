"""What an answer says, whatever its framing."""

import msgspec

from mix2api.packs.evidence import Ask, Ending, Json, Seen
from mix2api.packs.said import Said, said, unlike

_USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def whole(body: object, status: int = 200) -> Said:
    return said(Seen(ask=Ask(), ending=Ending.WHOLE, status=status, body=msgspec.json.encode(body)))


def stream(*chunks: Json, done: bool = True) -> Said:
    lines = [b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks]
    body = b"".join([*lines, *([b"data: [DONE]\n\n"] if done else [])])
    headers = {"content-type": "text/event-stream"}
    return said(Seen(ask=Ask(), ending=Ending.WHOLE, status=200, headers=headers, body=body))


def delta(finish: str | None = None, **fields: object) -> Json:
    return {"choices": [{"delta": fields, "finish_reason": finish}]}


def call(index: int, arguments: str, name: str | None = None) -> Json:
    return delta(tool_calls=[{"index": index, "function": {"name": name, "arguments": arguments}}])


def test_two_framings_of_one_answer_say_the_same() -> None:
    one = stream(delta(content="one two"), delta("stop"), {"choices": [], "usage": _USAGE})
    two = stream(delta(content="one"), delta(content=" two"), delta("stop", content=""), {"usage": _USAGE})
    assert one == two
    assert (one.text, one.finishes, one.usage, one.is_done) == ("one two", ("stop",), _USAGE, True)


def test_calls_are_put_together_and_their_arguments_compared_as_json() -> None:
    pieces = stream(call(0, "", "f"), call(1, "not JSON", "g"), call(0, '{"b": 1,'), call(0, '  "a": 2}'))
    assert pieces.calls == (("f", '{"a":2,"b":1}'), ("g", "not JSON"))
    message = {
        "tool_calls": [
            {"function": {"name": "f", "arguments": '{"a":2,"b":1}'}},
            {"function": {"name": "g", "arguments": "not JSON"}},
        ]
    }
    assert whole({"choices": [{"message": message}]}).calls == pieces.calls


def test_reasoning_and_errors_are_told() -> None:
    error = {"code": "upstream_error", "end_reason": "timeout"}
    told = stream(delta(reasoning_content="hm"), {"error": error}, done=False)
    assert (told.reasoning, told.error, told.is_done) == ("hm", ("upstream_error", "timeout"), False)
    assert whole({"error": {"code": "rate_limit_exceeded"}}, 429).error == ("rate_limit_exceeded", "None")


def test_what_differs_is_named_with_both_values() -> None:
    before, after = whole({"choices": [{"message": {"content": "a"}}]}), whole("not an answer", 502)
    assert list(unlike(before, after)) == [("status", 200, 502), ("text", "a", "")]
    assert list(unlike(before, before)) == []
