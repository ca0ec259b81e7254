"""In which language a client is told that it does not get a call."""

import pytest

from mix2api.tools.apologies import CHINESE, ENGLISH, Apologies, apologies_for
from mix2api.wire.turn import Message

PLEASE_READ = "\u8bf7\u8bfb\u53d6\u6587\u4ef6"


@pytest.mark.parametrize(
    ("said", "apologies"),
    [
        ("read the file", ENGLISH),
        (PLEASE_READ, CHINESE),
        (f"{PLEASE_READ} a.txt", CHINESE),
        (f"translate the words {PLEASE_READ} into the language of my friends please", ENGLISH),
        ("", ENGLISH),
        ("42", ENGLISH),
        ("x " * 5000 + PLEASE_READ * 200, CHINESE),
    ],
)
def test_it_is_the_language_of_the_user_s_last_words(said: str, apologies: Apologies) -> None:
    assert apologies_for([Message(role="user", content=said)]) is apologies


def test_earlier_messages_and_those_of_others_do_not_count() -> None:
    history = [
        Message(role="user", content="hello there"),
        Message(role="user", content=[{"type": "text", "text": PLEASE_READ}]),
        Message(role="assistant", content="certainly, at once"),
        Message(role="user", content=[{"type": "image_url"}]),
    ]
    assert apologies_for(history) is CHINESE
    assert apologies_for([]) is ENGLISH


def test_no_sentence_has_anything_of_the_protocol() -> None:
    for apologies in (ENGLISH, CHINESE):
        for sentence in (apologies.malformed, apologies.not_there):
            assert sentence
            assert not set(sentence) & set("{}[]<>`")
