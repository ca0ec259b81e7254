"""The vocabularies come from the package alone, and a process has those that it loaded at its start."""

import subprocess
import sys

import pytest
from vocabularies import exact

from mix2api.budget.encodings import EncodingName
from mix2api.budget.tokenizers import EstimatingTokenizer
from mix2api.counting.shipped import NotLoaded, Tokenizers, load_tokenizers

_WITHOUT_A_NETWORK = """
import os, socket, sys

def refuse(*_):
    raise SystemExit("a socket was opened")

sys.addaudithook(lambda event, _: refuse() if event in {"socket.connect", "socket.getaddrinfo"} else None)
os.environ["TIKTOKEN_CACHE_DIR"] = ""
from mix2api.counting.shipped import load_tokenizers
tokenizers = load_tokenizers(["cl100k_base"])
print(tokenizers.of(next(iter(tokenizers.loaded))).count("hello world"))
"""


def test_a_vocabulary_is_loaded_without_a_network() -> None:
    made = subprocess.run(
        [sys.executable, "-c", _WITHOUT_A_NETWORK], capture_output=True, text=True, check=False
    )
    assert (made.stdout, made.stderr) == ("2\n", "")


def test_only_what_was_loaded_can_be_counted() -> None:
    tokenizers = Tokenizers({EncodingName.O200K_BASE: exact()})
    assert tokenizers.of(EncodingName.O200K_BASE) is exact()
    assert tokenizers.can_count("o200k_base")
    assert not tokenizers.can_count("cl100k_base")
    with pytest.raises(NotLoaded):
        tokenizers.of(EncodingName.CL100K_BASE)


def test_without_vocabularies_everything_is_estimated() -> None:
    tokenizers = load_tokenizers([])
    for name in EncodingName:
        assert isinstance(tokenizers.of(name), EstimatingTokenizer)
        assert tokenizers.can_count(name)
