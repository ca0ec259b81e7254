"""Long messages keep head and tail, and nothing solid is cut in half."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.budget.shortening import head_and_tail, shortened
from mix2api.wire.turn import Message

MARK = re.compile(r"\n\[… (\d+) characters left out …\]\n")


def parts(text: str, limit: int) -> tuple[str, int, str]:
    made = head_and_tail(text, limit)
    found = MARK.search(made)
    assert found is not None
    return made[: found.start()], int(found[1]), made[found.end() :]


def test_the_head_gets_60_percent() -> None:
    head, left_out, tail = parts("a b " * 10_000, 1200)
    assert len(head) + len(tail) + left_out == 40_000
    assert 0.55 <= len(head) / (len(head) + len(tail)) <= 0.65
    assert len(head) + len(tail) > 1000


@given(st.text("ab1 .\n", min_size=300, max_size=3000), st.integers(1, 299))
def test_a_shortened_text_is_its_ends_and_within_the_limit(text: str, limit: int) -> None:
    made = head_and_tail(text, limit)
    assert len(made) <= limit
    found = MARK.search(made)
    if found is None:
        assert text.startswith(made)
        return
    head, tail = made[: found.start()], made[found.end() :]
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(head) + len(tail) + int(found[1]) == len(text)


UUID = "6f1c2a34-9b1e-4c57-8d2e-0a9b8c7d6e5f"


@pytest.mark.parametrize("shift", range(0, 60, 3))
def test_ids_and_figures_survive_or_go_whole(shift: int) -> None:
    words = [f"{UUID[:-4]}{place:04d} $1,{place:03d}.50" for place in range(400)]
    text = "x" * shift + " " + " ".join(words)
    head, _, tail = parts(text, 1200)
    pieces = set(text.split())
    assert set(head.split()) <= pieces
    assert set(tail.split()) <= pieces


def test_a_blob_is_split_where_it_must_be() -> None:
    head, _, tail = parts("A" * 5000, 1200)
    assert len(head) + len(tail) > 900


def test_a_blob_that_begins_just_before_the_cut_is_left_out_of_the_head() -> None:
    words = "a b " * 145
    assert parts(words + "A" * 5000, 1200)[0] == words


def test_where_no_mark_fits_the_head_stays_alone() -> None:
    assert head_and_tail("abc " * 100, 20) == ("abc " * 100)[:20]


def message(content: Any) -> Message:
    return Message(role="tool", tool_call_id="c", content=content)


def test_a_message_that_is_short_enough_is_itself() -> None:
    for content in (
        "x" * 100,
        None,
        [{"type": "text", "text": "x" * 100}],
        [{"type": "image_url", "image_url": {}}],
    ):
        made = message(content)
        assert shortened(made, 100) is made


def test_the_text_of_parts_becomes_one_and_other_parts_stay() -> None:
    image = {"type": "image_url", "image_url": {"url": "u"}}
    texts = [{"type": "text", "text": "a " * 500, "mark": 1}, {"type": "text", "text": "b " * 500}]
    made = shortened(message([image, texts[0], image, texts[1]]), 300).content
    assert isinstance(made, list)
    assert [part["type"] for part in made] == ["image_url", "text", "image_url"]
    assert made[1]["mark"] == 1
    assert made[1]["text"].startswith("a a")
    assert made[1]["text"].endswith("b b ")
    assert len(made[1]["text"]) <= 300


def test_calls_stay_whole() -> None:
    made = shortened(Message(role="assistant", content="x" * 500), 100)
    assert len(made.content or "") <= 100
