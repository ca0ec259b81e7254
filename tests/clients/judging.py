"""What is wrong with what a client saw and with what the log says of it. Nothing is forgiven here, and nothing waits."""

import json
from collections.abc import Iterable, Iterator, Sequence

from asks import Ask, Kind, Raised, Seen, SeenUsage
from cases import ARGUMENTS, WEATHER, Case, Ended, Failed, Text
from clients import Client
from systems import MODELS, Line

from mix2api.demo import answer_text
from mix2api.demo.contexts import tokens


def findings(case: Case, client: Client, ask: Ask, seen: Seen) -> Iterator[str]:
    """What is wrong with what the client saw."""
    yield from seen.complaints
    yield from _text(case, ask, seen)
    yield from _differs("reasoning", seen.reasoning, case.reasoning)
    yield from _finish(case, seen)
    yield from _usage(case, seen)
    yield from _calls(case, seen)
    if case.models:
        yield from _differs("models", seen.models, list(MODELS) if case.kind is Kind.MODELS else [ask.model])
    yield from _failed(case.failed, client, seen.raised)
    if case.kind is Kind.CHAT and not case.cut:
        yield from _differs("x-request-id", seen.request_id, ask.request_id)


def log_findings(case: Case, client: Client, lines: Sequence[Line]) -> Iterator[str]:
    """What is wrong with the request's `request.completed` lines."""
    told = [
        Ended(end_reason=line["end_reason"], http_status=line["http_status"], detail=line["detail"])
        for line in lines
    ]
    yield from _differs("log", [_short(each) for each in told], [_short(each) for each in case.lines])
    yield from _differs("log: client", {line["client"] for line in lines} - {client.known_as.value}, set())


def _text(case: Case, ask: Ask, seen: Seen) -> Iterator[str]:
    match case.text:
        case Text.NOTHING:
            yield from _differs("text", seen.text, "")
        case Text.WHOLE:
            yield from _differs("text", seen.text, answer_text(ask.prompt))
        case Text.BEGINNING:
            whole = answer_text(ask.prompt)
            if not seen.text or seen.text == whole or not whole.startswith(seen.text):
                yield f"text: {_cut(seen.text)} is no beginning of {_cut(whole)}"
        case _:
            yield from _differs("text", seen.text, case.text)


def _finish(case: Case, seen: Seen) -> Iterator[str]:
    if case.failed is None:
        yield from _differs("finish_reason", seen.finish_reason, case.finish)
    elif seen.finish_reason not in {None, "error"}:  # Who raises before the last chunk has none.
        yield f"finish_reason: {seen.finish_reason!r} though it failed"


def _usage(case: Case, seen: Seen) -> Iterator[str]:
    usage = seen.usage
    if not case.usage:
        return
    if usage is None:
        yield "usage: none"
        return
    completion = tokens(len(seen.text))
    yield from _differs(
        "usage", usage, SeenUsage(usage.prompt_tokens, completion, usage.prompt_tokens + completion)
    )
    if usage.prompt_tokens <= 0:
        yield f"usage: {usage.prompt_tokens} prompt tokens"


def _calls(case: Case, seen: Seen) -> Iterator[str]:
    called = [(call.name, json.loads(call.arguments)) for call in seen.tool_calls]
    yield from _differs("tool calls", called, [(WEATHER.name, ARGUMENTS)] if case.calls else [])
    for call in seen.tool_calls:
        if not call.id.startswith("call_"):
            yield f"tool calls: the id {call.id!r}"


def _failed(expected: Failed | None, client: Client, raised: Raised | None) -> Iterator[str]:
    if expected is None:
        if raised is not None:
            yield f"raised {raised.name}: {_cut(raised.message)}"
        return
    if raised is None:
        yield f"raised nothing instead of {client.words[expected.failure]}"
        return
    yield from _differs("raised", raised.name, client.words[expected.failure])
    yield from _differs("status", raised.status, expected.status)
    yield from _differs("code", raised.code, expected.code)
    yield from _differs("param", raised.param, expected.param)
    yield from _differs("retry-after", raised.retry_after, expected.retry_after)


def _short(ended: Ended) -> str:
    return f"{ended.end_reason}/{ended.detail}/{ended.http_status}"


def _differs(what: str, is_: object, should_be: object) -> Iterable[str]:
    return () if is_ == should_be else (f"{what}: {_cut(is_)} instead of {_cut(should_be)}",)


def _cut(value: object, limit: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)})"
