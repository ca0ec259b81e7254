"""Sites' finish reasons in OpenAI's words. Pure."""

from typing import Final

from mix2api.vocabulary import FinishReason

_FINISHES: Final = {
    "stop": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "content-filter": FinishReason.CONTENT_FILTER,
    # As the models behind a site say it, where a site hands their word on.
    "eos": FinishReason.STOP,
    "end-turn": FinishReason.STOP,
    "stop-sequence": FinishReason.STOP,
    "max-tokens": FinishReason.LENGTH,
    "safety": FinishReason.CONTENT_FILTER,
    "refusal": FinishReason.CONTENT_FILTER,
    # What the answer holds decides.
    "tool-calls": None,
    "tool-use": None,
    "function-call": None,
    "other": None,
    "unknown": None,
    "": None,
}


def _plain(reason: str | None) -> str:
    return (reason or "").strip().lower().replace("_", "-")


def finish_of(reason: str | None) -> FinishReason | None:
    """OpenAI's word; None where what the answer holds decides: a call was made, or the answer just stopped."""
    return _FINISHES.get(_plain(reason))


def is_known(reason: str | None) -> bool:
    """Whether the reason is one of those that sites are known to give."""
    return _plain(reason) in _FINISHES
