"""Every path over a request or an answer takes work in proportion to its size: at most 2.1 times as much for twice as much.

A row is a path and an input. What is counted is function calls (`counted`).
"""

from collections.abc import Callable
from functools import partial
from itertools import count

import msgspec
import pytest
from actor_parts import MINT, SEAL, bench, submission
from attrs import evolve
from counted import calls_of
from linear.inputs import ANSWERS, BODIES, HISTORIES, TEXTS, tools
from msgspec.structs import replace
from session_scripts import RUN, accept, chunk, conclude, tool_call

from mix2api.actors.environment import ActorOptions
from mix2api.actors.request_facts import tool_results, unseen_messages
from mix2api.actors.run_tools import call_rules, result_ids, result_names, translation_of
from mix2api.actors.tool_calls import CallRules
from mix2api.actors.translation import Translation
from mix2api.edge.rendering import StreamRenderer, collect
from mix2api.events.log import Recorded
from mix2api.projections import timeline
from mix2api.sessions.canonical import instructions_form, tools_form
from mix2api.sessions.decide import decide
from mix2api.sessions.evolve import fold
from mix2api.sessions.lineage import lineage_of
from mix2api.sessions.prepared_turn import prepare
from mix2api.sessions.state import VACANT, CalledTool, SessionState, Stage
from mix2api.sessions.worker_port import Reply, TextDelta, ToolCallDelta
from mix2api.steps import at_once
from mix2api.tools.checks import check_tools
from mix2api.tools.ids import CallIds
from mix2api.tools.instruction import reminder, selected
from mix2api.tools.legacy import modern_history
from mix2api.tools.offer import offer_of
from mix2api.tools.strictness import strict_calls
from mix2api.tools.text.offered_tools import OfferedTools
from mix2api.tools.text.recognition import Recogniser
from mix2api.upstreams.mix.options import MixOptions, ToolOptions
from mix2api.upstreams.mix.request import request_body
from mix2api.upstreams.mix.transcript import Transcript
from mix2api.upstreams.openai.transcript import ChatTranscript
from mix2api.upstreams.port import Text, UpstreamCall, UpstreamEvent
from mix2api.vocabulary import ChunkKind, Digest, FinishReason, RequestId, RunId, Sealed
from mix2api.wire.chat_answer import AnswerFrame, WholeAnswer
from mix2api.wire.chat_request import decode_chat_request
from mix2api.wire.passed_on import GatheredFields
from mix2api.wire.responses_answer import ResponseFrame, WholeResponse
from mix2api.wire.responses_request import Echo, responses_request_steps
from mix2api.wire.responses_stream import ResponseWriter
from mix2api.wire.sse_frames import SseFrames
from mix2api.wire.turn import Message, Turn

N = 200
FIXED = 300
"""Calls of the work that does not grow: imports at first use, tables, the objects around it."""

Work = Callable[[int], Callable[[], object]]
"""Makes the input of a size, and gives the work on it: making it is not counted."""

_SEALED = Sealed("sealed")
HELD = SessionState(stage=Stage.WAITING, upstream_session=_SEALED)
IN_TEXT = MixOptions(
    base_url="http://site.example",
    tools=ToolOptions(max_count=5),
    context_in_query=True,
    query_max_chars=10**6,
)
NATIVE = evolve(IN_TEXT, send_tools=True)


def turn(messages: list[Message], offered: int = 3) -> Turn:
    return Turn(model="m", messages=messages, stream=True, tools=tools(offered))


def call(messages: list[Message], offered: int = 3) -> UpstreamCall:
    asked = turn(messages, offered)
    return UpstreamCall(run_id=RunId("r"), request_id=RequestId("q"), turn=asked, messages=messages)


def state_of(messages: list[Message]) -> SessionState:
    """A session that remembers all calls of a history."""
    called = [
        CalledTool(tool_call_id=str(SEAL.digest(each.id, "tool_call_id")), name=Digest("n"))
        for message in messages
        for each in message.tool_calls or ()
    ]
    return replace(HELD, calls=tuple(called))


