"""What a site's words mean where OpenAI has a word of its own for it: too long, filtered, too fast, out of quota. Pure.

A site hands on the errors of the model that it stands before, in any wrapping and under any status. Clients act on the
meaning: an agent compacts its history after `context_length_exceeded`, an SDK waits after `rate_limit_exceeded`.
"""

import re
from typing import Final

from mix2api.vocabulary import Detail

_SEARCHED: Final = 2000
"""Characters: an error is a sentence or two, and each pattern reads them once."""
_GAP: Final = r"[^\n]{0,80}?"
"""Between two words of one sentence; bounded, so that the search stays linear."""

_MEANINGS: Final = (
    (
        Detail.CONTEXT_LENGTH,
        # OpenAI, vLLM, Mistral; Anthropic; Gemini; Bedrock; llama.cpp; DashScope (Qwen); Copilot; TGI; Ark; sites in Chinese.
        (
            rf"context_length_exceeded|exceed_context_size|maximum context length|maximum model length"
            rf"|exceed{_GAP}context[ _]?(?:length|limit|size|window)|context[ _]?(?:length|limit|size|window){_GAP}exceed"
            rf"|(?:prompt|input|conversation|context|history) (?:is|was) too (?:long|large)|input too long"
            rf"|(?:request|messages?) (?:is|are) too (?:long|large) for|too many (?:input |prompt )?tokens"
            rf"|(?:input|prompt) token{_GAP}(?:exceed|greater than|more than)|token count{_GAP}exceed"
            rf"|tokens?[ _]limit[ _](?:is |was )?(?:exceeded|reached)|max_prompt_tokens_exceeded|exceed{_GAP}max[ _]model[ _]len"
            rf"|maximum (?:allowed )?(?:input|prompt) length|exceed{_GAP}max message tokens|tokens \+ .?max_new_tokens"
            rf"|reduce the length of (?:the |your )?(?:messages|prompt|input)|range of input length"
            rf"|上下文{_GAP}(?:超|过长|太长)|(?:超出|超过){_GAP}(?:上下文|最大长度|输入长度|最大输入)"
            rf"|(?:输入|提示词|对话|会话|消息|文本|历史)(?:内容|文本|记录)?(?:过长|太长|超长)"
            rf"|(?:输入|提示词|对话|会话|消息|文本|内容)长度{_GAP}(?:超|上限)|(?:输入|提示词?) ?tokens?{_GAP}超"
        ),
    ),
    (
        Detail.FILTERED,
        (
            rf"content[_ -]?filter|content (?:management )?policy|responsibleaipolicyviolation|data_?inspection_?failed"
            rf"|(?:inappropriate|sensitive|prohibited) content|(?:violat|flagged|blocked){_GAP}(?:safety|policy|policies)"
            rf"|敏感(?:词|内容|信息)|内容(?:安全|审核|违规)|违规内容"
        ),
    ),
    (
        Detail.QUOTA,
        (
            r"insufficient[_ ](?:quota|balance|credits?)|exceeded your current quota|quota (?:is )?exhausted"
            r"|余额不足|额度(?:不足|已用尽|已用完)|欠费"
        ),
    ),
    (
        Detail.RATE_LIMIT,
        (
            r"rate[_ -]?limit|too many requests|too_many_requests|throttl|requests per (?:second|minute|hour|day)"
            r"|resource_exhausted|(?:请求|发送|操作|访问|调用|提问)(?:过于|太|过)?频繁|限流"
        ),
    ),
)
_PATTERNS: Final = tuple((detail, re.compile(words, re.IGNORECASE)) for detail, words in _MEANINGS)
_TOO_MANY_REQUESTS: Final = 429


def meaning_of(words: str, status: int | None = None) -> Detail | None:
    """The meaning of an error's words; None where they mean nothing in particular.

    Args:
        words: the site's text, with its codes if it gave any.
        status: HTTP status that the words came with. 429 says by itself that it is about pace, whatever is counted there.
    """
    searched = words[:_SEARCHED]
    for detail, pattern in _PATTERNS:
        if status == _TOO_MANY_REQUESTS and detail is not Detail.QUOTA:
            continue
        if pattern.search(searched) is not None:
            return detail
    return None
