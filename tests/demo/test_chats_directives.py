"""Every directive is tried at least once on the wire, with the values that change what it does."""

from collections.abc import Callable
from typing import Any

import h11
import pytest
import trio

from mix2api.demo.words import Word

Check = Callable[[Any], bool]

ANSWERED: dict[Word, tuple[str, Check]] = {
    Word.SAY: ("[[say:hello there]]", lambda got: got.text == "hello there" and got.done),
    Word.CHUNKS: ("[[chunks:30]]", lambda got: len(got.of("text-delta")) == 30),
    Word.SIZE: ("[[size:40]]", lambda got: {len(each["delta"]) for each in got.of("text-delta")} == {40}),
    Word.PACE: ("[[pace:1]]", lambda got: got.done and len(got.of("text-delta")) == 4),
    Word.UNICODE: ("[[unicode]]", lambda got: got.text.count("\u2028🙂漢字") == 4),
    Word.HUGE: (
        "[[huge:3000000]]",
        lambda got: [len(each["delta"]) for each in got.of("text-delta")] == [3000000],
    ),
    Word.REASONING: (
        "[[reasoning:because]]",
        lambda got: [each["delta"] for each in got.of("reasoning-delta")] == ["because"],
    ),
    Word.USAGE: ("[[usage]]", lambda got: got.of("data-usage")[0]["data"]["outputTokens"] > 0),
    Word.UNKNOWN_FRAMES: (
        "[[unknown_frames]]",
        lambda got: (
            {"weather-report", "data-weather", "source-url", "file"} < set(got.types)
            and b": a comment" in got.body
        ),
    ),
    Word.LENGTH: ("[[length]]", lambda got: got.of("finish")[0]["finishReason"] == "length"),
    Word.CONTENT_FILTER: (
        "[[content_filter]]",
        lambda got: got.of("finish")[0]["finishReason"] == "content-filter",
    ),
    Word.NO_REASON: ("[[no_reason]]", lambda got: got.of("finish") == [{"type": "finish"}] and got.done),
    Word.FINISH: ("[[finish:unknown]]", lambda got: got.of("finish")[0]["finishReason"] == "unknown"),
    Word.NO_EXCHANGE: (
        "[[no_exchange]]",
        lambda got: list(got.frames[0]["messageMetadata"]) == ["sessionId"],
    ),
    Word.NO_SESSION: ("[[no_session]]", lambda got: list(got.frames[0]["messageMetadata"]) == ["exchangeId"]),
    Word.IDS_LATE: (
        "[[ids_late]]",
        lambda got: (
            "messageMetadata" not in got.frames[0]
            and "sessionId" in got.of("message-metadata")[0]["messageMetadata"]
        ),
    ),
    Word.NO_IDS: ("[[no_ids]]", lambda got: b"sessionId" not in got.body and b"exchangeId" not in got.body),
    Word.TOOLS: (
        '[[tools:get_weather{"city":"Paris"};now]]',
        lambda got: (
            [each["input"] for each in got.of("tool-input-available")] == [{"city": "Paris"}, {}]
            and "".join(each["inputTextDelta"] for each in got.of("tool-input-delta")) == '{"city":"Paris"}{}'
            and got.of("finish")[0]["finishReason"] == "tool-calls"
        ),
    ),
    Word.TOOLS_WHOLE: (
        "[[tools_whole:now]]",
        lambda got: (
            [each["toolName"] for each in got.of("tool-input-available")] == ["now"]
            and "tool-input-start" not in got.types
        ),
    ),
    Word.TOOLS_INTERLEAVED: (
        "[[tools_interleaved:a;b]]",
        lambda got: (
            got.types[2:8]
            == [*["tool-input-start"] * 2, *["tool-input-delta"] * 2, *["tool-input-available"] * 2]
        ),
    ),
    Word.TEXT_TOOLS: (
        '[[text_tools:a{"x":1}]]',
        lambda got: got.text == '{"tool_calls":[{"name":"a","arguments":{"x":1}}]}',
    ),
    Word.BAD_TOOL: (
        "[[bad_tool:a]]",
        lambda got: got.of("tool-input-error")[0]["toolName"] == "a" and "tool-output-error" in got.types,
    ),
    Word.SERVER_TOOL: (
        "[[server_tool]]",
        lambda got: "tool-output-available" in got.types and got.types.count("start-step") == 2 and got.text,
    ),
    Word.SLOW_HEAD: ("[[slow_head:1]]", lambda got: got.done),
    Word.SILENCE: ("[[silence:1]]", lambda got: got.done and len(got.of("text-delta")) == 4),
    Word.GARBAGE: (
        "[[garbage]]",
        lambda got: isinstance(got.fault, h11.RemoteProtocolError) and not got.status,
    ),
    Word.STATUS: ("[[status:500]]", lambda got: got.status == 500 and "message" in got.json["error"]),
    Word.TOO_MANY: ("[[429:7]]", lambda got: got.status == 429 and got.headers["retry-after"] == "7"),
    Word.QUOTA: (
        "[[quota:9]]",
        lambda got: got.status == 429 and got.json["error"]["resets_in_seconds"] == 9,
    ),
    Word.HTML: (
        "[[html]]",
        lambda got: got.status == 200 and got.headers["content-type"].startswith("text/html"),
    ),
    Word.JSON: (
        "[[json]] [[say:whole]]",
        lambda got: got.json["content"] == "whole" and got.headers["content-type"] == "application/json",
    ),
    Word.JSON_ERROR: (
        "[[json_error:no]]",
        lambda got: got.status == 200 and got.json["error"]["message"] == "no",
    ),
    Word.ERROR_BEFORE: (
        "[[error_before:no]]",
        lambda got: got.types == ["start", "error"] and got.frames[1]["errorText"] == "no" and got.done,
    ),
    Word.ERROR_MID: (
        "[[error_mid]]",
        lambda got: (
            got.types[-3:] == ["error", "finish-step", "finish"]
            and got.frames[-1]["finishReason"] == "error"
            and got.done
        ),
    ),
    Word.ERROR_NO_FINISH: (
        "[[error_frame_no_finish]]",
        lambda got: got.types[-1] == "error" and got.whole and not got.done,
    ),
    Word.ABORT: ("[[abort]]", lambda got: got.types[-1] == "abort" and got.done),
    Word.CUT: ("[[cut]]", lambda got: got.types[-1] == "text-delta" and got.whole and not got.done),
    Word.CUT_MID_FRAME: (
        "[[cut_mid_frame]]",
        lambda got: isinstance(got.fault, h11.RemoteProtocolError) and not got.body.endswith(b"\n\n"),
    ),
    Word.BAD_JSON: ("[[bad_json]]", lambda got: b'"delta":\n\n' in got.body and got.done),
    Word.FORGET: ("[[forget]]", lambda got: got.done),
    Word.SWAP: ("[[swap]]", lambda got: got.done),
    Word.ONLY: ("[[only:another]] [[status:500]] [[say:well]]", lambda got: got.text == "well"),
    Word.ONLY_MODEL: ("[[only_model:another]] [[429:9]] [[say:well]]", lambda got: got.text == "well"),
    Word.ONCE: ("[[once:k]] [[say:first]]", lambda got: got.text == "first"),
}
UNANSWERED = {Word.HANG, Word.SILENT}
OF_A_PLAN = {Word.DRAFTS, Word.VERDICT}
"""Tried in `test_plans`, with the planner that they answer."""
OF_A_RUNTIME = {Word.ASKS, Word.STUCK}
"""Only the demo's runtime obeys these (`tests/system/test_runtime_bridge.py`)."""


