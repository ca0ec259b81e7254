"""The text that Prometheus reads. Every label is of a closed list, so there are 5,000 series at most, whatever clients send.

The format is Prometheus's text format 0.0.4. Values of labels are words of ours, which need no escapes. The lines are written
here: `prometheus_client` takes ten times as long for them (ADR 45), and is what the tests read them with.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from mix2api.metrics.readings import Readings
from mix2api.projections.traffic import SECONDS, Caller, Cell, Histogram, TokenCell, Traffic

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "mix2api_"
_BOUNDS: Final = (*map(str, SECONDS), "+Inf")
_GAUGES: Final = (
    ("streams_open", "answers under way at the edge"),
    ("runs", "turns that run in the worker"),
    ("runtime_runs", "runs that have a session in a runtime"),
    ("queued", "turns that wait for a slot"),
    ("spooled", "entries that wait to be written to Redis"),
    ("leases_held", "shards that this process owns"),
    ("shards_without_owner", "shards that nobody owns"),
    ("store_is_down", "1 while Redis does not answer"),
    ("loop_lag_max_s", "the longest time since the last scrape that the event loop was late by"),
)
_COUNTERS: Final = (
    ("loop_lag_s", "all times that the event loop was late by, in seconds"),
    ("dropped", "appends that never reached Redis"),
    ("forgotten", "appends fenced because Redis had lost confirmed events before them"),
    ("schema_fallbacks", "sessions begun anew because their log cannot be read"),
    ("model_fallbacks", "models met for the first time that have no profile"),
    ("damage", "damaged entries and keys in Redis"),
)


def exposition(traffic: Traffic, readings: Readings | None = None) -> bytes:
    """The text.

    Args:
        traffic: of finished requests.
        readings: of the process. None: the figures are the audit stream's.
    """
    lines = [*_traffic(traffic)]
    if readings is not None:
        lines += _readings(readings)
    return ("\n".join(lines) + "\n").encode()


def _traffic(traffic: Traffic) -> Iterator[str]:
    requests = sorted(traffic.requests.items())
    yield from _family(
        "requests_total", "counter", "finished requests, refused ones included", Cell._fields, requests
    )
    for name, told, histograms in (
        ("first_token_seconds", "until the first output", traffic.first_token),
        ("longest_gap_seconds", "the longest silence between two pieces of an answer", traffic.longest_gap),
        ("run_seconds", "from the moment at which a session takes a turn up to its end", traffic.total),
    ):
        yield from _histogram(name, told, histograms)
    for name, told in (
        ("asked", "runs that ended in tool_calls"),
        ("answered", "runs that brought tool results"),
        ("closed", "runs that brought tool results and ended well"),
    ):
        yield from _by_client(f"tool_loops_{name}_total", told, name, traffic.loops)
    for name, told in (
        ("counted", "runs that were counted before they were sent"),
        ("trimmed", "of these: the history was trimmed"),
        ("rolled_over", "of these: the run went to a fresh session, because its own was too full"),
        ("refused", "of these: the turn did not fit, even trimmed"),
    ):
        yield from _by_client(f"budget_{name}_total", told, name, traffic.budgets)
    tokens, spent = "tokens of answers' usages, by whose figures they are", sorted(traffic.tokens.items())
    yield from _family("tokens_total", "counter", tokens, TokenCell._fields, spent)
    ran = "tools that runtimes ran by themselves"
    yield from _single("runtime_tools_total", "counter", ran, traffic.runtime_tools)
    unreadable = "audit entries that cannot be read"
    yield from _single("unreadable_entries_total", "counter", unreadable, traffic.unreadable)


def _head(name: str, kind: str, told: str) -> Iterator[str]:
    yield f"# HELP {_PREFIX}{name} {told}"
    yield f"# TYPE {_PREFIX}{name} {kind}"


def _family(
    name: str,
    kind: str,
    told: str,
    labels: Sequence[str],
    samples: Iterable[tuple[Sequence[str], float]],
) -> Iterator[str]:
    yield from _head(name, kind, told)
    form = ",".join(f'{label}="%s"' for label in labels)
    for values, count in samples:
        yield f"{_PREFIX}{name}{{{form % tuple(values)}}} {count}"


def _single(name: str, kind: str, told: str, value: float) -> Iterator[str]:
    yield from _head(name, kind, told)
    yield f"{_PREFIX}{name} {value}"


def _histogram(name: str, told: str, histograms: Mapping[Caller, Histogram]) -> Iterator[str]:
    yield from _head(name, "histogram", told)
    for caller, histogram in sorted(histograms.items()):
        labels, below = f'client="{caller.client}",stream="{caller.stream}"', 0
        for bound, count in zip(_BOUNDS, histogram.counts, strict=True):
            below += count
            yield f'{_PREFIX}{name}_bucket{{{labels},le="{bound}"}} {below}'
        yield f"{_PREFIX}{name}_sum{{{labels}}} {histogram.total_ms / 1000}"
        yield f"{_PREFIX}{name}_count{{{labels}}} {below}"


def _by_client(name: str, told: str, field: str, counts: Mapping[str, object]) -> Iterator[str]:
    samples = [((client,), getattr(each, field)) for client, each in sorted(counts.items())]
    return _family(name, "counter", told, ("client",), samples)


def _readings(readings: Readings) -> Iterator[str]:
    for name, told in _GAUGES:
        value = getattr(readings, name)
        if value is not None:
            yield from _single(_named(name), "gauge", told, float(value))
    for name, told in _COUNTERS:
        yield from _single(f"{_named(name)}_total", "counter", told, getattr(readings, name))
    logins = [((outcome,), count) for outcome, count in sorted(readings.logins.items())]
    yield from _family("logins_total", "counter", "fetched credentials by outcome", ("outcome",), logins)
    sessions = sorted(readings.sessions.items())
    told = "accepted runs by session resolution"
    yield from _family("sessions_total", "counter", told, ("resolution", "reason"), sessions)


def _named(reading: str) -> str:
    """Prometheus's name: units are written out."""
    return reading.removesuffix("_s") + "_seconds" if reading.endswith("_s") else reading
