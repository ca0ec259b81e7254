"""Answers that are no stream, in every form that sites send."""

import pytest

from mix2api.events.kinds import Usage
from mix2api.upstreams.mix.answer import events_of_answer
from mix2api.upstreams.port import (
    Failed,
    Finished,
    Reasoning,
    Skipped,
    Started,
    Text,
    ToolInputAvailable,
    UpstreamEvent,
    UsageSeen,
)
from mix2api.upstreams.site_upstream import MalformedAnswer
from mix2api.vocabulary import Detail

NOT_BEGUN = Started(None, None)
USAGE = UsageSeen(Usage(prompt_tokens=3, completion_tokens=4, total_tokens=7))


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (
            '{"content":"hi","messageMetadata":{"sessionId":"s","exchangeId":"x"}}',
            [Started("s", "x"), Text("hi"), Finished(None)],
        ),
        (
            '{"text":"hi","messageMetadata":{"exchangeId":"x","usage":{"inputTokens":3,"outputTokens":4}}}',
            [Started("x", "x"), Text("hi"), USAGE, Finished(None)],
        ),
        (
            (
                '{"parts":[{"type":"text","text":"a"},{"type":"reasoning","text":"r"},{"type":"image"},'
                '{"type":"tool-input","tool_name":"f","tool_input":{"a":1}},'
                '{"type":"tool-input","tool_name":"g","tool_call_id":"c9"}],"sessionId":"s"}'
            ),
            [
                Started("s", None),
                Text("a"),
                Reasoning("r"),
                Skipped(1),
                ToolInputAvailable("part-3", "f", '{"a":1}'),
                ToolInputAvailable("c9", "g", ""),
                Finished(None),
            ],
        ),
        (
            '{"parts":[{"type":"text","text":"a"},{"type":"error","error_text":"no"}]}',
            [Started(None, None), Text("a"), Failed("no")],
        ),
        (
            (
                '{"sessionId":"s","exchangeId":"x","text":"hi","finishReason":"tool-calls",'
                '"toolCalls":[{"toolCallId":"c1","toolName":"f","input":{"a":1}}],'
                '"usage":{"prompt_tokens":3,"completion_tokens":4}}'
            ),
            [
                Started("s", "x"),
                Text("hi"),
                ToolInputAvailable("c1", "f", '{"a":1}'),
                USAGE,
                Finished("tool-calls"),
            ],
        ),
        (
            '{"text":"hi","parts":[{"type":"text","text":"hi"},{"type":"text","text":""}]}',
            [Started(None, None), Text("hi"), Skipped(1), Skipped(1), Finished(None)],
        ),
        ('{"text":"hi","usage":{"inputTokens":1e400}}', [Started(None, None), Text("hi"), Finished(None)]),
        ('{"text":"hi","messageMetadata":5}', [Started(None, None), Text("hi"), Finished(None)]),
        (
            '{"text":"hi","usage":' + "[" * 2000 + "]" * 2000 + "}",
            [Started(None, None), Text("hi"), Finished(None)],
        ),
        ('{"text":""}', [Started(None, None), Finished(None)]),
        ('{"parts":[]}', [Started(None, None), Finished(None)]),
        ('{"text":"hi","error":null}', [Started(None, None), Text("hi"), Finished(None)]),
        ('{"error":{"message":"no"},"sessionId":"s"}', [Started("s", None), Failed("no")]),
        ('{"error":"no"}', [Started(None, None), Failed("no")]),
        (
            '{"text":"hi","sessionId":5,"messageMetadata":{"exchangeId":6},"toolCalls":[{"toolCallId":7,"toolName":"f"}]}',
            [Started("5", "6"), Text("hi"), ToolInputAvailable("7", "f", ""), Finished(None)],
        ),
        (
            '{"code":401,"message":"token expired","data":null}',
            [NOT_BEGUN, Failed("token expired", status=401)],
        ),
        ('{"detail":[{"msg":"too long","loc":["body"]}]}', [NOT_BEGUN, Failed("too long")]),
        ('{"msg":"no"}', [NOT_BEGUN, Failed("no")]),
        ('{"success":false,"message":"no","code":0}', [NOT_BEGUN, Failed("no")]),
        (
            '{"parts":[{"type":"error","error_text":"prompt is too long"}]}',
            [NOT_BEGUN, Failed("prompt is too long", Detail.CONTEXT_LENGTH)],
        ),
        ('{"text":"hi","error":1e400}', [NOT_BEGUN, Text("hi"), Failed("")]),
        ('{"error":{"code":1}}', [Started(None, None), Failed("")]),
    ],
)
def test_an_answer_says(body: str, events: list[UpstreamEvent]) -> None:
    assert events_of_answer(body.encode(), session_known=False) == events


def test_an_exchange_alone_never_replaces_a_known_session() -> None:
    body = b'{"text":"hi","exchangeId":"x"}'
    assert events_of_answer(body, session_known=True)[0] == Started(None, "x")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"<html>",
        b"null",
        b"[]",
        b"{}",
        b'{"sessionId":"s"}',
        b'{"text":5}',
        b'{"parts":{}}',
        b'{"parts":[{"text":"a"}]}',
        b'{"toolCalls":[{"toolName":"f"}]}',
        b'{"text":"\xff"}',
        b'{"parts":[{"type":"tool-input","tool_input":"\xff"}]}',
        b'{"x":' + b"[" * 100_000,
        b'{"parts":[{"type":"tool-input","tool_input":' + b"[" * 2000 + b"]" * 2000 + b"}]}",
        b'{"text":"hi","messageMetadata":{"sessionId":{}}}',
        b'{"code":0,"msg":"ok"}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_what_is_no_known_form_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        events_of_answer(body, session_known=False)


@pytest.mark.parametrize(
    "form",
    [
        '{"parts":[%s{"type":"image"}]}',
        '{"text":"hi","toolCalls":[%s{"toolCallId":"c","toolName":"f"}]}',
    ],
)
def test_more_parts_than_can_be_read_in_one_step_are_refused(form: str) -> None:
    element = form[form.index("%s") + 2 : form.rindex("]")]
    events_of_answer((form % (f"{element}," * 9_999)).encode(), session_known=False)
    with pytest.raises(MalformedAnswer):
        events_of_answer((form % (f"{element}," * 10_000)).encode(), session_known=False)


def test_a_byte_order_mark_and_halves_of_characters_cost_no_answer() -> None:
    body = b'\xef\xbb\xbf{"text":"\\ud83d\\ude00 \\ud83d"}'
    assert events_of_answer(body, session_known=False)[1] == Text("\U0001f600 \ufffd")
