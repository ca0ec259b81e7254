"""Pack A: whole answers and streams have OpenAI's form, whole, in order and at once. Data and pure judgement."""

from collections.abc import Iterator
from typing import Final

from mix2api.packs.case import Case, Needs, Step, World
from mix2api.packs.evidence import Ask, Evidence, Json, Seen
from mix2api.packs.judging import stream, usage, whole

_SAID: Final = (
    'Hello, \u4e16\u754c\u2028a second line: \U0001f642 \u00e9\u00e8 \\ " {"a": 1} <tag> tail  two blanks'
)
"""What the demo site is told to say: another script, U+2028, an emoji, quotes, a backslash, blanks that must stay."""
_PIECES: Final = 6
_PACE_MS: Final = 120
_SPREAD_MS: Final = _PACE_MS * 2
"""Of `_PIECES` paced deltas a stream that flows shows the first long before the last; a buffered one shows all at once."""
_QUESTION: Final = "Say hello in one short sentence."


def _asking(said: str = _QUESTION, directive: str = "", **fields: object) -> Step:
    return lambda world, _: world.chat(said, directive, **fields)


def _plain(evidence: Evidence) -> Iterator[str]:
    yield from whole(evidence.last, ours=evidence.ours)
    if not evidence.last.text:
        yield "the answer has no text"


def _streamed(evidence: Evidence) -> Iterator[str]:
    yield from stream(evidence.last, ours=evidence.ours)
    if not evidence.last.text:
        yield "the stream has no text"
    if any(not event.get("choices") for event in evidence.last.events):
        yield "a chunk has no choice, though no usage was asked for"


def _exact(evidence: Evidence) -> Iterator[str]:
    for seen in evidence.seen:
        if seen.text != _SAID:
            yield f"the text of {'the stream' if seen.is_stream else 'the whole answer'} is not what the model said"


def _same(evidence: Evidence) -> Iterator[str]:
    first, second = evidence.seen
    if not first.is_stream or second.is_stream:
        yield "`stream` does not choose between an event stream and one JSON answer"
    if first.finishes != second.finishes:
        yield "stream and whole answer have different finish reasons"


def _with_usage(evidence: Evidence) -> Iterator[str]:
    seen = evidence.last
    yield from stream(seen, ours=evidence.ours)
    events = seen.events
    counted = [event for event in events if event.get("usage") is not None]
    if len(counted) != 1 or events[-1].get("usage") is None:
        yield "not exactly the last chunk has usage"
    for event in counted:
        yield from usage(event["usage"])
        if evidence.ours and event.get("choices") != []:
            yield "the usage chunk has choices"
    if evidence.ours and any("usage" not in event for event in events):
        yield "a chunk has no `usage`, not even null"


def _at_once(evidence: Evidence) -> Iterator[str]:
    yield from stream(evidence.last, ours=evidence.ours)
    times = evidence.last.pieces_ms
    if not times or times[-1] - times[0] < _SPREAD_MS:
        yield "the deltas came all at once: something buffers them"


def _cut_short(evidence: Evidence) -> Iterator[str]:
    for seen in evidence.seen:
        yield from (stream if seen.is_stream else whole)(seen, ours=evidence.ours, finish="length")


def _filtered(evidence: Evidence) -> Iterator[str]:
    yield from stream(evidence.last, ours=evidence.ours, finish="content_filter")


def _reasoned(evidence: Evidence) -> Iterator[str]:
    for seen in evidence.seen:
        yield from (stream if seen.is_stream else whole)(seen, ours=evidence.ours)
        if "Paris" not in seen.text or "ponder" in seen.text:
            yield "reasoning and answer are not kept apart"


def _long(evidence: Evidence) -> Iterator[str]:
    seen = evidence.last
    yield from stream(seen, ours=evidence.ours)
    if seen.text != "x" * 100_000:
        yield f"{len(seen.text)} of 100000 characters came"


def _models(evidence: Evidence) -> Iterator[str]:
    listed = evidence.last.json
    if not isinstance(listed, dict) or listed.get("object") != "list":
        yield "`object` is not list"
        return
    models = listed.get("data")
    if not isinstance(models, list) or not models:
        yield "there is no model"
        return
    for model in models:
        if (
            not isinstance(model, dict)
            or model.get("object") != "model"
            or not isinstance(model.get("id"), str)
        ):
            yield "a model has not OpenAI's form"


def _continued(evidence: Evidence) -> Iterator[str]:
    for seen in evidence.seen:
        yield from whole(seen, ours=evidence.ours)
    if evidence.ours:
        sessions = {seen.headers.get("x-session-id") for seen in evidence.seen}
        if len(sessions) != 1 or None in sessions:
            yield "the second turn did not continue the session of the first"


def _second_turn(_: World, seen: tuple[Seen, ...]) -> Ask:
    asked: Json = dict(seen[0].ask.body) if isinstance(seen[0].ask.body, dict) else {}
    answered = {"role": "assistant", "content": seen[0].text}
    more = {"role": "user", "content": "And once more, please."}
    return Ask(body={**asked, "messages": [*asked["messages"], answered, more]})


STREAMS: Final = (
    Case(id="A-whole", title="a whole answer has OpenAI's form", steps=(_asking(),), judge=_plain),
    Case(
        id="A-stream",
        title="a stream has OpenAI's form and ends with [DONE]",
        steps=(_asking(stream=True),),
        judge=_streamed,
    ),
    Case(
        id="A-choice",
        title="`stream` chooses between an event stream and one JSON answer",
        steps=(_asking(stream=True), _asking(stream=False)),
        judge=_same,
    ),
    Case(
        id="A-text",
        title="the text arrives unchanged, streamed and whole",
        steps=tuple(
            _asking(directive=f"[[say:{_SAID}]][[size:7]]", stream=streamed) for streamed in (True, False)
        ),
        judge=_exact,
        needs=Needs.DEMO,
    ),
    Case(
        id="A-usage",
        title="a stream tells its usage in its last chunk, if asked",
        steps=(_asking(stream=True, stream_options={"include_usage": True}),),
        judge=_with_usage,
    ),
    Case(
        id="A-flow",
        title="deltas arrive as the model makes them",
        steps=(_asking(directive=f"[[chunks:{_PIECES}]][[pace:{_PACE_MS}]]", stream=True),),
        judge=_at_once,
        needs=Needs.DEMO,
    ),
    Case(
        id="A-length",
        title="an answer that was cut for its length says so",
        steps=tuple(_asking(directive="[[length]]", stream=streamed) for streamed in (True, False)),
        judge=_cut_short,
        needs=Needs.DEMO,
    ),
    Case(
        id="A-filter",
        title="an answer that a content filter ended says so",
        steps=(_asking(directive="[[content_filter]]", stream=True),),
        judge=_filtered,
        needs=Needs.DEMO,
    ),
    Case(
        id="A-reasoning",
        title="reasoning stays out of the answer's text",
        steps=tuple(
            _asking(directive="[[reasoning:I ponder]][[say:Paris]]", stream=streamed)
            for streamed in (True, False)
        ),
        judge=_reasoned,
        needs=Needs.DEMO,
    ),
    Case(
        id="A-long",
        title="a long delta arrives whole",
        steps=(_asking(directive="[[huge:100000]]", stream=True),),
        judge=_long,
        needs=Needs.DEMO,
    ),
    Case(
        id="A-second",
        title="a second turn continues the conversation",
        steps=(_asking(), _second_turn),
        judge=_continued,
    ),
    Case(
        id="A-models",
        title="the models are listed",
        steps=(lambda _, __: Ask(method="GET", path="/v1/models"),),
        judge=_models,
    ),
)
