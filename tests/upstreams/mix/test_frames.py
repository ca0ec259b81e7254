"""Single frames: what the recordings do not have, and what is refused."""

import pytest

from mix2api.events.kinds import Usage
from mix2api.upstreams.mix.frames import MalformedFrame, events_of
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    IdsSeen,
    Reasoning,
    Skipped,
    Started,
    Text,
    ToolInputAvailable,
    ToolInputBroken,
    ToolInputDelta,
    ToolOutputSeen,
    UpstreamEvent,
    UsageSeen,
)
from mix2api.vocabulary import Detail

SKIPPED: list[UpstreamEvent] = [Skipped(1)]
USAGE = UsageSeen(Usage(prompt_tokens=3, completion_tokens=4, total_tokens=7))


@pytest.mark.parametrize(
    ("frame", "events"),
    [
        ('{"type":"start"}', [Started(None, None)]),
        ('{"type":"start","messageMetadata":null}', [Started(None, None)]),
        ('{"type":"start","sessionId":"s","exchangeId":"x"}', [Started("s", "x")]),
        ('{"type":"start","messageMetadata":{"exchangeId":"x"},"sessionId":"s"}', [Started("s", "x")]),
        ('{"type":"start","messageMetadata":{"sessionId":"","exchangeId":"x"}}', [Started(None, "x")]),
        ('{"type":"message-metadata","messageMetadata":{"exchangeId":"x"}}', [IdsSeen(None, "x")]),
        ('{"type":"text-end","id":"t","sessionId":"s"}', [IdsSeen("s", None)]),
        ('{"type":"data-session","data":1,"exchangeId":"x"}', [IdsSeen(None, "x")]),
        ('{"type":"message-metadata","messageMetadata":{}}', SKIPPED),
        (
            '{"type":"message-metadata","messageMetadata":{"usage":{"inputTokens":3,"outputTokens":4}}}',
            [USAGE],
        ),
        ('{"type":"data-usage","data":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}', [USAGE]),
        ('{"type":"data-usage","data":{"tokens":"many"}}', SKIPPED),
        ('{"type":"data-usage"}', SKIPPED),
        (
            '{"type":"finish","sessionId":"s","messageMetadata":{"usage":{"inputTokens":3,"outputTokens":4}}}',
            [IdsSeen("s", None), USAGE, Finished(None)],
        ),
        ('{"type":"finish","finishReason":null}', [Finished(None)]),
        ('{"type":"finish","messageMetadata":{"usage":{"inputTokens":1e400}}}', [Finished(None)]),
        ('{"type":"finish","messageMetadata":{"usage":[{}],"x":1e400}}', [Finished(None)]),
        ('{"type":"finish","messageMetadata":"none"}', [Finished(None)]),
        ('{"type":"finish","messageMetadata":[1e400]}', [Finished(None)]),
        ('{"type":"data-usage","data":{"inputTokens":1e400}}', SKIPPED),
        ('{"type":"start","sessionId":5,"exchangeId":6}', [Started("5", "6")]),
        ('{"type":"start","messageMetadata":{"sessionId":5,"exchangeId":"x"}}', [Started("5", "x")]),
        ('{"sessionId":5}', [IdsSeen("5")]),
        ('{"sessionId":12.0,"exchangeId":1.5}', [IdsSeen("12", "1.5")]),
        ('{"sessionId":1234567890123456789}', [IdsSeen("1234567890123456789")]),
        ('{"event":"ping"}', SKIPPED),
        ('{"success":true}', SKIPPED),
        ("null", SKIPPED),
        ("{}", SKIPPED),
        ("[]", SKIPPED),
        ('""', SKIPPED),
        ("ping", SKIPPED),
        ('"[PING]"', SKIPPED),
        ("Keep-Alive", SKIPPED),
        ('{"type":"ping"}', SKIPPED),
        ('{"code":0,"msg":"ok","data":null}', SKIPPED),
        ('{"type":"text-delta","delta":null}', SKIPPED),
        ('{"type":"reasoning-delta","delta":null}', SKIPPED),
        ('{"type":"tool-input-delta","toolCallId":7,"inputTextDelta":null}', SKIPPED),
        ('{"type":"tool-input-delta","toolCallId":7,"inputTextDelta":"{"}', [ToolInputDelta("7", "{")]),
        ('{"type":"tool-output-available","toolCallId":7}', [ToolOutputSeen("7")]),
        ('{"type":"text-delta","delta":""}', SKIPPED),
        ('{"type":"reasoning-delta","delta":""}', SKIPPED),
        ('{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":""}', SKIPPED),
        ('{"delta":"late type","id":"t","type":"text-delta"}', [Text("late type")]),
        ('{"type":"reasoning-delta","id":"r","delta":"\\u00fc"}', [Reasoning("\u00fc")]),
        ('{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":"{"}', [ToolInputDelta("c", "{")]),
        (
            '{"type":"tool-input-available","toolCallId":"c","toolName":"n"}',
            [ToolInputAvailable("c", "n", "")],
        ),
        (
            '{"type":"tool-input-available","toolCallId":"c","toolName":"n","input":{ "a" : [1, "\u2028"] }}',
            [ToolInputAvailable("c", "n", '{ "a" : [1, "\u2028"] }')],
        ),
        ('{"type":"tool-input-error","toolCallId":"c"}', [ToolInputBroken("c", "")]),
        ('{"type":"error","errorText":"no"}', [Failed("no")]),
        ('{"type":"error"}', [Failed("")]),
        ('{"type":"abort"}', [AbortedByUpstream()]),
        ('{"type":"source-url","sourceId":"1","url":"u"}', SKIPPED),
        ('{"type":"tomorrow","anything":[{}]}', SKIPPED),
        ('{"type":"error","errorText":null}', [Failed("")]),
        ('{"type":"error","error":{"type":"overloaded_error","message":"no"}}', [Failed("no")]),
        ('{"type":"error","message":"no","sessionId":"s"}', [IdsSeen("s", None), Failed("no")]),
        ('{"type":"error","error":{"code":401}}', [Failed("", Detail.ERROR_FRAME, 401)]),
        ('{"type":"error","x":1e400}', [Failed("")]),
        (
            '{"type":"error","errorText":"rate limit reached"}',
            [Failed("rate limit reached", Detail.RATE_LIMIT)],
        ),
        (
            r'{"type":"error","errorText":"{\"error\":{\"message\":\"no\",\"code\":429}}"}',
            [Failed("no", Detail.ERROR_FRAME, 429)],
        ),
        ('{"code":401,"message":"token expired","data":null}', [Failed("token expired", status=401)]),
        ('{"detail":"Not Found"}', [Failed("Not Found")]),
        ('{"msg":"broken","errcode":10013}', [Failed("broken")]),
        ('{"error":{"message":"gateway"}}', [Failed("gateway")]),
        ('{"error":"gateway"}', [Failed("gateway")]),
        ('{"error":{"code":5}}', [Failed("")]),
        ('{"type":"gateway-error","error":{"message":"gateway"}}', [Failed("gateway")]),
        ('{"type":"tomorrow","error":null}', SKIPPED),
        ('{"error":{"message":"gateway","code":1e400}}', [Failed("")]),
    ],
)
def test_a_frame_says(frame: str, events: list[UpstreamEvent]) -> None:
    assert events_of(frame.encode()) == events


