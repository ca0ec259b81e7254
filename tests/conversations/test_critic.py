"""Verdicts of CRITICs."""

import pytest

from mix2api.conversations.critic import VERDICT_CHARS_MAX, Verdict, read_verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ('{"pass": true}', Verdict(passed=True)),
        ('{"pass": true, "feedback": "well done"}', Verdict(passed=True, feedback="well done")),
        ('```json\n{"pass": false, "feedback": "shorter"}\n```', Verdict(passed=False, feedback="shorter")),
    ],
)
def test_a_verdict_is_read(text: str, verdict: Verdict) -> None:
    assert read_verdict(text) == verdict


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the answer is empty; it must be one JSON object"),
        (
            "x" * (VERDICT_CHARS_MAX + 1),
            f"the answer is longer than the {VERDICT_CHARS_MAX} characters that a verdict may have",
        ),
        ("{}", "pass must be true or false"),
        ('{"pass": "yes"}', "pass must be true or false"),
        ('{"pass": 1}', "pass must be true or false"),
        ('{"pass": true, "feedback": null}', "feedback must be a text"),
        ('{"pass": false}', "feedback must say what is to be changed, where pass is false"),
        ('{"pass": false, "feedback": " "}', "feedback must say what is to be changed, where pass is false"),
        (
            '{"pass": true, "score": 3}',
            "the verdict has a field that does not belong there; allowed are pass, feedback",
        ),
    ],
)
def test_what_is_no_verdict_says_why(text: str, why: str) -> None:
    assert read_verdict(text) == why


def test_feedback_is_not_shown_where_a_verdict_is_printed() -> None:
    assert "planted" not in repr(Verdict(passed=False, feedback="planted"))
