"""The JSON object in a model's answer, with words, a fence or thoughts around it. Pure, one pass.

Nothing is repaired: a plan or a verdict that was guessed would be worse than one more try.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

_THOUGHTS_END = "</think>"


def object_in_text(text: str) -> Mapping[str, Any] | str:
    """The object, or why there is none: a line for the model, which quotes nothing of the text.

    The object reaches from the first `{` behind the thoughts to the last `}`.
    """
    start = text.find("{", _end_of_thoughts(text))
    end = text.rfind("}")
    if not text.strip():
        return "the answer is empty; it must be one JSON object"
    if start < 0 or end < start:
        return "the answer holds no JSON object; it must be one"
    try:
        said = msgspec.json.decode(text[start : end + 1])
    except msgspec.DecodeError as fault:
        return f"the answer must be one JSON object, and valid JSON, which it is not: {fault}"
    except RecursionError:
        return "the answer is nested too deep for a JSON object of this form"
    except UnicodeEncodeError:
        return "the answer holds half of a surrogate pair, which JSON may not"
    found: Mapping[str, Any] = said  # what begins with `{` is an object
    return found


def _end_of_thoughts(text: str) -> int:
    """Where the text begins behind the thoughts that some models write first; 0 where there are none."""
    if not text.lstrip().startswith("<think>"):
        return 0
    return max(0, text.find(_THOUGHTS_END))
