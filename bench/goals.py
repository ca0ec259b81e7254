"""The goals, each with the figure that it is judged by: as measured, in one run of the bench."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from loads import BURSTS, LOW, NON_STREAMING, PACED, SATURATED, Load
from memory import COUNTS
from results import Results, Sample, Spread
from targets import APART, DIRECT, LITELLM, NGINX, PORTKEY, PRODUCT, TWO

Series = list[float]
"""One figure per round."""


def _per_round(results: Results, load: Load, target: str) -> dict[int, Sample]:
    return {
        sample.round: sample
        for sample in results.samples
        if sample.load == load.name and sample.target == target
    }


def unit_cost(sample: Sample, load: Load) -> float | None:
    """CPU µs per chunk, or per request where answers are not streamed; None if nothing came whole."""
    units = sample.chunks if load.stream else sample.requests - sample.failed
    return sample.cpu_us / units if units else None


def _cpu_by_round(results: Results, load: Load, target: str) -> dict[int, float]:
    """A round in which nothing came whole has no figure."""
    return {
        number: cost
        for number, sample in _per_round(results, load, target).items()
        if (cost := unit_cost(sample, load)) is not None
    }


def cpu_per_unit(results: Results, load: Load, target: str) -> Series:
    """CPU µs per chunk, or per request where answers are not streamed."""
    return list(_cpu_by_round(results, load, target).values())


def ratios(results: Results, load: Load, of: str, to: str) -> Series:
    """CPU per unit of one target over another's, round by round."""
    mine, theirs = _cpu_by_round(results, load, of), _cpu_by_round(results, load, to)
    return [mine[number] / theirs[number] for number in mine if number in theirs]


def added(
    results: Results, load: Load, target: str, pick: Callable[[Sample], Spread | None], *, tail: bool = False
) -> Series:
    """Milliseconds that a target adds over direct, round by round: median over median, or p99 over p99."""
    through, straight = _per_round(results, load, target), _per_round(results, load, DIRECT)
    found = []
    for number in through.keys() & straight.keys():
        slow, fast = pick(through[number]), pick(straight[number])
        if slow and fast:
            found.append(((slow.p99 - fast.p99) if tail else (slow.p50 - fast.p50)) / 1000)
    return found


def added_mb(results: Results, target: str, count: int) -> Series:
    """MB over idle with so many streams held, by repetition."""
    return [
        (held.held_kb[count] - held.idle_kb) * 1024 / 1e6
        for held in results.held
        if held.target == target and count in held.held_kb
    ]


def not_whole(results: Results, load: Load, target: str) -> Series:
    """Streams that were refused or did not come whole, round by round."""
    return [float(sample.failed) for sample in _per_round(results, load, target).values()]


def first_bytes_ms(results: Results, load: Load, target: str) -> Series:
    """Milliseconds until all but a twentieth of a burst's streams had a byte, round by round."""
    reached = (sample.byte_p95_us for sample in _per_round(results, load, target).values())
    return [float("inf") if us is None else us / 1000 for us in reached]


def audit_rates(results: Results) -> Series:
    """Runs a second of whole `audit` commands over the largest store."""
    if not results.audits:
        return []
    largest = max(results.audits, key=lambda audit: audit.runs)
    return [largest.runs / seconds for seconds in largest.seconds]


def _turns(results: Results) -> Series:
    """Turns of the loop that a whole answer takes."""
    return [each.turns for each in results.steps if each.load == NON_STREAMING.name]


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of what must be reached."""

    says: str
    bound: float
    unit: str
    series: Callable[[Results], Series]
    at_least: bool = False
    pick: Callable[[Series], float] = median
    """Which figure of the rounds must keep the bound."""

    def met(self, results: Results) -> bool | None:
        """Whether the picked figure keeps the bound; None if it was not measured."""
        series = self.series(results)
        if not series:
            return None
        figure = self.pick(series)
        return figure >= self.bound if self.at_least else figure <= self.bound


def _first(sample: Sample) -> Spread | None:
    return sample.first_us


def _chunk(sample: Sample) -> Spread | None:
    return sample.chunk_us


def _timed(says: str, bound: float, load: Load, pick: Callable[[Sample], Spread | None]) -> Goal:
    return Goal(
        f"{load.name}: {says}, median over direct's",
        bound,
        "ms",
        lambda results: added(results, load, PRODUCT, pick),
    )


def _shape(says: str, shape: str, bound: float, load: Load) -> Goal:
    """What another shape of the product costs over `serve` with one process."""
    return Goal(
        f"{load.name}: CPU of {says} over serve's",
        bound,
        "x",
        lambda results: ratios(results, load, shape, PRODUCT),
    )


def _refusals(load: Load) -> Goal:
    """None in any round: one refused stream in the median's shadow is still a refused stream."""
    says = f"{load.name}: streams refused or not whole, in the worst round"
    return Goal(says, 0, "streams", lambda results: not_whole(results, load, PRODUCT), pick=max)


GOALS = (
    Goal("saturated: CPU per chunk over nginx's", 2.6, "x", lambda r: ratios(r, SATURATED, PRODUCT, NGINX)),
    Goal(
        "saturated: CPU per chunk over LiteLLM's",
        0.014,
        "x",
        lambda r: ratios(r, SATURATED, PRODUCT, LITELLM),
    ),
    Goal("paced: CPU per chunk over LiteLLM's", 0.2, "x", lambda r: ratios(r, PACED, PRODUCT, LITELLM)),
    Goal(
        "non-streaming: CPU per request over LiteLLM's",
        0.095,
        "x",
        lambda r: ratios(r, NON_STREAMING, PRODUCT, LITELLM),
    ),
    Goal(
        "non-streaming: CPU per request over Portkey's",
        0.45,
        "x",
        lambda r: ratios(r, NON_STREAMING, PRODUCT, PORTKEY),
    ),
    _timed("added time to first token", 1.2, LOW, _first),
    _timed("added time to first token", 1.8, PACED, _first),
    _timed("added delay per chunk", 0.5, LOW, _chunk),
    _timed("added delay per chunk", 0.5, PACED, _chunk),
    *(_shape("edge and worker", APART, 1.6, load) for load in (NON_STREAMING, PACED)),
    *(_shape("two processes", TWO, 1.15, load) for load in (NON_STREAMING, PACED)),
    Goal(f"{COUNTS[-1]:,} held streams over idle", 80, "MB", lambda r: added_mb(r, PRODUCT, COUNTS[-1])),
    *(_refusals(load) for load in BURSTS),
    Goal(
        "burst: first byte, p95 of the streams", 2500, "ms", lambda r: first_bytes_ms(r, BURSTS[0], PRODUCT)
    ),
    Goal("non-streaming, alone: turns of the loop a request", 8, "turns", _turns),
    Goal("audit", 50_000, "runs/s", audit_rates, at_least=True),
)
