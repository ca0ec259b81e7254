"""The two vocabularies that are shipped: their patterns, digests, and how a file of one is read. Pure.

Source: tiktoken's `tiktoken_ext/openai_public.py`. The patterns are copied letter for letter, because another pattern
gives other tokens. tiktoken itself would fetch a vocabulary from the network at its first use; we never do.
"""

import base64
import hashlib
from enum import StrEnum
from typing import Final

from attrs import frozen


class EncodingName(StrEnum):
    """A vocabulary."""

    O200K_BASE = "o200k_base"
    """GPT-4o and later."""
    CL100K_BASE = "cl100k_base"
    """GPT-4 and GPT-3.5; fewer tokens for whitespace, more for languages other than English."""


@frozen(kw_only=True)
class EncodingForm:
    """What makes an encoding, its vocabulary apart."""

    pattern: str
    """Cuts a text into pieces; tokens never cross a piece's border. Tiktoken's own."""
    counted: str
    """Cuts a text with marks (`mix2api.budget.tokenizers`) into the same pieces, and looks ahead nowhere."""
    sha256: str
    """Of the unpacked vocabulary file, hexadecimal."""
    special_tokens: dict[str, int]
    """Never produced here: a text that looks like one is counted as text."""


_ENDS: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K_PATTERN: Final = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + _ENDS,
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + _ENDS,
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
_LOOKS_AHEAD: Final = r"\s+(?!\S)|"
_CL100K_PATTERN: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
# What is possessive there cannot give anything back anyhow: what follows it never begins with what it takes.
_CL100K_COUNTED: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s+$|\s*[\r\n]|\s+"
)

FORMS: Final = {
    EncodingName.O200K_BASE: EncodingForm(
        pattern=_O200K_PATTERN,
        counted=_O200K_PATTERN.replace(_LOOKS_AHEAD, ""),
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        special_tokens={"<|endoftext|>": 199_999, "<|endofprompt|>": 200_018},
    ),
    EncodingName.CL100K_BASE: EncodingForm(
        pattern=_CL100K_PATTERN,
        counted=_CL100K_COUNTED,
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        special_tokens={
            "<|endoftext|>": 100_257,
            "<|fim_prefix|>": 100_258,
            "<|fim_middle|>": 100_259,
            "<|fim_suffix|>": 100_260,
            "<|endofprompt|>": 100_276,
        },
    ),
}


class VocabularyDamaged(Exception):
    """A vocabulary file is not the one that this code was written for: its counts would be wrong. The installation is bad."""


def ranks_of(name: EncodingName, unpacked: bytes) -> dict[bytes, int]:
    """The ranks of a vocabulary file: a line a token, base64 of its bytes and its rank.

    Raises:
        VocabularyDamaged: the SHA-256 of the file is another.
    """
    found = hashlib.sha256(unpacked).hexdigest()
    if found != FORMS[name].sha256:
        raise VocabularyDamaged(f"the vocabulary {name} has the SHA-256 {found}, not {FORMS[name].sha256}")
    pairs = (line.split(b" ") for line in unpacked.splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in pairs}