@pytest.mark.parametrize(
    "frame",
    [
        b"{",
        b"hello",
        b"5",
        b'{"choices":[{"delta":{"content":"of another dialect"}}]}',
        b'{"code":200,"data":{"text":"hi"}}',
        b'{"type":5}',
        b'{"type":"text-delta"}',
        b'{"type":"text-delta","delta":5}',
        b'{"type":"text-delta","delta":"a"}x',
        b'{"type":"text-delta","delta":"\xff"}',
        b'{"type":"text-delta","delta":"\\u12"}',
        b'{"type":"tool-input-delta","inputTextDelta":"x"}',
        b'{"type":"tool-input-available","toolCallId":"c","toolName":"n","input":"\xff"}',
        b'{"type":"start","messageMetadata":{"sessionId":[5]}}',
        b'{"type":"finish","finishReason":{}}',
        b'{"type":"text-delta","delta":"a\nb"}',
        b'{"type":"data-usage","data":' + b"[" * 100_000,
        b'{"type":"tomorrow","data":' + b"[" * 100_000,
    ],
    ids=lambda frame: repr(frame[:50]),
)
def test_a_frame_that_cannot_be_read_is_refused(frame: bytes) -> None:
    with pytest.raises(MalformedFrame):
        events_of(frame)


_DEEP = b"[" * 2000 + b"]" * 2000


@pytest.mark.parametrize(
    ("frame", "events"),
    [
        (b'{"type":"finish","messageMetadata":{"usage":%b,"sessionId":"s"}}', [IdsSeen("s"), Finished(None)]),
        (b'{"type":"finish","messageMetadata":{"usage":{"inputTokens":%b}}}', [Finished(None)]),
        (b'{"type":"data-usage","data":%b}', SKIPPED),
        (rb'{"type":"tomorrow","data":{"a]":"\"","b":%b}}', SKIPPED),
    ],
)
def test_nesting_without_end_in_what_is_attached_costs_nothing(
    frame: bytes, events: list[UpstreamEvent]
) -> None:
    assert events_of(frame % _DEEP) == events


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"tool-input-available","toolCallId":"c","toolName":"n","input":%b}',
        b'{"type":"finish","finishReason":%b}',
        b'{"type":"tomorrow","data":"' + b"x" * 200_000 + b'","more":%b}',
    ],
    ids=["a call's input", "a reason", "a long frame"],
)
def test_nesting_without_end_elsewhere_is_refused(frame: bytes) -> None:
    with pytest.raises(MalformedFrame):
        events_of(frame % _DEEP)


def test_half_a_character_is_left_to_the_stream_to_join() -> None:
    with pytest.raises(MalformedFrame):
        events_of(rb'{"type":"text-delta","delta":"a\ud83d"}')


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ("null", ""),
        ('""', ""),
        (r'"{\"a\": 1.0}"', '{"a": 1.0}'),
        (r'" {}"', " {}"),
        ('"a word"', '"a word"'),
        (r'"[1]"', '"[1]"'),
        (r'"{\"a\": "', r'"{\"a\": "'),
        ("[1]", "[1]"),
    ],
)
def test_no_input_is_no_text_and_an_object_in_a_string_is_itself(given: str, arguments: str) -> None:
    frame = f'{{"type":"tool-input-available","toolCallId":"c","toolName":"n","input":{given}}}'
    assert events_of(frame.encode()) == [ToolInputAvailable("c", "n", arguments)]
