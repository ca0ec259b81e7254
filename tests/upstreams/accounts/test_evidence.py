"""Whose limit the words of a refusal speak of."""

import pytest
from upstreams.accounts.pools import fault

from mix2api.accounts.hints import ResetHint
from mix2api.accounts.model_limits import Whose
from mix2api.upstreams.accounts.evidence import whose_limit
from mix2api.upstreams.port import Failed
from mix2api.vocabulary import Detail

GEMINI = (
    "You exceeded your current quota, please check your plan and billing details. * Quota exceeded for metric: "
    "generate_content_free_tier_requests, limit: 20, model: gemini-2.5-flash Please retry in 34.07s."
)


@pytest.mark.parametrize(
    ("words", "detail", "models", "whose"),
    [
        (
            "Rate limit reached for gpt-5 in organization org-1 on tokens per min",
            Detail.STATUS,
            ["gpt-5"],
            "model",
        ),
        ("Rate limit reached for GPT-5.", Detail.STATUS, ["gpt-5"], "model"),
        ("Rate limit reached for gpt-5-mini", Detail.STATUS, ["gpt-5"], "untold"),
        ("Rate limit reached for gpt-5.1", Detail.STATUS, ["gpt-5"], "untold"),
        ("Rate limit reached for org/gpt-5", Detail.STATUS, ["gpt-5"], "untold"),
        ("Rate limit reached for the-model-2026", Detail.STATUS, ["m", "the-model-2026"], "model"),
        (GEMINI, Detail.QUOTA, ["gemini-2.5-flash"], "model"),
        (GEMINI, Detail.QUOTA, ["gemini-2.5-pro"], "account"),
        ("the default rate limit was reached", Detail.RATE_LIMIT, ["default"], "untold"),
        ("slow down", Detail.RATE_LIMIT, ["o3"], "untold"),
        ("x" * 500 + " gpt-5", Detail.RATE_LIMIT, ["gpt-5"], "untold"),
    ],
)
def test_words_tell_whose_limit_it_is(words: str, detail: Detail, models: list[str], whose: str) -> None:
    assert whose_limit(Failed(words, detail), models) == Whose(whose)


def test_a_plan_s_hint_goes_before_the_words_and_no_words_tell_nothing() -> None:
    refused = fault(Detail.STATUS, 429)
    assert whose_limit(refused, ["gpt-5"]) is Whose.UNTOLD
    refused.message = "too many calls of gpt-5"
    refused.reset = ResetHint(1, is_quota=False)
    assert whose_limit(refused, ["gpt-5"]) is Whose.MODEL
    refused.reset = ResetHint(1, is_quota=True, is_of_account=True)
    assert whose_limit(refused, ["gpt-5"]) is Whose.ACCOUNT
    assert whose_limit(None, ["gpt-5"]) is Whose.UNTOLD
