"""Token counts in every spelling."""

import pytest
from msgspec import Raw

from mix2api.budget.usage import ReportedUsage
from mix2api.events.kinds import Usage
from mix2api.upstreams.usage import usage_seen


def usage_of(raw: Raw) -> Usage | None:
    seen = usage_seen(raw)
    return None if seen is None else seen.usage


FULL = Usage(prompt_tokens=11, completion_tokens=7, total_tokens=20, reasoning_tokens=3, cached_tokens=5)


@pytest.mark.parametrize(
    "said",
    [
        '{"inputTokens":11,"outputTokens":7,"totalTokens":20,"reasoningTokens":3,"cachedInputTokens":5}',
        (
            '{"inputTokens":11,"outputTokens":7,"totalTokens":20,'
            '"inputTokenDetails":{"cacheReadTokens":5},"outputTokenDetails":{"reasoningTokens":3}}'
        ),
        (
            '{"prompt_tokens":11,"completion_tokens":7,"total_tokens":20,'
            '"prompt_tokens_details":{"cached_tokens":5},"completion_tokens_details":{"reasoning_tokens":3}}'
        ),
        (
            '{"input_tokens":11,"output_tokens":7,"total_tokens":20,'
            '"input_tokens_details":{"cached_tokens":5},"output_tokens_details":{"reasoning_tokens":3}}'
        ),
    ],
)
def test_every_spelling_gives_the_same_counts(said: str) -> None:
    assert usage_of(Raw(said.encode())) == FULL


def test_a_missing_total_is_the_sum() -> None:
    said = usage_of(Raw(b'{"inputTokens":2,"outputTokens":3}'))
    assert said == Usage(prompt_tokens=2, completion_tokens=3, total_tokens=5)


def test_one_side_is_enough() -> None:
    assert usage_of(Raw(b'{"outputTokens":3}')) == Usage(prompt_tokens=0, completion_tokens=3, total_tokens=3)


@pytest.mark.parametrize(
    "said",
    [
        "null",
        "[]",
        "5",
        '"11"',
        "{}",
        '{"totalTokens":5}',
        '{"inputTokens":null}',
        '{"inputTokens":"11"}',
        '{"inputTokens":-1}',
        '{"inputTokens":100000000000000000000}',
        '{"inputTokens":1.5}',
        '{"inputTokens":true}',
        '{"inputTokens":1e400}',
        '{"inputTokens":3,"outputTokens":' + "9" * 5000 + "}",
        '{"inputTokens":' + "[" * 2000 + "]" * 2000 + "}",
    ],
)
def test_what_are_no_counts_gives_none(said: str) -> None:
    assert usage_of(Raw(said.encode())) is None


def test_details_of_a_wrong_type_are_left_out() -> None:
    said = usage_of(
        Raw(b'{"inputTokens":1,"outputTokens":1,"inputTokenDetails":7,"outputTokenDetails":null}')
    )
    assert said == Usage(prompt_tokens=1, completion_tokens=1, total_tokens=2)


def test_what_the_site_left_out_is_known() -> None:
    seen = usage_seen(Raw(b'{"outputTokens":3,"reasoningTokens":0}'))
    assert seen is not None
    assert seen.reported == ReportedUsage(completion=3, reasoning=0)
    whole = usage_seen(Raw(b'{"inputTokens":2,"outputTokens":3}'))
    assert whole is not None
    assert whole.reported is None
