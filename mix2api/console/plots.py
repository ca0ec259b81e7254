"""Plots as SVG: figures in, text out. Pure. They are complete without script; colours come from the style sheet, by class.

Every bar links to the runs that it counts. What is put into the text is numbers, words of closed lists, and texts that are escaped.
"""

from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen
from markupsafe import Markup, escape

from mix2api.endings import ENDINGS
from mix2api.projections.run_series import SHARES, Span
from mix2api.projections.silence import Ledger
from mix2api.vocabulary import EndReason

_WIDTH: Final = 720
_HEIGHT: Final = 160
"""Of the picture's own axis: the style sheet stretches it. So labels stand beside the picture, and not in it."""
_SPARK_HEIGHT: Final = 36
_BAR_HEIGHT: Final = 24
_TICKS: Final = 4
"""Labels of the time axis: as many as a phone has room for."""
_REASONS: Final = tuple(reason.value for reason in EndReason)
"""From the bottom of a bar to its top: successes first, so that failures stand on an even ground of their own."""

Link = Callable[[int, int, str | None], str]
"""The page of the runs between two times, of one reason if one is given."""


@frozen(kw_only=True)
class Texts:
    """What a plot says in words, in the reader's language."""

    title: str
    """Read out in place of the picture."""
    empty: str
    word: Callable[[str], str] = str
    """Of a key such as `owner.site` or `waiting.slot`."""


def fault_class(reason: str) -> str:
    """The style class of a reason: whose doing it was."""
    return f"f-{ENDINGS[EndReason(reason)].fault.value}"


def stacked(spans: Sequence[Span], link: Link, texts: Texts) -> Markup:
    """Ended runs of each span as a bar, by their reasons."""
    most = max((span.runs for span in spans), default=0)
    if not most:
        return _empty(texts)
    width = _WIDTH / len(spans)
    parts = []
    for place, span in enumerate(spans):
        below = 0
        for reason in _REASONS:
            count = span.by_reason.get(reason, 0)
            if not count:
                continue
            top, height = _y(below + count, most), _HEIGHT * count / most
            box = f'x="{place * width:.1f}" y="{top:.1f}" width="{max(1.0, width - 1):.1f}" height="{height:.1f}"'
            parts.append(
                f'<a href="{escape(link(span.from_ms, span.to_ms, reason))}" aria-label="{reason}: {count}">'
                f'<rect class="{fault_class(reason)} r-{reason}" {box}><title>{reason}: {count}</title></rect></a>'
            )
            below += count
    return _chart(_framed(parts, texts, spans, _HEIGHT), spans, _short(most))


def lines(spans: Sequence[Span], times: Callable[[Span], tuple[float | None, ...]], texts: Texts) -> Markup:
    """Percentiles of a time, a line each."""
    most = max((ms for span in spans for ms in times(span) if ms is not None), default=0.0)
    if not most:
        return _empty(texts)
    width = _WIDTH / len(spans)
    parts = []
    for rank, share in enumerate(SHARES):
        name = f"p{share * 100:.0f}"
        for run in _runs_of([times(span)[rank] for span in spans]):
            # A span alone is drawn as wide as it is: a single point would be lost.
            ends = [(place + end, ms) for place, ms in run for end in (0.1, 0.9)] if len(run) == 1 else None
            points = ends or [(place + 0.5, ms) for place, ms in run]
            said = " ".join(f"{place * width:.1f},{_y(ms, most):.1f}" for place, ms in points)
            parts.append(f'<polyline class="line {name}" points="{said}"><title>{name}</title></polyline>')
    return _chart(_framed(parts, texts, spans, _HEIGHT), spans, duration(most))


def sparkline(spans: Sequence[Span], link: Link, texts: Texts) -> Markup:
    """Failed runs above all runs, small: it stands over lists."""
    most = max((span.runs for span in spans), default=0)
    if not most:
        return _empty(texts)
    width = _WIDTH / len(spans)
    parts = []
    for place, span in enumerate(spans):
        if not span.runs:
            continue
        height, failed = (_SPARK_HEIGHT * count / most for count in (span.runs, span.failed))
        x, wide = f"{place * width:.1f}", f"{max(1.0, width - 1):.1f}"
        parts.append(
            f'<a href="{escape(link(span.from_ms, span.to_ms, None))}" aria-label="{span.failed}/{span.runs}">'
            f'<rect class="f-nobody" x="{x}" y="{_SPARK_HEIGHT - height:.1f}" width="{wide}" height="{height:.1f}"/>'
            f'<rect class="f-mix2api" x="{x}" y="{_SPARK_HEIGHT - failed:.1f}" width="{wide}" height="{failed:.1f}"/>'
            f"<title>{span.failed}/{span.runs}</title></a>"
        )
    return _framed(parts, texts, spans, _SPARK_HEIGHT)


