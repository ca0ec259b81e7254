"""The shipped vocabularies are tiktoken's own, and a damaged one is refused."""

import hashlib
from pathlib import Path

import pytest
import tiktoken
from vocabularies import exact, unpacked

from mix2api.budget.encodings import FORMS, EncodingName, VocabularyDamaged, ranks_of

URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"


@pytest.mark.parametrize("name", EncodingName)
def test_an_encoding_is_the_one_that_tiktoken_would_fetch(
    name: EncodingName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # tiktoken looks into this folder first, under the digest of the URL, and checks what it finds against its own digest.
    url = URL.format(name).encode()
    (tmp_path / hashlib.sha1(url, usedforsecurity=False).hexdigest()).write_bytes(unpacked(name))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    fetched, form = tiktoken.get_encoding(name.value), FORMS[name]
    assert (fetched._pat_str, fetched._special_tokens) == (form.pattern, form.special_tokens)
    assert fetched._mergeable_ranks == ranks_of(name, unpacked(name))
    assert len(fetched.encode_ordinary("naïve 你好 1234 <|endoftext|>")) == exact(name).count(
        "naïve 你好 1234 <|endoftext|>"
    )


def test_a_vocabulary_with_one_other_byte_is_refused() -> None:
    whole = unpacked(EncodingName.CL100K_BASE)
    assert len(ranks_of(EncodingName.CL100K_BASE, whole)) == 100_256
    with pytest.raises(VocabularyDamaged, match=r"^the vocabulary cl100k_base has the SHA-256 "):
        ranks_of(EncodingName.CL100K_BASE, whole[:-1])
