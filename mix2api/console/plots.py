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
_HEIGHT: Final = 180
_LEFT: Final = 44
"""Room for the numbers of the vertical axis."""
_BOTTOM: Final = 22
_TOP: Final = 8
_SPARK_WIDTH: Final = 720
_SPARK_HEIGHT: Final = 36
_TICKS: Final = 6
"""Labels of the time axis."""
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


def fault_class(reason: str) -> str:
    """The style class of a reason: whose doing it was."""
    return f"f-{ENDINGS[EndReason(reason)].fault.value}"


def stacked(spans: Sequence[Span], link: Link, texts: Texts) -> Markup:
    """Ended runs of each span as a bar, by their reasons."""
    most = max((span.runs for span in spans), default=0)
    if not most:
        return _empty(texts)
    width = (_WIDTH - _LEFT) / len(spans)
    parts = [_axis(spans, most, str)]
    for place, span in enumerate(spans):
        left, below = _LEFT + place * width, 0
        for reason in _REASONS:
            count = span.by_reason.get(reason, 0)
            if not count:
                continue
            top = _y(below + count, most)
            box = f'x="{left:.1f}" y="{top:.1f}" width="{max(1.0, width - 1):.1f}" height="{_y(below, most) - top:.1f}"'
            parts.append(
                f'<a href="{escape(link(span.from_ms, span.to_ms, reason))}">'
                f'<rect class="{fault_class(reason)} r-{reason}" {box}><title>{reason}: {count}</title></rect></a>'
            )
            below += count
    return _svg(parts, texts, spans)


def lines(spans: Sequence[Span], times: Callable[[Span], tuple[float | None, ...]], texts: Texts) -> Markup:
    """Percentiles of a time, a line each."""
    most = max((ms for span in spans for ms in times(span) if ms is not None), default=0.0)
    if not most:
        return _empty(texts)
    width = (_WIDTH - _LEFT) / len(spans)
    parts = [_axis(spans, most, duration)]
    for rank, share in enumerate(SHARES):
        name = f"p{share * 100:.0f}"
        for run in _runs_of([times(span)[rank] for span in spans]):
            points = " ".join(f"{_LEFT + (place + 0.5) * width:.1f},{_y(ms, most):.1f}" for place, ms in run)
            shape = "polyline" if len(run) > 1 else "circle"
            where = (
                f'points="{points}"' if len(run) > 1 else 'cx="{}" cy="{}" r="2"'.format(*points.split(","))
            )
            parts.append(f'<{shape} class="line {name}" {where}><title>{name}</title></{shape}>')
    return _svg(parts, texts, spans)


def sparkline(spans: Sequence[Span], link: Link, texts: Texts) -> Markup:
    """Failed runs above all runs, small: it stands over lists."""
    most = max((span.runs for span in spans), default=0)
    if not most:
        return _empty(texts)
    width = _SPARK_WIDTH / len(spans)
    parts = []
    for place, span in enumerate(spans):
        if not span.runs:
            continue
        height, failed = (_SPARK_HEIGHT * count / most for count in (span.runs, span.failed))
        x, wide = f"{place * width:.1f}", f"{max(1.0, width - 1):.1f}"
        parts.append(
            f'<a href="{escape(link(span.from_ms, span.to_ms, None))}">'
            f'<rect class="f-nobody" x="{x}" y="{_SPARK_HEIGHT - height:.1f}" width="{wide}" height="{height:.1f}"/>'
            f'<rect class="f-mix2api" x="{x}" y="{_SPARK_HEIGHT - failed:.1f}" width="{wide}" height="{failed:.1f}"/>'
            f"<title>{span.failed}/{span.runs}</title></a>"
        )
    return _framed(parts, texts, spans, _SPARK_WIDTH, _SPARK_HEIGHT)


def ledger_bar(ledger: Ledger, texts: Texts) -> Markup:
    """Whose the wall time was, as one bar."""
    if not ledger.wall_ms:
        return _empty(texts)
    parts, left = [], 0.0
    for owner, ms in ledger.by_owner.items():
        width = _WIDTH * ms / ledger.wall_ms
        if ms:
            parts.append(
                f'<rect class="o-{owner.value}" x="{left:.1f}" y="0" width="{width:.1f}" height="24">'
                f"<title>{owner.value}: {ms} ms</title></rect>"
            )
        left += width
    return _framed(parts, texts, (), _WIDTH, 24)


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
    return _TOP + (_HEIGHT - _BOTTOM - _TOP) * (1 - value / most)


def _axis(spans: Sequence[Span], most: float, say: Callable[[float], str]) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _y(share * most, most)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH}" y1="{y:.1f}" y2="{y:.1f}"/>')
        said = escape(_short(share * most) if say is str else say(share * most))
        parts.append(f'<text class="tick" x="{_LEFT - 4}" y="{y + 4:.1f}" text-anchor="end">{said}</text>')
    width = (_WIDTH - _LEFT) / len(spans)
    for place in range(0, len(spans), max(1, len(spans) // _TICKS)):
        at_ms = spans[place].from_ms
        parts.append(
            f'<text class="tick" x="{_LEFT + place * width:.1f}" y="{_HEIGHT - 6}" data-clock="{at_ms}">{clock_word(at_ms)}</text>'
        )
    return "".join(parts)


def clock_word(at_ms: int) -> str:
    """The time of day, UTC."""
    minutes = at_ms // 60_000
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def _short(count: float) -> str:
    return f"{count / 1000:.1f}k" if count >= 10_000 else f"{count:.0f}"  # noqa: PLR2004 - as wide as fits


def _svg(parts: Sequence[str], texts: Texts, spans: Sequence[Span]) -> Markup:
    return _framed(parts, texts, spans, _WIDTH, _HEIGHT)


def _framed(parts: Sequence[str], texts: Texts, spans: Sequence[Span], width: int, height: int) -> Markup:
    reach = f' data-from="{spans[0].from_ms}" data-to="{spans[-1].to_ms}"' if spans else ""
    left = _LEFT if height == _HEIGHT else 0
    return Markup(  # noqa: S704 - made of numbers, closed words and escaped texts, see the module's head
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="img" preserveAspectRatio="none" data-left="{left}"{reach}>'
        f"<title>{escape(texts.title)}</title>{''.join(parts)}</svg>"
    )


def _empty(texts: Texts) -> Markup:
    return Markup('<p class="empty">{}</p>').format(texts.empty)
