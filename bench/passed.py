"""What a chunk costs that is passed through, beside one of the `mix` site: CPU of one process and its store.

    python bench/passed.py [--rounds N] [--only LOAD] [--against COMMIT]

All servers stand side by side over one mock, one for each kind of upstream, and are loaded in turn; each round begins with
another one. A figure is the median over rounds with the lowest and highest. A ratio has both of its sides from one round. With
`--against` each kind runs twice, as it stands in the work tree and as it was at the commit, and the ratios of the two follow.
Nothing is written; tables go to the screen.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from builds import new_build, old_build
from loads import MANY, PACED, SATURATED, Dialect, Load
from pairs import NEW, OLD
from peers.product import Build, serving
from rounds import measure, warm_up
from targets import Target, mock_upstream

_MIX = "mix"
_LOADS = {load.name: load for load in (SATURATED, PACED, MANY)}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of upstream with a wire of the mock."""

    name: str
    upstream: str
    path: str = ""
    """Of its base URL."""
    dialect: Dialect = Dialect.CHAT
    """Of its clients."""
    repeats: int = 1
    """How often a client is told a text: in Responses the last four events have them all once more, unless the mock writes them."""


_KINDS = (
    Kind(_MIX, _MIX),
    Kind("mix in Responses", _MIX, dialect=Dialect.RESPONSES, repeats=5),
    Kind("openai", "openai"),
    Kind("openai, padded", "openai", "/padded"),
    Kind("responses", "responses", dialect=Dialect.RESPONSES),
    Kind("responses in chat", "responses"),
)
_BASES = {Dialect.CHAT: _MIX, Dialect.RESPONSES: "mix in Responses"}
"""What a kind is compared with, by what its clients speak."""


def _started(stack: ExitStack, build: Build, kind: Kind, mock_port: int, work: Path) -> Target:
    settings = {
        **build.settings,
        "MIX2API_UPSTREAM": kind.upstream,
        "UPSTREAM_API_BASE": f"http://127.0.0.1:{mock_port}{kind.path}",
    }
    name = f"{kind.name} {build.name}".removesuffix(f" {NEW}")
    here = work / name.replace(" ", "-").replace(",", "")
    here.mkdir()
    target = stack.enter_context(serving(replace(build, name=name, settings=settings), mock_port, here))
    return replace(target, dialect=kind.dialect)


@dataclass(slots=True)
class Costs:
    """What one load has cost each server, round by round."""

    us: dict[str, list[float]]
    """CPU a chunk."""
    joined: dict[str, list[float]]
    """Chunks a client's read."""
    failed: int = 0
    samples: list[str] = field(default_factory=list)
    """Of what did not come whole."""

    def ratios(self, one: str, other: str) -> list[float]:
        """Round by round."""
        return [above / below for above, below in zip(self.us[one], self.us[other], strict=True)]


def _costs(load: Load, rounds: int, targets: Sequence[Target], repeats: Mapping[str, int]) -> Costs:
    names = [target.name for target in targets]
    costs = Costs({name: [] for name in names}, {name: [] for name in names})
    for number in range(rounds):
        first = number % len(targets)
        for target in (*targets[first:], *targets[:first]):
            sample = measure(number, load, target)
            chunks = load.chunks * sample.requests
            if sample.chunks != chunks * repeats[target.name]:
                costs.failed += max(1, sample.failed)
                costs.samples += [f"{target.name}: {sample.chunks} of {chunks}", *sample.failures]
            costs.us[target.name].append(sample.cpu_us / chunks)
            costs.joined[target.name].append(chunks / sample.reads)
    return costs


def _report(load: Load, costs: Costs, kinds: Sequence[Kind]) -> None:
    rounds = len(next(iter(costs.us.values())))
    print(f"\n{load.name}: {load.says}; {rounds} rounds, {costs.failed} streams failed")
    for said in costs.samples:
        print(f"    {said!r}")
    print("\n| | median | range |\n|---|---:|---:|")
    for name, figures in costs.us.items():
        print(_row(f"{name}, CPU a chunk", figures, " µs"))
        print(_row(f"{name}, chunks a client's read", costs.joined[name]))
    for kind in kinds:
        for base in dict.fromkeys((_BASES[kind.dialect], _BASES[Dialect.CHAT])):
            if kind.upstream != _MIX and base in costs.us:
                print(_row(f"{kind.name} / {base}", costs.ratios(kind.name, base)))
        old = f"{kind.name} {OLD}"
        if old in costs.us:
            print(_row(f"{kind.name}, {NEW} / {OLD}", costs.ratios(kind.name, old)))
    sys.stdout.flush()


def _row(name: str, figures: Sequence[float], unit: str = "") -> str:
    return f"| {name} | {median(figures):.2f}{unit} | {min(figures):.2f} to {max(figures):.2f} |"


def main() -> None:
    """Prints a table for each load."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--only", choices=_LOADS, action="append")
    asked.add_argument("--kind", choices=[kind.name for kind in _KINDS], action="append", default=[])
    asked.add_argument("--against", metavar="COMMIT")
    given = asked.parse_args()
    kinds = [kind for kind in _KINDS if not given.kind or kind.name in {_MIX, *given.kind}]
    loads = [_LOADS[name] for name in given.only or (SATURATED.name, PACED.name)]
    with tempfile.TemporaryDirectory(prefix="mix2api-bench-") as directory, ExitStack() as stack:
        work = Path(directory)
        builds = [new_build(work / NEW, {})]
        if given.against:
            builds.append(old_build(given.against, work / OLD))
        mock_port = stack.enter_context(mock_upstream(work))
        started = {
            _started(stack, build, kind, mock_port, work): kind.repeats for kind in kinds for build in builds
        }
        repeats = {target.name: times for target, times in started.items()}
        warm_up(loads, [*started])
        for load in loads:
            _report(load, _costs(load, given.rounds, [*started], repeats), kinds)


if __name__ == "__main__":
    sys.exit(main())
