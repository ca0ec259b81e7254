"""An answer always has a usage, and a site's figures are never changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mix2api.budget.usage import CountedUsage, ReportedUsage, SettledUsage, UsageSource, settled
from mix2api.events.kinds import Usage

COUNTED = CountedUsage(prompt=100, completion=20, reasoning=5)


def usage(*figures: int) -> Usage:
    prompt, completion, total, reasoning, cached = figures
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=total,
        reasoning_tokens=reasoning,
        cached_tokens=cached,
    )


@pytest.mark.parametrize(
    ("reported", "figures", "source"),
    [
        (None, (100, 20, 120, 5, 0), UsageSource.COUNTED),
        (ReportedUsage(), (100, 20, 120, 5, 0), UsageSource.COUNTED),
        (ReportedUsage(prompt=90, completion=18, total=111), (90, 18, 111, 5, 0), UsageSource.SITE),
        (ReportedUsage(prompt=90, completion=18), (90, 18, 108, 5, 0), UsageSource.SITE),
        (ReportedUsage(prompt=90, completion=3), (90, 3, 93, 3, 0), UsageSource.SITE),
        (ReportedUsage(prompt=0, completion=0, reasoning=0), (0, 0, 0, 0, 0), UsageSource.SITE),
        (ReportedUsage(prompt=90, cached=80), (90, 20, 110, 5, 80), UsageSource.MIXED),
        (ReportedUsage(completion=18, reasoning=7, total=500), (100, 18, 118, 7, 0), UsageSource.MIXED),
    ],
)
def test_what_the_site_did_not_say_is_counted(
    reported: ReportedUsage | None, figures: tuple[int, ...], source: UsageSource
) -> None:
    assert settled(reported, COUNTED) == SettledUsage(usage=usage(*figures), source=source)


_some = st.none() | st.integers(0, 2**53)


@given(st.builds(ReportedUsage, prompt=_some, completion=_some, total=_some, reasoning=_some, cached=_some))
def test_every_figure_is_a_whole_number(reported: ReportedUsage) -> None:
    made = settled(reported, COUNTED).usage
    figures = (
        made.prompt_tokens,
        made.completion_tokens,
        made.total_tokens,
        made.reasoning_tokens,
        made.cached_tokens,
    )
    assert all(isinstance(figure, int) and figure >= 0 for figure in figures)
