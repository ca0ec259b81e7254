"""Runs the tool loops: each framework of `FRAMEWORKS`, each row of `loops.LOOPS`, each way of calling, each shape.

Exit codes: 0 all as it must be, 1 something was found, 2 wrong arguments, 3 all as it must be, but something could not be tried.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Final

import msgspec
import trio
from attrs import frozen
from clients import gap_of, node_program, python_program, running_program
from installing import missing
from loops import LOOPS, Loop, LoopAsk, LoopSeen, Site
from report import Report, finish
from systems import KEY, MODELS, Kind, Line, Shape, System, running_system

_SYSTEM_LIMIT_S: Final = 1200
"""For all loops of a system: several times what two cores need."""
_LINE_LIMIT_S: Final = 10


@frozen
class Framework:
    """A framework and its program."""

    name: str
    command: tuple[str, ...]
    streams: bool = True
    """False: it asks for a whole answer where its user wants a stream, and cuts that into pieces."""
    names_the_last: bool = False
    """Its whole answers go on from the last one by `previous_response_id`, which an upstream of kind `openai` refuses."""

    def rows(self, loops: Sequence[Loop], kind: Kind) -> list[Loop]:
        """Those of the loops that the kind of upstream serves for it.

        What comes in Responses' own form is passed through as it is, without a usage of ours.
        """
        if kind is Kind.RESPONSES and "responses" in self.name:
            return [loop for loop in loops if loop.usage_told]
        refused = self.names_the_last and kind is Kind.OPENAI
        return [loop for loop in loops if loop.stream or not refused]


FRAMEWORKS: Final = (
    Framework("langchain", (*python_program("langchain_loop.py"), "chat")),
    Framework("langchain responses", (*python_program("langchain_loop.py"), "responses")),
    Framework("pydantic-ai", python_program("pydantic_ai_loop.py")),
    Framework("openai-agents", (*python_program("openai_agents_loop.py"), "chat")),
    Framework("openai-agents responses", (*python_program("openai_agents_loop.py"), "responses")),
    Framework("litellm", (*python_program("litellm_loop.py"), "chat")),
    Framework("litellm responses", (*python_program("litellm_loop.py"), "responses"), streams=False),
    Framework("openai python responses", python_program("openai_python_loop.py"), names_the_last=True),
    Framework("openai node", node_program("openai_node_loop.mjs")),
    Framework("openai node responses", node_program("openai_node_responses_loop.mjs")),
    Framework("ai sdk", node_program("ai_sdk_loop.mjs")),
    Framework("ai sdk openai chat", (*node_program("ai_sdk_loop.mjs"), "chat")),
    Framework("ai sdk openai responses", (*node_program("ai_sdk_loop.mjs"), "responses")),
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
    parser.add_argument("--upstream", action="append", choices=list(Kind), type=Kind, help="only this kind")
    parser.add_argument("--case", help="only rows whose name contains this")
    chosen = parser.parse_args()
    frameworks = [each for each in FRAMEWORKS if chosen.client is None or each.name in chosen.client]
    loops = [loop for loop in LOOPS if chosen.case is None or chosen.case in loop.name]
    report = Report()
    directory = Path(tempfile.mkdtemp(prefix="mix2api-loops-"))
    for place in _places(
        chosen.shape or list(Shape), chosen.site or list(Site), chosen.upstream or list(Kind)
    ):
        trio.run(_try_all, place, frameworks, loops, report, directory)
    return finish(report, directory)


@frozen
class Place:
    """What the loops are tried on."""

    shape: Shape
    site: Site
    kind: Kind

    def __str__(self) -> str:
        return f"{self.shape.value}, {self.kind.value}, {self.site.value}"


def _places(shapes: Sequence[Shape], sites: Sequence[Site], kinds: Sequence[Kind]) -> Iterator[Place]:
    """All that go together: a site of another kind than `mix` is handed the tools, so it never calls in words."""
    for shape, kind, site in product(shapes, kinds, sites):
        if kind is Kind.MIX or site is Site.NATIVE:
            yield Place(shape, site, kind)


async def _try_all(
    place: Place, frameworks: list[Framework], loops: list[Loop], report: Report, directory: Path
) -> None:
    site, where = place.site, str(place)
    own = directory / f"{place.shape.name.lower()}-{place.kind.value}-{site.value}"
    own.mkdir()
    settings = site.settings if place.kind is Kind.MIX else {}
    with trio.move_on_after(_SYSTEM_LIMIT_S) as limit:
        async with running_system(place.shape, own, settings, place.kind) as system:
            gaps, tried = missing(), list[Loop]()
            for framework in frameworks:
                if (gap := gap_of(framework.command, gaps)) is not None:
                    report.add_gap(framework.name, gap)
                    continue
                async with running_program(framework.command, own / "clients.log") as program:
                    for loop in framework.rows(loops, place.kind):
                        tried.append(loop)
                        ask = _ask(framework, loop, site, system.url)
                        seen = await program.see(ask, LoopSeen)
                        found = [
                            *_findings(loop, seen),
                            *await _log_findings(framework, loop, ask, system, place.kind),
                        ]
                        report.add(where, framework.name, loop.name, found)
            wrong = system.ended() + await system.stop()
            wrong += [f"log: {error}" for error in system.log.errors()]
            wrong += await _audit_findings(system, tried)
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
    usage = seen.usage
    if usage is None or min(usage.prompt_tokens, usage.completion_tokens) <= 0:
        yield f"usage: {usage}"
    elif usage.total_tokens != usage.prompt_tokens + usage.completion_tokens:
        yield f"usage does not add up: {usage}"


async def _log_findings(
    framework: Framework, loop: Loop, ask: LoopAsk, system: System, kind: Kind
) -> list[str]:
    """All rounds ended as they must, in one session where the site keeps sessions: nothing was begun anew."""
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
    if kind.keeps_sessions and len({line["session"] for line in lines}) != 1:
        found.append("log: the rounds are in several sessions")
    if {line["stream"] for line in lines} != {loop.stream and framework.streams}:
        found.append("log: it was asked otherwise than the row says")
    sources = {line["usage_source"] for line in lines}
    if sources != {"site" if loop.usage_told else "counted"}:
        found.append(f"log: usage comes from {sources}")
    return found


async def _audit_findings(system: System, tried: list[Loop]) -> list[str]:
    code, output = await system.command("audit", "--json")
    if code != 0:
        return [f"audit: exit code {code}"]
    audit = msgspec.json.decode(output)
    rounds = sum(len(loop.rounds) for loop in tried)
    should_be = {
        "tool_loops": rounds,
        "loop_closure": 1.0,
        "server_side_tool_executions": 0,
        "coverage": 1.0,
        "open": 0,
        "requests": rounds + len(tried),
    }
    return [
        f"audit: {name} is {audit[name]} instead of {value}"
        for name, value in should_be.items()
        if audit[name] != value
    ]


if __name__ == "__main__":
    sys.exit(main())
