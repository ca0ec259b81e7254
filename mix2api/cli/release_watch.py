"""`mix2api release watch`: the guard of a release. It compares both channels, and takes a canary that is worse back to 0 %."""

import argparse
import sys
from functools import partial
from typing import Final, TextIO

import msgspec
import trio
from attrs import frozen

from mix2api.cli.durations import duration_ms
from mix2api.cli.reading import read_store
from mix2api.cli.release_numbers import number_of, percent_of
from mix2api.cli.tables import print_table, stdout
from mix2api.errors import StoreUnavailable
from mix2api.process.gateway_following import GatewayFollowing, gateway_following
from mix2api.process.release_watching import LOOK_S, ReleaseWatch, WatchedStep
from mix2api.release.guard import Policy
from mix2api.release.guard_beat import Decision
from mix2api.release.judgement import Judgement
from mix2api.settings import NewApiGateway, Settings
from mix2api.store.store import Store

_EXIT: Final = {Decision.GO_ON: 0, Decision.ROLL_BACK: 1, Decision.WAIT: 4}
_SHOWN: Final = 8
"""Tests in a table: the strongest. `--json` has all."""
_AGAIN_S: Final = 1.0
"""After a look that Redis did not answer."""
_EPILOG: Final = """\
Without --once it stays, looks every 5 s, and is the guard: it beats, so that steps may go forward, and rolls back.
Of several guards one acts. With --once it looks once and changes nothing.
evidence: powers of ten; at 3 the guard rolls back. A test alone needs 3 and what its weight lacks.
Exit codes of --once: 0 the release may go on, 1 it is to be rolled back, 2 wrong arguments or settings, 4 wait.
"""


@frozen(kw_only=True)
class WatchQuery:
    """What was asked for."""

    once: bool = False
    as_json: bool = False
    window_ms: int | None = None
    """How long ago the step began; None: as the release says."""
    alpha: float = Policy().alpha
    points: float | None = None
    """Share of turns; None: those of the step."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the action's arguments."""
    parser.epilog, parser.formatter_class = _EPILOG, argparse.RawTextHelpFormatter
    parser.add_argument("--once", action="store_true", help="look once, and change nothing")
    parser.add_argument("--json", action="store_true", help="one JSON object a look")
    parser.add_argument(
        "--since",
        type=duration_ms,
        metavar="DURATION",
        help="with --once: judge as if the step had begun so long ago, like 15m",
    )
    parser.add_argument(
        "--alpha",
        type=number_of(1e-9, 0.5),
        default=Policy().alpha,
        help="chance of a false alarm in a step (0.001)",
    )
    parser.add_argument(
        "--points",
        type=percent_of(0.01, 50),
        help="percentage points that must be ruled out before a step (5 up to 5 %%, 2 up to 20 %%, then 1)",
    )


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Runs the action."""
    query = WatchQuery(
        once=arguments.once,
        as_json=arguments.json,
        window_ms=arguments.since,
        alpha=arguments.alpha,
        points=arguments.points,
    )
    if query.window_ms is not None and not query.once:
        print("mix2api: --since needs --once: a guard judges the step that stands", file=sys.stderr)
        return 2
    return read_store(settings, "release", partial(_with_gateway, settings.new_api, query))


async def _with_gateway(group: NewApiGateway, query: WatchQuery, store: Store) -> int:
    async with gateway_following(store, group) as gateway:
        return await watch(store, query, stdout(), gateway)


async def watch(store: Store, query: WatchQuery, out: TextIO, gateway: GatewayFollowing | None = None) -> int:
    """Looks once and gives the exit code, or looks until it is interrupted.

    Args:
        store: where everything rests.
        query: what was asked for.
        out: where to print.
        gateway: follows the release; None: there is none.

    Raises:
        StoreUnavailable: the store does not answer, with `--once`. A guard that stays tries again.
    """
    watching = ReleaseWatch(store, _name(store), Policy(alpha=query.alpha), query.points, gateway)
    if not query.once:
        await _stay(watching, query, out)
    if query.window_ms is not None:
        return await _judge_window(store, query, query.window_ms, out)
    look = await watching.look()
    _print(look.judgement, look.decision, look.why, query, out)
    return _EXIT[look.decision]


def _name(store: Store) -> str:
    return f"guard-{store.process.removeprefix('p_')}"


async def _judge_window(store: Store, query: WatchQuery, window_ms: int, out: TextIO) -> int:
    policy = (
        Policy(alpha=query.alpha) if query.points is None else Policy(alpha=query.alpha, points=query.points)
    )
    now_ms = await store.audit.now_ms()
    step = WatchedStep(store.audit, now_ms - window_ms, policy)
    await step.advance(now_ms)
    judged = step.judgement()
    _print(judged, judged.decision, judged.why, query, out)
    return _EXIT[judged.decision]


async def _stay(watching: ReleaseWatch, query: WatchQuery, out: TextIO) -> None:
    """The guard's loop."""
    said = ""
    while True:
        try:
            look = await watching.look()
            sits = await watching.act(look)
        except StoreUnavailable as fault:
            print(f"mix2api: {fault}; the guard looks again", file=sys.stderr)
            await trio.sleep(_AGAIN_S)
            continue
        line = f"{look.decision}: {look.why}" if sits else "another guard has the seat; this one stands by"
        if sits and watching.gateway_news is not None:
            line = f"{line}; {watching.gateway_news.line}"
        if query.as_json:
            _print(look.judgement, look.decision, look.why, query, out)
        elif line != said:
            print(line, file=out, flush=True)
        said = line
        await trio.sleep(LOOK_S)


def _print(judged: Judgement | None, decision: Decision, why: str, query: WatchQuery, out: TextIO) -> None:
    if query.as_json:
        told = {"decision": decision.value, "why": why} if judged is None else judged
        print(msgspec.json.encode(told).decode(), file=out, flush=True)
        return
    if judged is not None:
        _print_tests(judged, out)
    print(f"{decision}: {why}", file=out)


def _print_tests(judged: Judgement, out: TextIO) -> None:
    rows = [
        (
            test.scope,
            test.metric,
            f"{test.stable_bad}/{test.stable}",
            f"{test.canary_bad}/{test.canary}",
            f"{test.evidence:+.1f}",
        )
        for test in judged.tests[:_SHOWN]
    ]
    print_table(("scope", "metric", "stable", "canary", "evidence"), rows, out)
    print(file=out)
    for channel, runs in judged.unplaced.items():
        print(f"{channel}: {runs} runs of a version that cannot be compared", file=out)
    print(f"evidence of all tests: {judged.evidence:+.1f} of {judged.needed:.1f}", file=out)
