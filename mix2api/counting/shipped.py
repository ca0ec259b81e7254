"""The vocabularies that ship in the package, read and checked. Never a network call.

Loading one takes about 0.7 s and 76 MB (`o200k_base`) or 0.4 s and 42 MB (`cl100k_base`). For 250 ms of it tiktoken
holds the interpreter lock. So a process loads what its profiles name before it listens, and never later.
"""

import gzip
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources

import tiktoken
from attrs import field, frozen

from mix2api.budget.encodings import FORMS, EncodingName, ranks_of
from mix2api.budget.tokenizers import EstimatingTokenizer, ExactTokenizer, Tokenizer

_FOLDER = "vocabularies"


def load_tokenizer(name: EncodingName) -> ExactTokenizer:
    """The tokenizer of an encoding, from the package's own file.

    Raises:
        VocabularyDamaged: the file is not the one that was shipped.
        OSError: it is not there.
    """
    return ExactTokenizer(name, _encoding(name))


@cache
def _encoding(name: EncodingName) -> tiktoken.Encoding:
    """One for the whole interpreter: it never changes, and takes 42 or 76 MB."""
    file = resources.files(__package__) / _FOLDER / f"{name}.tiktoken.gz"
    form = FORMS[name]
    return tiktoken.Encoding(
        name.value,
        pat_str=form.counted,
        mergeable_ranks=ranks_of(name, gzip.decompress(file.read_bytes())),
        special_tokens=form.special_tokens,
    )


class NotLoaded(Exception):
    """An encoding is needed that this process did not load at its start."""


@frozen
class Tokenizers:
    """The tokenizers of a process."""

    loaded: Mapping[EncodingName, ExactTokenizer] = field(factory=dict)
    """Empty: all counts are estimates (`MIX2API_TOKENIZER=estimate`)."""

    def of(self, name: EncodingName) -> Tokenizer:
        """The tokenizer for an encoding.

        Raises:
            NotLoaded: profiles are checked against `can_count` before they count, so this is a fault of ours.
        """
        if not self.loaded:
            return EstimatingTokenizer()
        if name not in self.loaded:
            raise NotLoaded(name)
        return self.loaded[name]

    def can_count(self, name: str) -> bool:
        """Whether texts of this encoding can be counted without loading anything."""
        return not self.loaded or name in self.loaded


def load_tokenizers(names: Iterable[str]) -> Tokenizers:
    """All that these encodings need. Blocks for a second: call it before anything is served."""
    return Tokenizers({EncodingName(name): load_tokenizer(EncodingName(name)) for name in sorted(set(names))})
