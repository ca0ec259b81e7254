"""`mix2api release simulate`: how soon the guard finds a regression on a day's traffic, and how often it is wrong."""

import argparse
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any, Final, TextIO

import msgspec
from attrs import asdict, frozen

from mix2api.cli.reading import read_store
from mix2api.cli.release_numbers import count_of, number_of, percent_of
from mix2api.cli.tables import print_table, stdout
from mix2api.errors import ConfigurationError
from mix2api.process.release_watching import add_entry
from mix2api.release.day import Day, synthetic
from mix2api.release.forecast import REGRESSIONS, FalseAlarms, Forecast, false_alarms, forecast
from mix2api.release.recorded_day import RecordedDay
from mix2api.release.settlement import Settlement
from mix2api.settings import Settings
from mix2api.settings.bounds import DAY_MS
from mix2api.store.store import Store

_MINUTE_MS: Final = 60_000
_EPILOG: Final = """\
The synthetic day: five cells of coding agents and a script, 0.5 % of turns go wrong (--baseline), one outage of ten minutes,
sessions of five turns (--turns). --recorded takes cells, rates, failures and first-token times of the last 24 hours instead.
Regressions of 0.5, 1, 2 and 5 points, and first tokens a fifth slower, begin with a step. Failed turns are resent five times.
found after: since the step, in half and in 95 of 100 plays. hit: turns that went wrong by the regression until then.
The same seed plays the same. A play of an hour takes about half a second of CPU, a day without a regression about four.
"""
COLUMNS: Final = ("share", "regression", "found", "found after", "in 95 of 100", "hit in 95 of 100")


@frozen(kw_only=True)
class SimulateQuery:
    """What was asked for."""

    recorded: bool = False
    rate: float | None = None
    """Turns a second; None: the day's own."""
    baseline: float = 0.005
    turns: float = 5.0
    shares: tuple[float, ...] = (0.05, 0.2, 0.5)
    runs: int = 20
    hours: float = 1.0
    days: int = 7
    seed: int = 1
    alpha: float = 0.001
    as_json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments."""
    known = SimulateQuery()
    parser.epilog, parser.formatter_class = _EPILOG, argparse.RawTextHelpFormatter
    parser.add_argument("--recorded", action="store_true", help="play on the last 24 hours of the audit")
    parser.add_argument("--rate", type=number_of(0.001, 100_000), help="turns a second (the day's own; 20)")
    parser.add_argument(
        "--baseline",
        type=percent_of(0.001, 50),
        default=known.baseline,
        help="%% of turns that go wrong (0.5)",
    )
    parser.add_argument(
        "--turns", type=number_of(1, 1_000), default=known.turns, help="turns of a session (5)"
    )
    parser.add_argument(
        "--share",
        type=percent_of(0.1, 99),
        action="append",
        dest="shares",
        help="%% of sessions for the canary; may be given several times (5, 20 and 50)",
    )
    parser.add_argument("--runs", type=count_of(1, 10_000), default=known.runs, help="plays of each row (20)")
    parser.add_argument("--hours", type=number_of(0.01, 24), default=known.hours, help="of a play (1)")
    parser.add_argument(
        "--days",
        type=count_of(0, 10_000),
        default=known.days,
        help="days without a regression, for each share (7)",
    )
    parser.add_argument("--seed", type=count_of(0, 2**31), default=known.seed, help="of the first play (1)")
    parser.add_argument(
        "--alpha", type=number_of(1e-9, 0.5), default=known.alpha, help="of the guard (0.001)"
    )
    parser.add_argument("--json", action="store_true", help="a JSON object for each row instead of a table")


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the action."""
    query = SimulateQuery(
        recorded=arguments.recorded,
        rate=arguments.rate,
        baseline=arguments.baseline,
        turns=arguments.turns,
        shares=tuple(arguments.shares or SimulateQuery().shares),
        runs=arguments.runs,
        hours=arguments.hours,
        days=arguments.days,
        seed=arguments.seed,
        alpha=arguments.alpha,
        as_json=arguments.json,
    )
    out = stdout()
    if query.recorded:
        return read_store(settings, "release", lambda store: simulate_recorded(store, query, out))
    simulate(synthetic(query.rate or 20.0, query.baseline, query.turns), query, out)
    return 0


async def simulate_recorded(store: Store, query: SimulateQuery, out: TextIO) -> int:
    """Plays on the last 24 hours.

    Raises:
        ConfigurationError: they have too few turns.
        StoreUnavailable: the store does not answer.
    """
    fold, now_ms = RecordedDay(), await store.audit.now_ms()
    since_ms, reached = now_ms - DAY_MS, dict[int, str]()
    settlement = Settlement(0)
    for end_ms in range(since_ms + _MINUTE_MS, now_ms + 1, _MINUTE_MS):
        async with aclosing(store.audit.read_on(since_ms, reached, newest_ms=end_ms)) as batches:
            async for batch in batches:
                for entry in batch:
                    add_entry(settlement, entry)
        settlement.drain_refused(end_ms)  # a day has turns alone
        for trial in settlement.drain(end_ms):
            fold.add(trial)
    try:
        day = fold.day()
    except ValueError as fault:
        raise ConfigurationError(str(fault)) from None
    simulate(day if query.rate is None else day.at_rate(query.rate), query, out)
    return 0


def simulate(day: Day, query: SimulateQuery, out: TextIO) -> None:
    """Plays, and prints each row as it is known."""
    told = f"{'the recorded' if query.recorded else 'the synthetic'} day at {day.rate:.3g} turns a second, alpha {query.alpha:g}"
    if not query.as_json:
        print(f"{told}; {query.runs} plays a row, seed {query.seed}", file=out, flush=True)
    rows = list(_forecasts(day, query, out))
    if not query.as_json:
        print_table(COLUMNS, rows, out)
    for share in query.shares if query.days else ():
        days = range(query.seed, query.seed + query.days)
        say_alarms(share, false_alarms(day, share, query.alpha, days), query, out)


def _forecasts(day: Day, query: SimulateQuery, out: TextIO) -> Iterator[tuple[str, ...]]:
    seeds = range(query.seed, query.seed + query.runs)
    for share in query.shares:
        for regression in REGRESSIONS:
            found = forecast(day, share, regression, query.alpha, seeds, query.hours * 3_600)
            if query.as_json:
                print(msgspec.json.encode(asdict(found)).decode(), file=out, flush=True)
            else:
                yield row_of(found)


def row_of(found: Forecast) -> tuple[str, ...]:
    """A row of the table."""
    regression = "first token +20 %" if found.slower else f"{100 * found.points:g} points"
    return (
        f"{100 * found.share:g} %",
        regression,
        f"{found.found}/{found.runs}",
        _time(found.median_s),
        _time(found.most_s),
        "-" if found.slower else str(found.hit),
    )


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.0f} s"


def say_alarms(share: float, alarms: FalseAlarms, query: SimulateQuery, out: TextIO) -> None:
    """Prints how often the guard was wrong at a share."""
    if query.as_json:
        told: dict[str, Any] = {"share": share, **asdict(alarms), "false_alarms_a_week": alarms.a_week}
        print(msgspec.json.encode(told).decode(), file=out, flush=True)
        return
    line = (
        f"without a regression at {100 * share:g} %: {alarms.alarms} of {alarms.days} days had a false alarm"
    )
    print(f"{line}, {alarms.a_week:.2f} a week", file=out, flush=True)
