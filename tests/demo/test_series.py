from typing import Any

import pytest

from mix2api.demo.series import listed_values


def listed(value: str, clause: str) -> list[Any]:
    return [each["x"] for each in listed_values({"x": value, "n": 1}, clause)]


@pytest.mark.parametrize(
    ("clause", "values"),
    [
        ("Read a.txt and b.txt", ["a.txt", "b.txt"]),
        ("Read a.txt, b.txt", ["a.txt", "b.txt"]),
        ("Read a.txt, src/b.py, and ~/c.md, then stop.", ["a.txt", "src/b.py", "~/c.md"]),
        ("Read `a.txt` and `b c`", ["a.txt", "b c"]),
        ("读取 a.txt、b.txt 和 c.txt", ["a.txt", "b.txt", "c.txt"]),
        ("The weather in Oslo, New York & Rome?", ["Oslo", "New York", "Rome"]),
        (
            "Fetch https://a.example/x and https://b.example/y.",
            ["https://a.example/x", "https://b.example/y"],
        ),
    ],
)
def test_each_thing_of_a_list_gets_a_call_of_its_own(clause: str, values: list[str]) -> None:
    assert listed(values[0], clause) == values


def test_the_other_arguments_are_the_same_in_every_call() -> None:
    calls = listed_values({"unit": "celsius", "city": "Oslo"}, "Oslo and Rome in celsius")
    assert calls == ({"unit": "celsius", "city": "Oslo"}, {"unit": "celsius", "city": "Rome"})


@pytest.mark.parametrize(
    ("value", "clause"),
    [
        ("a.txt", "Read a.txt and tell me"),
        ("a.txt", "Read a.txt and a.txt"),
        ("a.txt", "Read it"),
        ("Paris", "The weather in Paris, France"),
        ("Paris", "The weather in Paris and the time"),
        ("cats", "Search for cats and dogs"),
        ("", "Search, and find"),
    ],
)
def test_other_words_behind_a_thing_are_no_list(value: str, clause: str) -> None:
    assert listed(value, clause) == [value]


def test_values_that_are_no_text_are_never_listed() -> None:
    assert listed_values({"paths": ["a.txt"], "n": 1}, "Read a.txt and b.txt 1 and 2") == (
        {"paths": ["a.txt"], "n": 1},
    )


def test_a_list_gives_eight_calls_at_most() -> None:
    clause = " and ".join(f"{number}.txt" for number in range(20))
    assert listed("0.txt", clause) == [f"{number}.txt" for number in range(8)]