PATHS_OF_HISTORIES: dict[str, Callable[[list[Message]], Callable[[], object]]] = {
    "reading": lambda given: lambda: prepare(turn(given)),
    "checks": lambda given: lambda: check_tools(turn(given)),
    "lineage": lambda given: lambda: lineage_of(given, Digest("realm"), SEAL.digester("lineage")),
    "realm": lambda given: lambda: instructions_form(given),
    "what a fresh session is sent": lambda given: (
        lambda: unseen_messages(prepare(turn(given)), VACANT, ActorOptions())
    ),
    "what a held session is sent": lambda given: (
        lambda: unseen_messages(prepare(turn(given)), HELD, ActorOptions())
    ),
    "tool results for the log": lambda given: (
        lambda: at_once(tool_results(bench([]).environment, submission(turn(given))))
    ),
    "ids of results": lambda given: lambda: result_ids(given, state_of(given), SEAL),
    "names of results": lambda given: (
        lambda: result_names(given, state_of(given), prepare(turn(given)), SEAL)
    ),
    "rules of calls": lambda given: (
        lambda: call_rules(submission(turn(given)), state_of(given), bench([]).environment)
    ),
    "the reader of calls": lambda given: (
        lambda: translation_of(
            submission(turn(given)), state_of(given), bench([], tools_in_text=True).environment, lambda: 0
        )
    ),
    "today's form": lambda given: lambda: modern_history(given),
    "the site's request, tools in text": lambda given: lambda: request_body(call(given), IN_TEXT),
    "the site's request, native tools": lambda given: lambda: request_body(call(given), NATIVE),
}


def stepwise(translation: Translation, batch: list[UpstreamEvent]) -> list[Reply]:
    """All portions of a batch; each is decided and folded, as a run does."""
    opening = (accept(run=RUN), chunk(ChunkKind.OPEN))
    state = VACANT
    for command in opening:
        state = fold(decide(state, command), state)
    is_left = translation.take(batch)
    answer, tally = translation.answer, translation.tally
    replies: list[Reply] = []
    while True:
        replies += answer.replies
        answer.replies = []
        for command in tally.commands:
            state = fold(decide(state, command), state)
        tally.commands.clear()
        if not is_left:
            return replies
        is_left = translation.go_on()


def translation(*, in_text: bool = False, single: bool = False, streamed: bool = True) -> Translation:
    known = frozenset({"read", "write"})
    numbers = count()
    ids = CallIds(lambda: f"call_drawn_{next(numbers)}", lambda _: False)
    rules = CallRules(callable_names=known, ids=ids, single=single, streamed=streamed)
    return Translation(
        RUN, SEAL, lambda: rules, lambda: 0, Recogniser(OfferedTools(names=known)) if in_text else None
    )


def translating(batch: list[UpstreamEvent], **fields: bool) -> Callable[[], object]:
    return lambda: stepwise(translation(**fields), batch)


def folding(n: int) -> Callable[[], object]:
    """A run of n chunks and calls, as recovery and replay read it."""
    commands = [accept(), chunk(ChunkKind.OPEN)]
    for number in range(n):
        frames = {"first_frame": number + 1, "last_frame": number + 1, "frames": 1}
        commands += [chunk(ChunkKind.TOOL_INPUT, **frames), tool_call(number)]

    def work() -> None:
        state = VACANT
        for command in commands:
            state = fold(decide(state, command), state)

    return work


def replaying(n: int) -> Callable[[], object]:
    state, events = VACANT, []
    for command in [accept(), chunk(ChunkKind.OPEN), *(tool_call(number) for number in range(n)), conclude()]:
        for event in () if command == conclude() else decide(state, command):
            state = fold([event], state)
            events.append(event)
    recorded = [Recorded(position=f"{number}-0", event=event) for number, event in enumerate(events)]

    def work() -> None:
        cursor = timeline.initial()
        for each in recorded:
            cursor, _ = timeline.apply(cursor, each)

    return work


FRAME = AnswerFrame(run_id=RUN, created_s=1, model="m")


def replies(n: int) -> list[Reply]:
    return [TextDelta("word "), ToolCallDelta(index=0, arguments="x")] * n


def whole(n: int) -> Callable[[], object]:
    given = replies(n)
    return lambda: collect(WholeAnswer(FRAME), given)


def rendered(n: int) -> Callable[[], object]:
    given = replies(n)
    return lambda: StreamRenderer(FRAME, RequestId("q"), on_ended=lambda _: None).render(given)


def framed(width: int | None) -> Work:
    def made(n: int) -> Callable[[], object]:
        data = b'data: {"type":"text-delta","delta":"word "}\n\n' * n
        pieces = [data[at : at + (width or len(data))] for at in range(0, len(data), width or len(data))]

        def work() -> None:
            frames, told = SseFrames(), Transcript(200, session_known=False)
            for piece in pieces:
                told.add(frames.feed(piece))

        return work

    return made


OPENAI_CHUNKS: dict[str, Callable[[int], bytes]] = {
    "texts": lambda n: chat_chunk('"content":"word "') * n,
    "texts with more": lambda n: chat_chunk('"content":"word ","x":1') * n,
    "calls in turn": lambda n: b"".join(
        chat_chunk(f'"tool_calls":[{{"index":{k},"id":"c{k}","function":{{"name":"f","arguments":"{{}}"}}}}]')
        for k in range(n)
    ),
    "calls side by side": lambda n: b"".join(
        chat_chunk(f'"tool_calls":[{{"index":{k},"id":"c{k}","function":{{"name":"f","arguments":"{{"}}}}]')
        for k in range(n)
    ),
}
"""Streams of Chat Completions."""
RESPONSE = ResponseFrame(response_id="resp", run_id=RUN, created_s=1, model="m", echo=Echo(fields={}))


