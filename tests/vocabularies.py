"""The shipped tokenizers for tests, each loaded once in a run."""

from functools import cache

from mix2api.budget.encodings import EncodingName
from mix2api.budget.tokenizers import ExactTokenizer
from mix2api.counting.shipped import load_tokenizer


@cache
def exact(name: EncodingName = EncodingName.O200K_BASE) -> ExactTokenizer:
    return load_tokenizer(name)


def reference(text: str, name: EncodingName = EncodingName.O200K_BASE) -> int:
    """Tiktoken's own count of the whole text at once."""
    return len(exact(name)._encoder.encode_ordinary(text))
