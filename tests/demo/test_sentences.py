import pytest

from mix2api.demo.contexts import ToolOutcome
from mix2api.demo.sentences import answer_about, answer_from, digest_of


def test_the_answer_quotes_what_was_asked_and_counts_it() -> None:
    text = answer_about("Why is the sky blue? [[usage]]", "Why is the sky blue?")
    assert text.startswith("You asked: “Why is the sky blue?”\nThis is the demo site of mix2api")
    assert "Your message has 5 words in 20 characters." in text
    assert text.endswith(f"The reference of this answer is {digest_of('Why is the sky blue? [[usage]]')}.")


def test_a_statement_was_written_and_not_asked() -> None:
    assert answer_about("Go.", "Go.").startswith("You wrote: “Go.”\n")
    assert "1 word in 3 characters" in answer_about("Go.", "Go.")
    assert answer_about("天气怎么样？", "天气怎么样？").startswith("You asked: ")  # noqa: RUF001 - Chinese


def test_different_questions_have_different_answers_though_they_begin_alike() -> None:
    long = "a" * 1000
    assert answer_about(f"{long} 1", f"{long} 1") != answer_about(f"{long} 2", f"{long} 2")


def test_a_message_of_directives_only_is_not_quoted() -> None:
    assert answer_about("[[usage]]", "").startswith("This is the demo site")


def test_a_long_question_is_quoted_by_its_beginning_on_one_line() -> None:
    opening = answer_about("", "one\n\ntwo " * 100).partition("”")[0]
    assert opening.startswith("You wrote: “one two one two")
    assert opening.endswith("…")
    assert len(opening) < 140


def test_half_a_surrogate_pair_can_be_asked_about() -> None:
    assert answer_about("\ud83d", "\ud83d").encode().startswith("You wrote: “?”".encode())


def test_each_result_has_a_line_of_its_own_behind_the_question() -> None:
    outcomes = [ToolOutcome("get_weather", "18 degrees"), ToolOutcome("now", "noon")]
    assert answer_from("And?", outcomes).splitlines() == [
        "You asked: “And?”",
        "The tool get_weather answered: 18 degrees",
        "The tool now answered: noon",
    ]


@pytest.mark.parametrize("chars", [2000, 2001, 1_000_000])
def test_of_a_long_result_the_beginning_is_told_and_its_length(chars: int) -> None:
    told = answer_from("", [ToolOutcome("read", "x" * chars)])
    assert told.count("x") == 2000
    assert told.endswith("x" if chars == 2000 else f"… ({chars} characters in all)")
