"""Plots as text."""

import re
from xml.etree import ElementTree as ET

import pytest

from mix2api.console.plots import (
    Texts,
    clock_word,
    duration,
    ledger_bar,
    lines,
    sparkline,
    stacked,
    time_line,
)
from mix2api.events.edge_times import EdgeTimes
from mix2api.projections.run_series import Span
from mix2api.projections.silence import ledger

TEXTS = Texts(title="Ended & <done>", empty="nothing <here>")
SVG = "{http://www.w3.org/2000/svg}"


def span(number: int, total: float | None = 100.0, **reasons: int) -> Span:
    return Span(
        from_ms=number * 60_000,
        to_ms=(number + 1) * 60_000,
        by_reason=reasons,
        failed=reasons.get("timeout", 0),
        first_ms=(None, None, None),
        total_ms=(total, total, total),
    )


def link(since_ms: int, until_ms: int, reason: str | None) -> str:
    return f"/runs?since={since_ms}&until={until_ms}&reason={reason}"


def test_a_bar_has_a_part_for_each_reason_that_links_to_its_runs() -> None:
    text = stacked([span(0, stop=3, timeout=1), span(1, stop=2)], link, TEXTS)
    tree = ET.fromstring(text)  # noqa: S314 - our own text
    picture = next(tree.iter("svg"))
    bars = [(a.get("href"), a[0].get("class"), a[0][0].text) for a in tree.iter("a")]
    assert bars == [
        ("/runs?since=0&until=60000&reason=stop", "f-nobody r-stop", "stop: 3"),
        ("/runs?since=0&until=60000&reason=timeout", "f-upstream r-timeout", "timeout: 1"),
        ("/runs?since=60000&until=120000&reason=stop", "f-nobody r-stop", "stop: 2"),
    ]
    heights = [float(a[0].get("height", "")) for a in tree.iter("a")]
    assert heights == pytest.approx([3 * heights[1], heights[1], 2 * heights[1]], rel=0.01)
    assert picture.get("aria-label") == "Ended & <done>"


def test_failures_stand_on_top_of_successes() -> None:
    tree = ET.fromstring(stacked([span(0, timeout=1, stop=1)], link, TEXTS))  # noqa: S314
    tops = {a[0].get("class"): float(a[0].get("y", "")) for a in tree.iter("a")}
    assert tops["f-upstream r-timeout"] < tops["f-nobody r-stop"]


def test_lines_break_where_there_are_no_figures() -> None:
    text = lines([span(0), span(1), span(2, None), span(3)], lambda one: one.total_ms, TEXTS)
    points = re.findall(r'<polyline class="line p50" points="([^"]*)"', text)
    heights = [{point.partition(",")[2] for point in each.split()} for each in points]
    assert [len(each.split()) for each in points] == [2, 2]
    assert [len(each) for each in heights] == [1, 1]


def test_a_sparkline_shows_failures_within_all_runs() -> None:
    text = sparkline([span(0, stop=3, timeout=1), span(1)], link, TEXTS)
    assert "<title>1/4</title>" in text
    assert text.count("<a ") == 1


def test_without_figures_a_plot_says_why() -> None:
    assert stacked([span(0)], link, TEXTS) == '<p class="empty">nothing &lt;here&gt;</p>'
    assert "empty" in lines([span(0, None)], lambda one: one.total_ms, TEXTS)
    assert "empty" in sparkline([], link, TEXTS)
    assert "empty" in ledger_bar(ledger(EdgeTimes(body=0, over=0), ()), TEXTS)


def test_a_ledger_is_one_bar_cut_by_its_owners() -> None:
    text = ledger_bar(ledger(EdgeTimes(body=400, over=1000), ()), TEXTS)
    widths = [float(width) for width in re.findall(r'class="o-\w+" x="[^"]*" y="0" width="([^"]*)"', text)]
    assert sum(widths) == pytest.approx(720, abs=1)
    assert "client: 400 ms" in text


def test_a_time_line_shows_when_the_long_gaps_were() -> None:
    text = time_line(ledger(EdgeTimes(body=500, over=1000), ()), TEXTS)
    assert re.findall(r'class="o-(\w+)" x="([^"]*)" y="0" width="([^"]*)"', text) == [
        ("client", "0.0", "360.0"),
        ("us", "360.0", "360.0"),
    ]
    assert "empty" in time_line(ledger(EdgeTimes(body=0, over=0), ()), TEXTS)


def test_times_are_said_as_people_read_them() -> None:
    assert [duration(ms) for ms in (0, 840, 2500, 180_000)] == ["0 ms", "840 ms", "2.5 s", "3 min"]
    assert clock_word(3_723_000) == "01:02"
    assert "12.0k" in stacked([span(0, stop=12_000)], link, TEXTS)