def ledger_bar(ledger: Ledger, texts: Texts) -> Markup:
    """Whose the wall time was, as one bar."""
    if not ledger.wall_ms:
        return _empty(texts)
    parts, left = [], 0.0
    for owner, ms in ledger.by_owner.items():
        width = _WIDTH * ms / ledger.wall_ms
        if ms:
            parts.append(
                f'<rect class="o-{owner.value}" x="{left:.1f}" y="0" width="{width:.1f}" height="{_BAR_HEIGHT}">'
                f"<title>{escape(texts.word(f'owner.{owner.value}'))}: {ms} ms</title></rect>"
            )
        left += width
    return _framed(parts, texts, (), _BAR_HEIGHT)


def time_line(ledger: Ledger, texts: Texts) -> Markup:
    """When the long gaps were, in the course of the request: the short ones between them are left blank."""
    if not ledger.wall_ms:
        return _empty(texts)
    parts = []
    for gap in ledger.gaps:
        said = ": ".join(map(texts.word, (f"owner.{gap.owner.value}", f"waiting.{gap.what.name.lower()}")))
        left, width = (_WIDTH * ms / ledger.wall_ms for ms in (gap.from_ms, gap.ms))
        parts.append(
            f'<rect class="o-{gap.owner.value}" x="{left:.1f}" y="0" width="{max(1.0, width):.1f}" height="{_BAR_HEIGHT}">'
            f"<title>+{gap.from_ms} ms, {gap.ms} ms, {escape(said)}</title></rect>"
        )
    return _framed(parts, texts, (), _BAR_HEIGHT)


def duration(ms: float) -> str:
    """A time as a person reads it: `840 ms`, `2.5 s`, `3 min`."""
    if ms < 1000:  # noqa: PLR2004 - a second
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 120_000 else f"{ms / 60_000:.0f} min"  # noqa: PLR2004 - two minutes


def _runs_of(values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """Values without a gap between them, with their places: a line is not drawn over spans without figures."""
    found: list[list[tuple[int, float]]] = []
    before: float | None = None
    for place, value in enumerate(values):
        if value is not None:
            if before is None:
                found.append([])
            found[-1].append((place, value))
        before = value
    return found


def _y(value: float, most: float) -> float:
    return _HEIGHT * (1 - value / most)


def clock_word(at_ms: int) -> str:
    """The time of day, UTC."""
    minutes = at_ms // 60_000
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def _short(count: float) -> str:
    return f"{count / 1000:.1f}k" if count >= 10_000 else f"{count:.0f}"  # noqa: PLR2004 - as wide as fits


def _chart(picture: Markup, spans: Sequence[Span], most: str) -> Markup:
    """A picture with its labels: the largest value, and the times."""
    step = max(1, len(spans) // _TICKS)
    clocks = [
        Markup('<span data-clock="{}">{}</span>').format(span.from_ms, clock_word(span.from_ms))
        for span in spans[::step]
    ]
    return Markup(
        '<div class="chart"><span class="most">{}</span>{}<div class="clock">{}</div></div>'
    ).format(most, picture, Markup("").join(clocks))


def _framed(parts: Sequence[str], texts: Texts, spans: Sequence[Span], height: int) -> Markup:
    reach = f' data-from="{spans[0].from_ms}" data-to="{spans[-1].to_ms}"' if spans else ""
    role = "group" if any(part.startswith("<a ") for part in parts) else "img"
    return Markup(  # noqa: S704 - made of numbers, closed words and escaped texts, see the module's head
        f'<svg class="plot h{height}" viewBox="0 0 {_WIDTH} {height}" role="{role}" aria-label="{escape(texts.title)}" '
        f'preserveAspectRatio="none"{reach}>{"".join(parts)}</svg>'
    )


def _empty(texts: Texts) -> Markup:
    return Markup('<p class="empty">{}</p>').format(texts.empty)
