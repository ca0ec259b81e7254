"""Runs the tool loops: each framework of `FRAMEWORKS`, each row of `loops.LOOPS`, each way of calling, each shape.

Exit codes: 0 all as it must be, 1 something was found, 2 wrong arguments.
"""

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final

import msgspec
import trio
from attrs import frozen
from clients import HERE, running_program
from loops import LOOPS, Loop, LoopAsk, LoopSeen, Site
from report import Report
from rich.console import Console
from systems import KEY, MODELS, Line, Shape, System, running_system

_SYSTEM_LIMIT_S: Final = 240
"""For all loops of a system: several times what two cores need."""
_LINE_LIMIT_S: Final = 10
_AGENTS: Final = str(HERE / ".agents" / "bin" / "python")
"""The interpreter that has the frameworks for Python (`agents.txt`)."""


@frozen
class Framework:
    """A framework and its program."""

    name: str
    command: tuple[str, ...]


FRAMEWORKS: Final = (
    Framework("langchain", (_AGENTS, str(HERE / "programs" / "langchain_loop.py"))),
    Framework("pydantic-ai", (_AGENTS, str(HERE / "programs" / "pydantic_ai_loop.py"))),
    Framework("openai-agents", (_AGENTS, str(HERE / "programs" / "openai_agents_loop.py"))),
    Framework("ai sdk", ("node", str(HERE / "programs" / "ai_sdk_loop.mjs"))),
    Framework("openai node", ("node", str(HERE / "programs" / "openai_node_loop.mjs"))),
)


def main() -> int:
    """Runs what the arguments select."""
    parser = argparse.ArgumentParser(
        prog="tests/clients/run.sh loops", description="Frameworks that close tool loops by themselves."
    )
    names = [framework.name for framework in FRAMEWORKS]
    parser.add_argument("--client", action="append", choices=names, help="only this one")
    parser.add_argument("--shape", action="append", choices=list(Shape), type=Shape, help="only this one")
    parser.add_argument("--site", action="append", choices=list(Site), type=Site, help="only this one")
    parser.add_argument("--case", help="only rows whose name contains this")
    chosen = parser.parse_args()
    frameworks = [each for each in FRAMEWORKS if chosen.client is None or each.name in chosen.client]
    loops = [loop for loop in LOOPS if chosen.case is None or chosen.case in loop.name]
    report = Report()
    directory = Path(tempfile.mkdtemp(prefix="mix2api-loops-"))
    for shape, site in product(chosen.shape or Shape, chosen.site or Site):
        trio.run(_try_all, shape, site, frameworks, loops, report, directory)
    report.print(Console())
    if report.failed:
        sys.stdout.write(f"the logs are in {directory}\n")
        return 1
    shutil.rmtree(directory)
    return 0


async def _try_all(
    shape: Shape, site: Site, frameworks: list[Framework], loops: list[Loop], report: Report, directory: Path
) -> None:
    own = directory / f"{shape.name.lower()}-{site.value}"
    own.mkdir()
    where = f"{shape.value}, {site.value}"
    with trio.move_on_after(_SYSTEM_LIMIT_S) as limit:
        async with running_system(shape, own, site.settings) as system:
            for framework in frameworks:
                async with running_program(framework.command, own / "clients.log") as program:
                    for loop in loops:
                        ask = _ask(framework, loop, site, system.url)
                        seen = await program.see(ask, LoopSeen)
                        found = [*_findings(loop, seen), *await _log_findings(loop, ask, system)]
                        report.add(where, framework.name, loop.name, found)
            wrong = system.ended() + await system.stop()
            wrong += [f"log: {error}" for error in system.log.errors()]
            wrong += await _audit_findings(system, frameworks, loops)
            report.add_system(where, wrong)
    if limit.cancelled_caught:
        report.add_system(where, [f"not done after {_SYSTEM_LIMIT_S} s"])


def _ask(framework: Framework, loop: Loop, site: Site, url: str) -> LoopAsk:
    return LoopAsk(
        base_url=f"{url}/v1",
        key=KEY,
        request_id=re.sub("[^a-z0-9]+", "-", f"{framework.name} {loop.name}".lower()),
        model=MODELS[0],
        prompt=loop.prompt(site),
        stream=loop.stream,
    )


def _findings(loop: Loop, seen: LoopSeen) -> Iterator[str]:
    yield from seen.complaints
    told = seen.text.splitlines()
    # The first line quotes the question; results may come in any order.
    if set(told[-len(loop.text) :]) != loop.text:
        yield f"the last word is {seen.text!r} instead of {sorted(loop.text)}"
    if sorted(seen.ran) != loop.ran:
        yield f"was run: {seen.ran}"


async def _log_findings(loop: Loop, ask: LoopAsk, system: System) -> list[str]:
    """All rounds ended as they must, in one session: nothing was begun anew."""
    wanted = ["tool_calls"] * len(loop.rounds) + ["stop"]
    lines: list[Line] = []

    def all_ended() -> bool:
        lines[:] = system.log.completed(ask.request_id)
        return len(lines) >= len(wanted)

    with trio.move_on_after(_LINE_LIMIT_S):
        await system.log.until(all_ended)
    found = []
    ends = [line["end_reason"] for line in lines]
    if ends != wanted:
        found.append(f"log: the rounds ended in {ends}")
    if len({line["session"] for line in lines}) != 1:
        found.append("log: the rounds are in several sessions")
    if {line["stream"] for line in lines} != {loop.stream}:
        found.append("log: it was asked otherwise than the row says")
    return found


async def _audit_findings(system: System, frameworks: list[Framework], loops: list[Loop]) -> list[str]:
    code, output = await system.command("audit", "--json")
    if code != 0:
        return [f"audit: exit code {code}"]
    audit = msgspec.json.decode(output)
    rounds = len(frameworks) * sum(len(loop.rounds) for loop in loops)
    should_be = {
        "tool_loops": rounds,
        "loop_closure": 1.0,
        "server_side_tool_executions": 0,
        "coverage": 1.0,
        "open": 0,
        "requests": rounds + len(frameworks) * len(loops),
    }
    return [
        f"audit: {name} is {audit[name]} instead of {value}"
        for name, value in should_be.items()
        if audit[name] != value
    ]


if __name__ == "__main__":
    sys.exit(main())
