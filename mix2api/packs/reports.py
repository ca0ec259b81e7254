"""What became of the cases: as lines of text, a page of HTML, JUnit's XML, and JSON. Pure."""

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, Final
from xml.sax.saxutils import escape as xml_text
from xml.sax.saxutils import quoteattr

from mix2api.packs.case import PACK_TITLES, Pack
from mix2api.packs.running import Outcome, Result

_MARKS: Final = {Outcome.PASSED: "ok", Outcome.FAILED: "FAILED", Outcome.SKIPPED: "skipped"}
_STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}"
    "td,th{border:1px solid #ddd;padding:.3rem .5rem;text-align:left;vertical-align:top}"
    "table{border-collapse:collapse;width:100%}.failed{background:#fdd}.skipped{color:#777}"
)


def lines_of(result: Result) -> Iterator[str]:
    """One case: its verdict, then what it saw, then why."""
    yield f"{_MARKS[result.outcome]:<8} {result.case.id:<14} {result.case.title}"
    for saw, request_id in zip(result.saw, result.request_ids, strict=True):
        yield f"         saw {saw}  [{request_id}]"
    for complaint in result.complaints:
        yield f"         {complaint}"


def total_of(results: Sequence[Result]) -> str:
    """All in one line."""
    counts = counts_of(results)
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"


def counts_of(results: Sequence[Result]) -> dict[str, int]:
    """Outcome -> how many."""
    found = Counter(result.outcome.value for result in results)
    return {outcome.value: found[outcome.value] for outcome in Outcome}


def facts_of(result: Result) -> dict[str, Any]:
    """One case, for JSON."""
    return {
        "case": result.case.id,
        "title": result.case.title,
        "outcome": result.outcome.value,
        "saw": list(result.saw),
        "complaints": list(result.complaints),
        "request_ids": list(result.request_ids),
        "total_ms": result.total_ms,
    }


def html_of(results: Sequence[Result], title: str) -> str:
    """A page of its own, without scripts."""
    rows = "".join(
        f'<tr class="{result.outcome}"><td>{escape(result.case.id)}</td><td>{escape(result.case.title)}</td>'
        f"<td>{result.outcome}</td><td>{_list(result.saw)}</td><td>{_list(result.complaints)}</td></tr>"
        for result in results
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1><p>{total_of(results)}</p>"
        "<table><tr><th>case</th><th>what holds if it passes</th><th>outcome</th><th>saw</th><th>why</th></tr>"
        f"{rows}</table></body></html>\n"
    )


def _list(lines: Sequence[str]) -> str:
    return "<br>".join(map(escape, lines))


def junit_of(results: Sequence[Result]) -> str:
    """JUnit's XML: one suite a pack."""
    suites = "".join(_suite(pack, [each for each in results if each.case.pack is pack]) for pack in Pack)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>{suites}</testsuites>\n'


def _suite(pack: Pack, results: Sequence[Result]) -> str:
    if not results:
        return ""
    counts = counts_of(results)
    cases = "".join(_testcase(result) for result in results)
    return (
        f'<testsuite name={quoteattr(f"{pack.value} {PACK_TITLES[pack]}")} tests="{len(results)}" '
        f'failures="{counts["failed"]}" skipped="{counts["skipped"]}">{cases}</testsuite>'
    )


def _testcase(result: Result) -> str:
    why = "; ".join(result.complaints)
    inside = {
        Outcome.PASSED: "",
        Outcome.FAILED: f"<failure message={quoteattr(why)}/>",
        Outcome.SKIPPED: f"<skipped message={quoteattr(why)}/>",
    }[result.outcome]
    return (
        f"<testcase classname={quoteattr(f'packs.{result.case.pack}')} name={quoteattr(result.case.id)} "
        f'time="{result.total_ms / 1000:.3f}">{inside}<system-out>{xml_text(chr(10).join(result.saw))}</system-out>'
        "</testcase>"
    )
