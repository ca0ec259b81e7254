"""The verdict of a CRITIC: `{"pass": true}`, or `{"pass": false, "feedback": "..."}`. Pure."""

from typing import Final

from attrs import field, frozen

from mix2api.conversations.json_in_text import object_in_text

VERDICT_CHARS_MAX: Final = 50_000
"""Characters of an answer that may be a verdict. Its feedback becomes a part of the next input."""
_FIELDS: Final = frozenset({"pass", "feedback"})


@frozen
class Verdict:
    """What a CRITIC said."""

    passed: bool
    feedback: str = field(default="", repr=False)
    """What is to be changed; never empty where the target did not pass."""


def read_verdict(text: str) -> Verdict | str:
    """The verdict of a model's answer, or why there is none: a line for the model, which quotes nothing of it."""
    if len(text) > VERDICT_CHARS_MAX:
        return f"the answer is longer than the {VERDICT_CHARS_MAX} characters that a verdict may have"
    said = object_in_text(text)
    if isinstance(said, str):
        return said
    passed, feedback = said.get("pass"), said.get("feedback", "")
    if not _FIELDS.issuperset(said):
        return "the verdict has a field that does not belong there; allowed are pass, feedback"
    if not isinstance(passed, bool):
        return "pass must be true or false"
    if not isinstance(feedback, str):
        return "feedback must be a text"
    if not passed and not feedback.strip():
        return "feedback must say what is to be changed, where pass is false"
    return Verdict(passed, feedback)


INSTRUCTIONS: Final = (
    "You judge another agent's work. Answer with one JSON object and nothing else: "
    '{"pass": true} if the work may stay as it is, '
    'or {"pass": false, "feedback": "what is to be changed"} if it may not.'
)
"""What a CRITIC is told besides its input."""
