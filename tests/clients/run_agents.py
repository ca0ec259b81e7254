"""Runs the agents of `agent_commands.AGENTS` as their users do: each turn is a process of the agent's own.

Rows: a site that tells its usage, one that does not, and a wrong key. Exit codes: 0 all as it must be, 1 something was found,
2 wrong arguments, 3 all as it must be, but something could not be tried.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import trio
from agent_commands import AGENTS, MODEL, NOTES, WRONG_KEY, Agent, AgentSeen
from attrs import define, frozen
from installing import missing, node
from report import Report, finish
from systems import KEY, Kind, Line, Shape, System, running_system

_TURN_LIMIT_S: Final = 300
"""For one turn: an agent starts for half a minute on a busy machine."""
_LINE_LIMIT_S: Final = 10
_SHAPE: Final = "agents"


@frozen
class Row:
    """What all agents are tried with."""

    name: str
    directive: str = ""
    """Put behind each prompt."""
    usage_source: str = "site"
    key: str = KEY
    refused: bool = False


ROWS: Final = (
    Row("the site tells its usage"),
    Row("the site tells no usage", "[[usage:none]]", "counted"),
    Row("a wrong key", key=WRONG_KEY, refused=True),
)


def main() -> int:
    """Runs what the arguments select."""
    parser = argparse.ArgumentParser(
        prog="tests/clients/run.sh agents", description="Agents that are programs of their own."
    )
    names = [agent.name for agent in AGENTS]
    parser.add_argument("--client", action="append", choices=names, help="only this one")
    parser.add_argument("--upstream", action="append", choices=list(Kind), type=Kind, help="only this kind")
    parser.add_argument("--case", help="only rows whose name contains this")
    chosen = parser.parse_args()
    agents = [agent for agent in AGENTS if chosen.client is None or agent.name in chosen.client]
    rows = [row for row in ROWS if chosen.case is None or chosen.case in row.name]
    report = Report()
    directory = Path(tempfile.mkdtemp(prefix="mix2api-agents-"))
    for kind in chosen.upstream or Kind:
        trio.run(_try_all, kind, agents, rows, report, directory)
    return finish(report, directory)


async def _try_all(kind: Kind, agents: list[Agent], rows: list[Row], report: Report, directory: Path) -> None:
    gaps = missing()
    own = directory / f"serve-{kind.value}"
    own.mkdir()
    where = f"{_SHAPE}, {kind.value}"
    async with running_system(Shape.SERVE, own, kind=kind) as system:
        for agent in agents:
            if agent.needs in gaps:
                report.add_gap(agent.name, gaps[agent.needs])
                continue
            for place, row in enumerate(rows):
                if kind is Kind.RESPONSES and row.usage_source != "site":
                    continue  # answers of its own form are passed through as they are, without a usage of ours
                home = own / f"{agent.name.replace(', ', '-')}-{place}"
                walk = _Walk(system, agent, row, home, keeps_sessions=kind.keeps_sessions)
                report.add(where, agent.name, row.name, await walk.walk())
        wrong = system.ended() + await system.stop()
        report.add_system(where, wrong + [f"log: {error}" for error in system.log.errors()])


@define(eq=False)
class _Walk:
    """One agent's conversation under one row, in a home of its own."""

    system: System
    agent: Agent
    row: Row
    home: Path
    keeps_sessions: bool

    async def walk(self) -> list[str]:
        """What was wrong."""
        self._lay()
        begun = len(self.system.log.lines)
        if self.row.refused:
            seen = await self._turn(self.agent.first, self.agent.turns[0].prompt)
            return [*self._refusal_findings(seen, await self._lines(begun, "auth_error"))]
        found: list[str] = []
        for place, turn in enumerate(self.agent.turns):
            words = self.agent.first if place == 0 else self.agent.then
            assert words is not None
            seen = await self._turn(words, turn.prompt + self.row.directive)
            found += _turn_findings(place, turn.says, seen)
        return [*found, *self._log_findings(await self._lines(begun, "stop", "tool_calls"))]

    def _lay(self) -> None:
        (self.home / "folder").mkdir(parents=True)
        (self.home / "folder" / "notes.txt").write_text(NOTES)
        for path, text in self.agent.files.items():
            file = self.home / path
            file.parent.mkdir(exist_ok=True)
            file.write_text(self._filled(text))

    def _filled(self, word: str) -> str:
        values = {
            "URL": f"{self.system.url}/v1",
            "KEY": self.row.key,
            "MODEL": MODEL,
            "HOME": str(self.home),
            "FOLDER": str(self.home / "folder"),
        }
        for name, value in values.items():
            word = word.replace(f"%{name}%", value)
        return word

    async def _turn(self, words: Sequence[str], prompt: str) -> AgentSeen:
        command = [self._filled(prompt) if word == "%PROMPT%" else self._filled(word) for word in words]
        environ: Mapping[str, str] = {
            "PATH": os.pathsep.join((str(Path(node()).parent), os.environ["PATH"])),
            "HOME": str(self.home),
            **{name: self._filled(value) for name, value in self.agent.environ.items()},
        }
        with trio.move_on_after(_TURN_LIMIT_S):
            done = await trio.run_process(
                command,
                stdin=subprocess.DEVNULL,
                capture_stdout=True,
                stderr=subprocess.STDOUT,
                check=False,
                cwd=self.home / "folder",
                env=environ,
            )
            told = done.stdout.decode("utf-8", "replace")
            with (self.home / "told.log").open("a") as kept:
                kept.write(told)
            return self.agent.read(told)
        return AgentSeen(f"the agent hangs: no end within {_TURN_LIMIT_S} s")

    async def _lines(self, begun: int, *reasons: str) -> list[Line]:
        """The lines of this walk's requests; waits for one that ended for one of these reasons."""
        log = self.system.log

        def lines() -> list[Line]:
            return [line for line in log.lines[begun:] if line["event"] == "request.completed"]

        with trio.move_on_after(_LINE_LIMIT_S):
            await log.until(lambda: any(line["end_reason"] in reasons for line in lines()))
        return lines()

    def _refusal_findings(self, seen: AgentSeen, lines: list[Line]) -> Iterator[str]:
        yield from self._known(lines)
        if {line["end_reason"] for line in lines} != {"auth_error"}:
            yield "log: no auth_error"
        if "API key" not in seen.text:
            yield f"its user is not told of the key: {seen.text[-200:]!r}"

    def _log_findings(self, lines: list[Line]) -> Iterator[str]:
        yield from self._known(lines)
        ends = [line["end_reason"] for line in lines]
        if not {"stop", "tool_calls"} >= set(ends) or ends.count("tool_calls") == 0:
            yield f"log: ended in {ends}"
        # Beside its user's turns an agent asks for titles and the like, without the directive that stands in a prompt.
        sources = {line["usage_source"] for line in lines}
        if self.row.usage_source not in sources or sources - {self.row.usage_source, "site"}:
            yield f"log: usage comes from {sources}"
        main = {line["session"] for line in lines if line["tools_present"]}
        if self.keeps_sessions and self.agent.sessions is not None and len(main) > self.agent.sessions:
            yield f"log: the conversation is in {len(main)} sessions"

    def _known(self, lines: list[Line]) -> Iterator[str]:
        known = {line["client"] for line in lines}
        if known != {self.agent.known_as.value}:
            yield f"log: client {known}"


def _turn_findings(place: int, says: str, seen: AgentSeen) -> Iterator[str]:
    if says not in seen.text:
        yield f"turn {place + 1}: {seen.text[-300:]!r} has no {says!r}"
    usage = seen.usage
    if usage is None or min(usage.prompt_tokens, usage.completion_tokens) <= 0:
        yield f"turn {place + 1}: usage {usage}"


if __name__ == "__main__":
    sys.exit(main())
