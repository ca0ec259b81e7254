"""The demo corpus: requests whose answers are compared between two builds, word by word. Data.

Each is asked as a stream and as one JSON body. None depends on time: what a client sees follows from what the site said.
"""

from typing import Final

from mix2api.packs.evidence import Json

MODEL: Final = "mix/qwen-3-235b-instruct"
_WEATHER: Final[Json] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
_CALL: Final = '{"city": "Bern",  "days": 2}'
_WORDS: Final[dict[str, str]] = {
    "plain": "What can you tell me about yourself?",
    "numbered": "[[chunks:12]] [[size:7]]",
    "unicode": "[[unicode]] [[chunks:5]]",
    "said": '[[say:{"a": 1} <b> \u4e16\u754c\u2028 and two blanks  ]]',
    "reasoning": "[[reasoning:first this, then that]] [[say:done]]",
    "length": "[[length]] [[chunks:3]]",
    "filtered": "[[content_filter]] [[chunks:3]]",
    "no reason": "[[no_reason]] [[chunks:3]]",
    "other finish": "[[finish:other]] [[chunks:3]]",
    "usage in the finish": "[[usage:finish]] [[chunks:3]]",
    "usage in the metadata": "[[usage:metadata]] [[chunks:3]]",
    "unknown frames": "[[unknown_frames]] [[chunks:4]]",
    "ids late": "[[ids_late:finish]] [[chunks:3]]",
    "whole content": "[[json:content]] [[say:in one body]]",
    "whole parts": "[[json:parts]] [[say:in parts]]",
    "error before": "[[error_before:it broke]]",
    "error amid": "[[error_mid:it broke]] [[chunks:4]]",
    "cut": "[[cut]] [[chunks:4]]",
    "bad JSON": "[[bad_json]] [[chunks:4]]",
    "status 500": "[[status:500]]",
    "status 429": "[[429:7]]",
}
_CALLS: Final[dict[str, str]] = {
    "calls in deltas": f"[[tools:get_weather {_CALL}]]",
    "whole calls": f"[[tools_whole:get_weather {_CALL}]]",
    "a call that is none": "[[bad_tool:get_weather]]",
}


def _asked(words: str, *, stream: bool, **fields: object) -> Json:
    asked: Json = {"model": MODEL, "messages": [{"role": "user", "content": words}], **fields}
    return {**asked, "stream": True, "stream_options": {"include_usage": True}} if stream else asked


CORPUS: Final[dict[str, Json]] = {
    **{f"{name}, stream": _asked(words, stream=True) for name, words in _WORDS.items()},
    **{f"{name}, whole": _asked(words, stream=False) for name, words in _WORDS.items()},
    **{
        f"{name}, {'stream' if stream else 'whole'}": _asked(words, stream=stream, tools=[_WEATHER])
        for name, words in _CALLS.items()
        for stream in (True, False)
    },
}
"""By name: the bodies of chat requests."""
