"""The evidence of a rollback as an HTML page. One file: no script, no style sheet, no picture from elsewhere."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Final

from mix2api.release.evidence import Evidence
from mix2api.release.gateway import GatewayNews
from mix2api.release.judgement import Judgement
from mix2api.release.tested import Tested

STYLE: Final = (
    "body{font:15px/1.5 sans-serif;margin:2em auto;max-width:70em;padding:0 1em}"
    "table{border-collapse:collapse;margin:1em 0}th,td{border:1px solid #bbb;padding:.2em .6em;text-align:left}"
    "th{background:#eee}code{white-space:nowrap}.strong{background:#fdd}"
)
"""The page's own. A server that shows the page allows this style by its hash."""
_TESTS: Final = ("scope", "metric", "stable", "canary", "odds", "evidence", "weight")
_RUNS: Final = ("when", "cell", "end reason", "detail", "commands")
_STRONG: Final = 2.0
"""Powers of ten from which a test's row is marked: a hundred to one."""


def rows_of_tests(judged: Judgement) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    """All tests as a table: its head, and its rows."""
    return _TESTS, [_row(test) for test in judged.tests]


def html_page(evidence: Evidence, told: Sequence[GatewayNews] = ()) -> str:
    """The page.

    Args:
        evidence: what the guard knew.
        told: what became of telling the gateway, if there is one.
    """
    judged = evidence.judgement
    title = f"Release {evidence.release}: {judged.decision.value}"
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><h1>{escape(title)}</h1>",
            f"<p>{escape(judged.why)}</p>",
            _table(("", ""), _facts(evidence)),
            "<h2>Channels</h2>",
            _table(("channel", "versions", "processes", "shards"), _channels(evidence)),
            _gateway(told),
            _settings(evidence),
            "<h2>Tests</h2><p>Bad trials of all. Evidence is in powers of ten. Their average by weight decides.</p>",
            _table(_TESTS, map(_row, judged.tests), [test.evidence >= _STRONG for test in judged.tests]),
            "<h2>Turns of the canary that went wrong</h2>",
            _runs(judged),
            "</body></html>\n",
        ]
    )


def _facts(evidence: Evidence) -> list[tuple[str, str]]:
    judged = evidence.judgement
    unplaced = ", ".join(f"{channel}: {count}" for channel, count in judged.unplaced.items())
    return [
        ("evidence", f"10^{judged.evidence:g}; the guard rolls back at 10^{judged.needed:g}"),
        ("guard", evidence.guard),
        ("decided", _when(evidence.at_ms)),
        ("step began", _when(judged.since_ms)),
        ("judged up to", _when(judged.until_ms)),
        ("share of fresh sessions", f"{evidence.percent} %"),
        ("candidate", evidence.candidate),
        ("stable", evidence.stable),
        ("chance of a false alarm", f"{evidence.alpha:g} in a step and day"),
        ("resent turns left out", str(judged.repeats)),
        ("runs of an older version left out", unplaced or "0"),
        ("entries that cannot be read", str(judged.unreadable)),
    ]


def _channels(evidence: Evidence) -> list[tuple[str, ...]]:
    return [
        (name, ", ".join(facts.versions) or "-", str(facts.processes), str(facts.shards))
        for name, facts in evidence.channels.items()
    ]


def _gateway(told: Sequence[GatewayNews]) -> str:
    if not told:
        return ""
    rows = [(_when(one.at_ms), one.who, one.line) for one in told]
    return f"<h2>Gateway</h2>{_table(('when', 'by', 'outcome'), rows)}"


def _settings(evidence: Evidence) -> str:
    """The settings in which the channels differ, and all of both, folded away."""
    stable, canary = (evidence.channels[channel].settings for channel in ("stable", "canary"))
    if not stable or not canary:
        return (
            "<h2>Settings</h2><p>A channel without a process that tells its settings cannot be compared.</p>"
        )
    head = ("setting", "stable", "canary")
    apart = [
        (name, _values(ours), _values(theirs)) for name, (ours, theirs) in evidence.settings_apart.items()
    ]
    every = [
        (name, _values(stable.get(name, ())), _values(canary.get(name, ()))) for name in {**stable, **canary}
    ]
    return (
        f"<h2>Settings that differ</h2>{_table(head, apart)}"
        f"<details><summary>All settings</summary>{_table(head, every)}</details>"
    )


def _values(values: Sequence[str]) -> str:
    """Of a channel's processes; a setting without a value is a dash."""
    return " | ".join(value or "-" for value in values) or "not known"


def _row(test: Tested) -> tuple[str, ...]:
    return (
        test.scope,
        test.metric,
        f"{test.stable_bad}/{test.stable}",
        f"{test.canary_bad}/{test.canary}",
        f"{test.odds:g}",
        f"{test.evidence:+g}",
        f"{test.weight:.4f}",
    )


def _runs(judged: Judgement) -> str:
    rows = "".join(
        [
            f"<tr><td>{_when(run.at_ms)}</td>{_cells((run.cell, run.end_reason, run.detail or '-'))}"
            f"<td><code>{escape(run.explain)}</code><br><code>{escape(run.replay)}</code></td></tr>"
            for run in judged.bad_runs
        ]
    )
    return f"<table>{_head(_RUNS)}{rows}</table>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], strong: Sequence[bool] = ()) -> str:
    told = []
    for number, row in enumerate(rows):
        mark = ' class="strong"' if number < len(strong) and strong[number] else ""
        told.append(f"<tr{mark}>{_cells(row)}</tr>")
    return f"<table>{_head(head)}{''.join(told)}</table>"


def _head(names: Sequence[str]) -> str:
    return "<tr>" + "".join([f"<th>{escape(name)}</th>" for name in names]) + "</tr>"


def _cells(words: Iterable[str]) -> str:
    return "".join([f"<td>{escape(word)}</td>" for word in words])


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
