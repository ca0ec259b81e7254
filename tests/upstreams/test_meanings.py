"""What sites' errors mean, in the words of the models behind them."""

import pytest

from mix2api.upstreams.meanings import meaning_of
from mix2api.vocabulary import Detail

TOO_LONG = [
    "This model's maximum context length is 131072 tokens. However, your messages resulted in 190000 tokens.",
    "This endpoint's maximum context length is 4096 tokens. Please reduce the length of the messages.",
    "prompt is too long: 213462 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 190000 + 8192 > 200000",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "Input is too long for requested model.",
    "the request exceeds the available context size, try increasing it",
    "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 129024]",
    "prompt token count of 140000 exceeds the limit of 128000",
    "The decoder prompt (length 9000) is longer than the maximum model length of 8192.",
    "code: context_length_exceeded",
    "输入内容过长,请缩短后重试",
    "对话已超出模型的上下文长度限制",
    "上下文长度超过限制",
    "Conversation is too long",
    "The prompt is too large",
    "Token limit exceeded",
    "tokens_limit_reached",
    "model_max_prompt_tokens_exceeded",
    "ContextWindowExceededError: litellm",
    "context_window_exceeded",
    "the request exceeds max_model_len",
    "The number of input tokens is greater than the maximum",
    "the maximum allowed input length is 8192",
    "Total tokens of image and text exceed max message tokens",
    "`inputs` tokens + `max_new_tokens` must be <= 4096",
    "提示词过长",
    "对话内容过长,请新建会话",
    "对话长度已达上限",
    "输入token超过最大限制",
    "文本长度超过限制",
    "消息太长",
]
FILTERED = [
    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
    "Output data may contain inappropriate content.",
    "DataInspectionFailed",
    "Output blocked by content filtering policy",
    "Your request was flagged as potentially violating our usage policy.",
    "内容安全审核未通过",
    "输入包含敏感词",
]
TOO_FAST = [
    "rate limited, try later",
    "Rate limit reached for requests",
    "Too Many Requests",
    "Throttling.RateQuota: Requests rate limit exceeded",
    "429 RESOURCE_EXHAUSTED",
    "请求过于频繁,请稍后再试",
    "消息发送过于频繁,已超过限制",
]
SPENT = [
    "You exceeded your current quota, please check your plan",
    "insufficient_quota",
    "Insufficient Balance",
    "账户余额不足",
]
NOTHING = [
    "",
    "internal error",
    "max_tokens is too large: 100000. This model supports at most 8192 completion tokens.",
    "the session was not found",
    "context deadline exceeded",
    "name is too long",
    "消息内容为空",
    "max_tokens must be less than 4096",
    "invalid token",
    "the model is overloaded",
]


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        *((words, Detail.CONTEXT_LENGTH) for words in TOO_LONG),
        *((words, Detail.FILTERED) for words in FILTERED),
        *((words, Detail.RATE_LIMIT) for words in TOO_FAST),
        *((words, Detail.QUOTA) for words in SPENT),
        *((words, None) for words in NOTHING),
    ],
)
def test_a_site_s_words_mean(words: str, meaning: Detail | None) -> None:
    assert meaning_of(words) is meaning
    assert meaning_of(f'{{"wrapped": "{words}"}}') is meaning


def test_status_429_is_about_pace_whatever_is_counted() -> None:
    assert meaning_of("Request too large: too many tokens per minute", 429) is None
    assert meaning_of("insufficient_quota", 429) is Detail.QUOTA


def test_only_the_beginning_is_searched() -> None:
    assert meaning_of("x" * 2000 + " rate limit") is None
