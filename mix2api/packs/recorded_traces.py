"""Traces with content as conversations that a candidate answers again: the recorded upstream says what the client was given.

A trace has what was asked and what the client got, redacted and cut. The site's own bytes are in no trace, so its answer is
rebuilt: in whole pieces, in the frames of the `mix` kind. A candidate has to pass it on as it stands: text, reasoning, calls
and finish. Usage is in no trace. Content stays in memory: a difference tells places and lengths alone.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from mix2api.packs.asking import Asking, Target
from mix2api.packs.corpus import MODEL
from mix2api.packs.evidence import Ask, Json
from mix2api.packs.recorded_site import RecordedSite, SiteAnswer
from mix2api.packs.said import Said as Meaning
from mix2api.packs.said import said, unlike
from mix2api.projections.traced_content import Said, TracedContent
from mix2api.projections.traces import Trace
from mix2api.release.differences import Difference
from mix2api.vocabulary import SUCCESSES

_CALL: Final = "call "
_CUT: Final = "…"
_SPEAKERS: Final = frozenset({"system", "developer", "user", "assistant"})
_NOT_TRACED: Final = frozenset({"usage"})
_STREAM: Final = {"content-type": "text/event-stream"}


def can_be_played(trace: Trace) -> bool:
    """Whether a trace has a whole answer that succeeded, and a request to ask for it.

    An answer whose calls are cut or are no JSON objects cannot be said again. A text that is cut or masked is a text.
    """
    content = trace.content
    if content is None or trace.end_reason not in SUCCESSES or not any(map(_is_asked, content.asked)):
        return False
    calls = [one for one in content.answered if one.role not in {"reasoning", "assistant"}]
    return bool(content.answered) and all(_arguments(one) is not None for one in calls)


async def compare_traces(target: Target, site: RecordedSite, traces: Iterable[Trace]) -> list[Difference]:
    """Asks what was asked through an adapter whose site replays, and gives what its clients would see otherwise.

    Args:
        target: the adapter.
        site: the one behind it.
        traces: that can be played.
    """
    found: list[Difference] = []
    asking = Asking(target)
    try:
        for trace in traces:
            if trace.content is None:
                continue
            site.answers[:] = [_answer(trace, trace.content)]
            seen = await asking.see(Ask(body=_request(trace, trace.content), request_id=trace.run_id))
            was = _meaning(trace, trace.content)
            found += [
                Difference(f"trace.{field}", trace.run_id, "client", *_places(before, after))
                for field, before, after in unlike(was, said(seen))
                if field not in _NOT_TRACED
            ]
    finally:
        asking.close()
    return found


def _meaning(trace: Trace, content: TracedContent) -> Meaning:
    return Meaning(
        status=200,
        text="".join(one.text for one in content.answered if one.role == "assistant"),
        reasoning="".join(one.text for one in content.answered if one.role == "reasoning"),
        calls=tuple((_name(one), _canonical(one)) for one in content.answered if one.role.startswith(_CALL)),
        finishes=(trace.end_reason.value,),
        is_done=trace.stream,
    )


def _request(trace: Trace, content: TracedContent) -> Json:
    """The messages that were kept, as text, and a tool for each call of the answer."""
    asked: Json = {
        "model": MODEL,
        "messages": [{"role": one.role, "content": one.text} for one in content.asked if _is_asked(one)],
    }
    names = dict.fromkeys(_name(one) for one in content.answered if one.role.startswith(_CALL))
    if names:
        form = {"type": "object"}
        asked["tools"] = [
            {"type": "function", "function": {"name": name, "parameters": form}} for name in names
        ]
    return {**asked, "stream": True} if trace.stream else asked


def _answer(trace: Trace, content: TracedContent) -> SiteAnswer:
    frames = [*_frames(content), {"type": "finish", "finishReason": trace.end_reason.value.replace("_", "-")}]
    lines = [f"data: {msgspec.json.encode(frame).decode()}\n\n" for frame in frames]
    return SiteAnswer(200, _STREAM, "".join([*lines, "data: [DONE]\n\n"]))


def _frames(content: TracedContent) -> Iterator[Json]:
    yield {"type": "start", "messageId": "m", "messageMetadata": {"sessionId": "s", "exchangeId": "e"}}
    for number, one in enumerate(content.answered):
        if one.role.startswith(_CALL):
            call = {"toolCallId": f"call_{number}", "toolName": _name(one)}
            yield {"type": "tool-input-available", **call, "input": _arguments(one)}
        else:
            kind = "reasoning" if one.role == "reasoning" else "text"
            yield {"type": f"{kind}-start", "id": str(number)}
            yield {"type": f"{kind}-delta", "id": str(number), "delta": one.text}
            yield {"type": f"{kind}-end", "id": str(number)}


def _is_asked(one: Said) -> bool:
    """Results and calls of earlier turns are left out: their ids are in no trace, and the answer does not depend on them."""
    return one.role in _SPEAKERS and bool(one.text)


def _name(one: Said) -> str:
    return one.role.removeprefix(_CALL)


def _arguments(one: Said) -> dict[str, Any] | None:
    """A call's arguments; None where they are cut, or no JSON object."""
    if not one.role.startswith(_CALL) or one.text.endswith(_CUT):
        return None
    try:
        return msgspec.json.decode(one.text, type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        return None


def _canonical(one: Said) -> str:
    return msgspec.json.encode(_arguments(one), order="sorted").decode()


def _places(before: object, after: object) -> tuple[str, str]:
    """Where two values part, and how long each is: never what stands there."""
    was, now = (
        each if isinstance(each, str) else msgspec.json.encode(each).decode() for each in (before, after)
    )
    place = next((at for at, (one, other) in enumerate(zip(was, now, strict=False)) if one != other), None)
    part = min(len(was), len(now)) if place is None else place
    return f"{len(was)} characters, the same up to {part}", f"{len(now)} characters"
