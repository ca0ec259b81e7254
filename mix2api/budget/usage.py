"""The `usage` of an answer: the site's figures where it gave them, ours where it did not. Pure.

An answer always has one, an object of whole numbers: clients crash on `null` or bill a guess of their own. A site's figure is never
changed. A total that it did not give is the sum.
"""

from enum import StrEnum

from attrs import frozen

from mix2api.events.kinds import Usage


class UsageSource(StrEnum):
    """Whose figures a usage has. Closed; these words stand in events and in the log line."""

    SITE = "site"
    COUNTED = "counted"
    MIXED = "mixed"
    """The site gave one of input and output; the other one is counted."""


@frozen(kw_only=True)
class ReportedUsage:
    """What a site said; None where it said nothing. Tokens."""

    prompt: int | None = None
    completion: int | None = None
    total: int | None = None
    reasoning: int | None = None
    cached: int | None = None


@frozen(kw_only=True)
class CountedUsage:
    """What we counted. Tokens."""

    prompt: int
    """Of the whole history that the request carries, tools and frames included: what a site without sessions would count.
    Not of the part that went up."""
    completion: int
    """Of all that the site wrote so far, reasoning and calls included."""
    reasoning: int = 0
    """Of them: reasoning."""


@frozen(kw_only=True)
class SettledUsage:
    """What the client is told."""

    usage: Usage
    source: UsageSource


def settled(reported: ReportedUsage | None, counted: CountedUsage) -> SettledUsage:
    """The usage of one answer, whole or failed.

    Args:
        reported: the site's last word, if it gave any.
        counted: ours; of a failed answer what was read and written so far.
    """
    said = ReportedUsage() if reported is None else reported
    prompt = counted.prompt if said.prompt is None else said.prompt
    completion = counted.completion if said.completion is None else said.completion
    reasoning = said.reasoning
    if reasoning is None:
        # A site that reports its output and no reasoning may leave the reasoning out: ours must not exceed the whole.
        reasoning = min(counted.reasoning, completion)
    return SettledUsage(
        usage=Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            total_tokens=_total(said, prompt + completion),
            reasoning_tokens=reasoning,
            cached_tokens=said.cached or 0,
        ),
        source=_source(said),
    )


def _total(said: ReportedUsage, summed: int) -> int:
    """The site's total where it gave both parts too; beside a figure of ours it would not add up."""
    return said.total if said.total is not None and _source(said) is UsageSource.SITE else summed


def _source(said: ReportedUsage) -> UsageSource:
    if said.prompt is not None and said.completion is not None:
        return UsageSource.SITE
    if said.prompt is None and said.completion is None:
        return UsageSource.COUNTED
    return UsageSource.MIXED
