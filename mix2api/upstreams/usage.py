"""Token counts in all the spellings that sites use: the AI SDK's, OpenAI's Chat form, OpenAI's Responses form.

A count that is missing, negative, absurdly large or no whole number is as good as none, and so is a value that cannot
be read at all: figures must not fail a turn.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from mix2api.budget.usage import ReportedUsage
from mix2api.events.kinds import Usage
from mix2api.upstreams.damage import NOT_JSON
from mix2api.upstreams.port import UsageSeen

_ABSURD: Final = 2**53
"""What JavaScript clients cannot count any more."""
_Paths = tuple[tuple[str, ...], ...]

_PROMPT: Final[_Paths] = (("inputTokens",), ("prompt_tokens",), ("input_tokens",))
_COMPLETION: Final[_Paths] = (("outputTokens",), ("completion_tokens",), ("output_tokens",))
_TOTAL: Final[_Paths] = (("totalTokens",), ("total_tokens",))
_REASONING: Final[_Paths] = (
    ("reasoningTokens",),
    ("outputTokenDetails", "reasoningTokens"),
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
)
_CACHED: Final[_Paths] = (
    ("cachedInputTokens",),
    ("inputTokenDetails", "cacheReadTokens"),
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),
)


def usage_seen(raw: Raw) -> UsageSeen | None:
    """The counts in a JSON object; None if it gives neither input nor output tokens, is no object, unreadable or nothing."""
    text = bytes(raw)
    if not text:
        return None
    try:
        said = msgspec.json.decode(text)
    except NOT_JSON:
        return None
    prompt, completion = _first(said, _PROMPT), _first(said, _COMPLETION)
    if prompt is None and completion is None:
        return None
    reported = ReportedUsage(
        prompt=prompt,
        completion=completion,
        total=_first(said, _TOTAL),
        reasoning=_first(said, _REASONING),
        cached=_first(said, _CACHED),
    )
    is_whole = prompt is not None and completion is not None
    return UsageSeen(_without_gaps(reported), None if is_whole else reported)


def _without_gaps(reported: ReportedUsage) -> Usage:
    """As the log keeps what a site said: 0 where it said nothing, the sum for a total."""
    prompt, completion = reported.prompt or 0, reported.completion or 0
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion if reported.total is None else reported.total,
        reasoning_tokens=reported.reasoning or 0,
        cached_tokens=reported.cached or 0,
    )


def _first(said: Any, paths: _Paths) -> int | None:
    """The first count that stands at one of the paths."""
    for path in paths:
        value = said
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _ABSURD:
            return value
    return None
