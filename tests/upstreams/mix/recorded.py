"""What each recording of the real `ai` package says, written by hand from its frames.

`RECORDINGS[name]` holds for version 6; `VARIANTS[(version, name)]` where another version differs in what it means.
"""

from pathlib import Path
from typing import Final

from mix2api.events.kinds import Usage
from mix2api.upstreams.port import (
    AbortedByUpstream,
    Failed,
    Finished,
    IdsSeen,
    Reasoning,
    Skipped,
    Started,
    StepFinished,
    Text,
    ToolInputAvailable,
    ToolInputBroken,
    ToolInputDelta,
    ToolInputStarted,
    ToolOutputSeen,
    UpstreamEvent,
    UsageSeen,
)

FOLDER: Final = Path(__file__).parents[2] / "data" / "frames"

START: Final = Started("sess_1", "ex_1")
BORDER: Final = Skipped(1)
STEP: Final = StepFinished()

WEATHER_INPUT: Final[list[UpstreamEvent]] = [
    ToolInputStarted("call_1", "get_weather"),
    ToolInputDelta("call_1", '{"city":"'),
    ToolInputDelta("call_1", 'Paris"}'),
    ToolInputAvailable("call_1", "get_weather", '{"city":"Paris"}'),
]
ONE_PLAIN_CALL: Final = ToolInputAvailable("c1", "a", '{"x":1}')
BEFORE_TOOL: Final[list[UpstreamEvent]] = [START, BORDER, BORDER, Text("before tool"), BORDER, ONE_PLAIN_CALL]
AFTER_TOOL: Final[list[UpstreamEvent]] = [
    ToolOutputSeen("c1"),
    STEP,
    BORDER,
    BORDER,
    Text("after tool"),
    BORDER,
    STEP,
    Finished("stop"),
]
USAGE: Final = Usage(prompt_tokens=11, completion_tokens=7, total_tokens=18)

RECORDINGS: Final[dict[str, list[UpstreamEvent]]] = {
    "abort_by_upstream": [
        START,
        BORDER,
        BORDER,
        Text("partial answ"),
        Text("er here"),
        AbortedByUpstream(),
    ],
    "abort_signal_mid_text": [
        START,
        BORDER,
        BORDER,
        Text("tick0 "),
        Text("tick1 "),
        Text("tick2 "),
        Text("tick3 "),
        AbortedByUpstream(),
    ],
    "createUIMessageStream_data_parts": [
        START,
        BORDER,
        IdsSeen("sess_1", "ex_2"),
        BORDER,
        Text('h\u00e9 "quoted" \n line2 \u2028 \U0001f642'),
        BORDER,
        Finished(None),
    ],
    "createUIMessageStream_throws": [START, BORDER, Text("part"), Failed("thrown inside execute")],
    "dynamic_tool_call": [START, BORDER, *WEATHER_INPUT, STEP, Finished("tool-calls")],
    "error_before_first_token": [START, Failed("model refused to start")],
    "error_mid_stream": [
        START,
        BORDER,
        BORDER,
        Text("partial "),
        Failed("scripted mid-stream error"),
        STEP,
        BORDER,  # `finish` with reason `error`, which adds nothing
    ],
    "finish_content_filter": [START, BORDER, STEP, Finished("content-filter")],
    "finish_length": [START, BORDER, BORDER, Text("cut"), BORDER, STEP, Finished("length")],
    "finish_metadata": [START, BORDER, BORDER, Text("hi"), BORDER, STEP, UsageSeen(USAGE), Finished("stop")],
    "interleaved_parallel_tool_input": [
        START,
        BORDER,
        ToolInputStarted("c1", "a"),
        ToolInputStarted("c2", "b"),
        ToolInputDelta("c1", '{"x":'),
        ToolInputDelta("c2", '{"y":'),
        ToolInputDelta("c1", "1}"),
        ToolInputDelta("c2", "2}"),
        ToolInputAvailable("c1", "a", '{"x":1}'),
        ToolInputAvailable("c2", "b", '{"y":2}'),
        STEP,
        Finished("tool-calls"),
    ],
    "parallel_tool_calls": [
        START,
        BORDER,
        *WEATHER_INPUT,
        ToolInputStarted("call_2", "get_time"),
        ToolInputDelta("call_2", '{"tz":"UT'),
        ToolInputDelta("call_2", 'C"}'),
        ToolInputAvailable("call_2", "get_time", '{"tz":"UTC"}'),
        STEP,
        Finished("tool-calls"),
    ],
    "reasoning": [
        START,
        BORDER,
        BORDER,
        Reasoning("I think ther"),
        Reasoning("efore I am."),
        BORDER,
        BORDER,
        Text("Done thinkin"),
        Text("g."),
        BORDER,
        STEP,
        Finished("stop"),
    ],
    "server_executed_tool_throws": [*BEFORE_TOOL, *AFTER_TOOL],
    "server_executed_tool_two_steps": [*BEFORE_TOOL, *AFTER_TOOL],
    "sources_and_files": [START, BORDER, BORDER, BORDER, Text("x"), BORDER, STEP, Finished("stop")],
    "text": [
        START,
        BORDER,
        BORDER,
        Text("Hello, this "),
        Text("is a plain a"),
        Text("nswer."),
        BORDER,
        STEP,
        Finished("stop"),
    ],
    "text_then_tool_call": [
        START,
        BORDER,
        BORDER,
        Text("Let me look."),
        Text(" "),
        BORDER,
        *WEATHER_INPUT,
        STEP,
        Finished("tool-calls"),
    ],
    "tool_call": [
        START,
        BORDER,
        ToolInputStarted("call_1", "get_weather"),
        ToolInputDelta("call_1", '{"city":"'),
        ToolInputDelta("call_1", 'Paris","u'),
        ToolInputDelta("call_1", 'nit":"C"}'),
        ToolInputAvailable("call_1", "get_weather", '{"city":"Paris","unit":"C"}'),
        STEP,
        Finished("tool-calls"),
    ],
    "tool_call_without_input_deltas": [START, BORDER, ONE_PLAIN_CALL, STEP, Finished("tool-calls")],
    "tool_invalid_json_input": [
        START,
        BORDER,
        ToolInputBroken("c1", "a"),
        ToolOutputSeen("c1"),
        STEP,
        Finished("tool-calls"),
    ],
    "tool_unknown_name": [
        START,
        BORDER,
        ToolInputBroken("c1", "nope"),
        ToolOutputSeen("c1"),
        STEP,
        Finished("tool-calls"),
    ],
}

VARIANTS: Final[dict[tuple[str, str], list[UpstreamEvent]]] = {
    ("v7", "tool_invalid_json_input"): [
        START,
        BORDER,
        ToolInputBroken("c1", "a"),
        STEP,
        Finished("tool-calls"),
    ],
    ("v7", "tool_unknown_name"): [
        START,
        BORDER,
        ToolInputBroken("c1", "nope"),
        STEP,
        Finished("tool-calls"),
    ],
}

VERSIONS: Final = {"v5": FOLDER / "v5", "v6": FOLDER, "v7": FOLDER / "v7"}
CASES: Final = [(version, name) for version in VERSIONS for name in RECORDINGS]


def recording(version: str, name: str) -> bytes:
    """The recorded body."""
    return (VERSIONS[version] / f"{name}.txt").read_bytes()


def expected(version: str, name: str) -> list[UpstreamEvent]:
    """What it says."""
    return VARIANTS.get((version, name), RECORDINGS[name])
