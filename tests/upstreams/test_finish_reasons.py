"""Finish reasons of sites in OpenAI's words."""

import pytest

from mix2api.upstreams.finish_reasons import finish_of, is_known
from mix2api.vocabulary import FinishReason


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("stop", FinishReason.STOP),
        ("END_TURN", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("max_tokens", FinishReason.LENGTH),
        ("content-filter", FinishReason.CONTENT_FILTER),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("tool-calls", None),
        ("tool_use", None),
        ("other", None),
        ("unknown", None),
        ("", None),
        (None, None),
    ],
)
def test_a_known_reason_has_openai_s_word_or_leaves_it_to_the_answer(
    said: str | None, meant: FinishReason | None
) -> None:
    assert finish_of(said) is meant
    assert is_known(said)


def test_another_reason_is_unknown() -> None:
    assert finish_of("bored") is None
    assert not is_known("bored")
