"""The shipped tokenizers for tests, and tiktoken as it comes, each loaded once in a run."""

import gzip
from functools import cache
from importlib import resources

import tiktoken

from mix2api.budget.encodings import FORMS, EncodingName, ranks_of
from mix2api.budget.tokenizers import ExactTokenizer
from mix2api.counting.shipped import load_tokenizer


@cache
def exact(name: EncodingName = EncodingName.O200K_BASE) -> ExactTokenizer:
    return load_tokenizer(name)


def unpacked(name: EncodingName) -> bytes:
    """The shipped vocabulary file."""
    file = resources.files("mix2api.counting") / "vocabularies" / f"{name}.tiktoken.gz"
    return gzip.decompress(file.read_bytes())


@cache
def _as_it_comes(name: EncodingName) -> tiktoken.Encoding:
    form = FORMS[name]
    return tiktoken.Encoding(
        f"{name} of tiktoken",
        pat_str=form.pattern,
        mergeable_ranks=ranks_of(name, unpacked(name)),
        special_tokens=form.special_tokens,
    )


def reference(text: str, name: EncodingName = EncodingName.O200K_BASE) -> int:
    """Tiktoken's own count of the whole text at once, by its own pattern."""
    return len(_as_it_comes(name).encode_ordinary(text))