def chat_chunk(delta: str) -> bytes:
    return f'data: {{"choices":[{{"index":0,"delta":{{{delta}}}}}]}}\n\n'.encode()


def chat_framed(make: Callable[[int], bytes]) -> Work:
    def made(n: int) -> Callable[[], object]:
        data = make(n)

        def work() -> None:
            transcript = ChatTranscript(200)
            transcript.add(SseFrames().feed(b": begun\n\n" + data))
            transcript.body_ended()

        return work

    return made


def response_streamed(n: int) -> Callable[[], object]:
    def work() -> None:
        writer = ResponseWriter(RESPONSE)
        for number in range(n):
            writer.text("word ")
            writer.tool_call(number, "{}", f"c{number}", "f")
        writer.finish(FinishReason.STOP, None)

    return work


def response_collected(n: int) -> Callable[[], object]:
    given = replies(n)
    return lambda: collect(WholeResponse(RESPONSE), given)


def response_asked(n: int) -> Callable[[], object]:
    called = [
        item
        for k in range(n)
        for item in (
            {"type": "function_call", "call_id": f"c{k}", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": f"c{k}", "output": "r"},
        )
    ]
    body = msgspec.json.encode({"model": "m", "input": called})
    return lambda: at_once(responses_request_steps(body))


def gathered(n: int) -> Callable[[], object]:
    def work() -> None:
        fields = GatheredFields()
        for number in range(n):
            fields.add({"text": '"a"', "list": f'[{{"index":{number}}}]'})
        fields.whole()

    return work


def _rows() -> dict[str, Work]:
    rows: dict[str, Work] = {
        **{f"chat frames: {name}": chat_framed(make) for name, make in OPENAI_CHUNKS.items()},
        "response: streamed": response_streamed,
        "response: collected": response_collected,
        "response: asked": response_asked,
        "fields that pass": gathered,
        "fold: chunks and calls": folding,
        "replay: calls": replaying,
        "whole answer: pieces": whole,
        "stream: pieces": rendered,
        "frames: one read": framed(None),
        "frames: byte by byte": framed(1),
        "strictness: enclosures": lambda n: lambda: strict_calls('{"tool_calls": [{}]} ' * n),
        "strictness: braces": lambda n: lambda: strict_calls("{ " * n),
        "realm: tools": lambda n: lambda: tools_form(tools(n)),
        "tools: choosing": lambda n: lambda: selected(offer_of(turn([], n)), turn([], n), 5),
        "tools: reminder": lambda n: lambda: reminder(offer_of(turn([], n)).functions, 10**6),
        "the site's request: tools": lambda n: lambda: request_body(call(HISTORIES["turns"](1), n), IN_TEXT),
        "ids: drawn": lambda n: (
            lambda: [CallIds(MINT.call_id, lambda _: False).give(f"c{number}") for number in range(n)]
        ),
    }
    for name, make in BODIES.items():
        rows[f"decode: {name}"] = lambda n, make=make: partial(decode_chat_request, make(n))
    for name, make in HISTORIES.items():
        for path, work in PATHS_OF_HISTORIES.items():
            rows[f"{path}: {name}"] = lambda n, make=make, work=work: work(make(n))
    for name, make in TEXTS.items():
        rows[f"calls in text: {name}"] = lambda n, make=make: translating([Text(make(n))], in_text=True)
        rows[f"calls in text, bit by bit: {name}"] = lambda n, make=make: translating(
            [Text(char) for char in make(n)], in_text=True
        )
    for name, make in ANSWERS.items():  # half as many: 2 * N calls are more than a run may have
        for how in ("streamed", "whole", "single"):
            fields = {"streamed": how != "whole", "single": how == "single"}
            rows[f"native, {how}: {name}"] = lambda n, make=make, fields=fields: translating(
                make(n // 2), **fields
            )
    return rows


ROWS = _rows()


@pytest.mark.parametrize("row", ROWS)
def test_twice_the_input_takes_at_most_2_1_times_the_work(row: str) -> None:
    small, large = calls_of(ROWS[row](N)), calls_of(ROWS[row](2 * N))
    assert large <= 2.1 * small + FIXED


def test_the_count_sees_a_path_that_is_not_linear() -> None:
    def quadratic(n: int) -> int:
        return calls_of(lambda: [abs(other) for each in range(n) for other in range(each)])

    assert quadratic(2 * N) > 2.1 * quadratic(N) + FIXED