def test_no_word_is_left_untried() -> None:
    assert set(ANSWERED) | UNANSWERED | OF_A_RUNTIME | OF_A_PLAN == set(Word)


@pytest.mark.parametrize("word", ANSWERED)
async def test_a_directive_is_seen_on_the_wire(word: Word, client: Any) -> None:
    text, check = ANSWERED[word]
    assert check(await client.ask(text))


@pytest.mark.parametrize(
    ("text", "check"),
    [
        ("[[usage:finish]]", lambda got: "usage" in got.of("finish")[0]["messageMetadata"]),
        ("[[usage:metadata]]", lambda got: "usage" in got.of("message-metadata")[0]["messageMetadata"]),
        ("[[ids_late:finish]]", lambda got: "sessionId" in got.of("finish")[0]["messageMetadata"]),
        ("[[ids_late:top]]", lambda got: "sessionId" in got.frames[0]),
        ("[[server_tool:throws]]", lambda got: "tool-output-error" in got.types),
        ("[[cut:close]]", lambda got: got.fault is not None and got.body.endswith(b"\n\n")),
        ("[[cut_mid_frame:reset]]", lambda got: isinstance(got.fault, trio.BrokenResourceError)),
        ("[[status:401]]", lambda got: got.status == 401),
        ("[[json]] [[cut]]", lambda got: got.fault is not None and got.pieces),
        ("[[json]] [[bad_json]]", lambda got: got.whole and got.body.count(b"{") > got.body.count(b"}")),
        ("[[json]] [[tools:a]]", lambda got: got.json["toolCalls"][0]["toolName"] == "a"),
        ("[[json]] [[silence:1]]", lambda got: got.whole),
        ("[[pace:x]]", lambda got: got.status == 400 and got.json["error"]["code"] == "invalid_directive"),
    ],
)
async def test_a_value_changes_what_a_directive_does(text: str, check: Check, client: Any) -> None:
    assert check(await client.ask(text))
