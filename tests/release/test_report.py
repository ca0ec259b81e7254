"""The page of a rollback's evidence."""

import re
from html.parser import HTMLParser

import pytest
from msgspec.structs import replace
from release.test_evidence import EVIDENCE

from mix2api.release.channel_settings import ChannelSettings
from mix2api.release.evidence import Evidence
from mix2api.release.gateway import GatewayNews
from mix2api.release.report import html_page, rows_of_tests

VOID = {"meta", "br"}


class Strict(HTMLParser):
    """Sees that every element is closed where it has to be, and gathers what a browser would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [name for name, _ in attrs if name in {"src", "href", "srcset", "action", "onload"}]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: str) -> Strict:
    parser = Strict()
    parser.feed(page)
    parser.close()
    return parser


def test_the_page_is_well_formed_and_loads_nothing() -> None:
    page = html_page(EVIDENCE)
    parser = read(page)
    assert (parser.open, parser.loaded) == ([], [])
    assert not re.search(r"https?:|url\(|@import|<script", page)


def test_it_has_the_reason_the_figures_the_versions_and_the_commands() -> None:
    page = html_page(EVIDENCE)
    judged = EVIDENCE.judgement
    run = judged.bad_runs[0]
    for words in (
        judged.why,
        "<td>12/24</td>",
        "<td>2.0</td>",
        "<td>1.9</td>",
        run.replay,
        run.explain,
        "5 %",
    ):
        assert words in page
    assert "stable: 7" in page
    assert 'class="strong"' in page
    assert "1970-01-01 00:00:17 UTC" in page


def test_what_a_foreign_word_brings_is_text() -> None:
    run = replace(EVIDENCE.judgement.bad_runs[0], detail="<script>alert(1)</script>")
    judged = replace(EVIDENCE.judgement, why='<b>"x"</b>', bad_runs=(run,), unplaced={})
    page = html_page(replace(EVIDENCE, judgement=judged))
    assert "<script" not in page
    assert "<b>" not in page
    assert read(page).open == []


def test_a_judgement_without_tests_or_runs_has_a_page_too() -> None:
    judged = replace(EVIDENCE.judgement, tests=(), bad_runs=())
    assert read(html_page(replace(EVIDENCE, judgement=judged))).open == []


def test_the_table_has_a_row_for_each_test() -> None:
    head, rows = rows_of_tests(EVIDENCE.judgement)
    assert len(rows) == len(EVIDENCE.judgement.tests)
    assert {len(row) for row in rows} == {len(head)}
    assert rows[0][:4] == ("all", "success", "3/120", "12/24")


@pytest.mark.parametrize("at_ms", [0, 1_800_000_000_000])
def test_moments_are_told_in_utc(at_ms: int) -> None:
    assert " UTC" in html_page(replace(EVIDENCE, at_ms=at_ms))


def with_settings(stable: ChannelSettings, canary: ChannelSettings) -> Evidence:
    told = {"stable": stable, "canary": canary}
    channels = {name: replace(facts, settings=told[name]) for name, facts in EVIDENCE.channels.items()}
    return replace(EVIDENCE, channels=channels)


def test_the_settings_in_which_the_channels_differ_stand_apart_from_all_of_them() -> None:
    same: ChannelSettings = {"LEASE": ("5",)}
    evidence = with_settings(same | {"A": ("<1>", "2"), "OLD": ("",)}, same | {"A": ("2",)})
    page = html_page(evidence)
    assert read(page).open == []
    apart, every = page.split("<summary>All settings</summary>")
    assert "<td>A</td><td>&lt;1&gt; | 2</td><td>2</td>" in apart
    assert "<td>OLD</td><td>-</td><td>not known</td>" in apart
    assert ("<td>LEASE</td>" in apart, "<td>LEASE</td>" in every) == (False, True)


def test_a_channel_that_told_no_settings_is_not_compared() -> None:
    evidence = with_settings({"LEASE": ("5",)}, {})
    assert evidence.settings_apart == {}
    assert "cannot be compared" in html_page(evidence)


def test_the_page_shows_what_the_gateway_was_told() -> None:
    news = GatewayNews(
        number=4, release=EVIDENCE.release, at_ms=0, who="guard 1", stable=100, canary=0, fault="<away>"
    )
    page = html_page(EVIDENCE, [news])
    assert read(page).open == []
    assert "<h2>Gateway</h2>" in page
    assert "&lt;away&gt;" in page
    assert "Gateway" not in html_page(EVIDENCE)
