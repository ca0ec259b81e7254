"""The table of results, and what stands behind each failure."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from attrs import define, field
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PASSED, _FAILED, _NOT_THERE = Text("pass", "green"), Text("FAIL", "bold red"), Text("-", "dim")


@define
class Report:
    """What was found, per shape, client and case."""

    _found: dict[tuple[str, str, str], Sequence[str]] = field(factory=dict)
    _of_systems: list[str] = field(factory=list)
    """What concerns no single trial."""
    gaps: dict[str, str] = field(factory=dict)
    """Clients that could not be tried, and why."""

    def add_gap(self, client: str, why: str) -> None:
        """A client is not there."""
        self.gaps[client] = why

    def add(self, shape: str, client: str, case: str, findings: Sequence[str]) -> None:
        """One trial."""
        self._found[shape, client, case] = findings

    def add_system(self, shape: str, findings: Sequence[str]) -> None:
        """A shape as a whole: how its processes ended, what its audit says."""
        self._of_systems += [f"{shape}: {finding}" for finding in findings]

    @property
    def failed(self) -> int:
        """Trials that failed, and findings of systems."""
        return sum(map(bool, self._found.values())) + len(self._of_systems)

    def print(self, console: Console) -> None:
        """The table, then the failures one by one."""
        for shape in dict.fromkeys(shape for shape, _, _ in self._found):
            console.print(self._table(shape))
        for (shape, client, case), findings in self._found.items():
            for finding in findings:
                console.print(Text(f"FAIL {shape} / {client} / {case}: {finding}"), soft_wrap=True)
        for finding in self._of_systems:
            console.print(Text(f"FAIL {finding}"), soft_wrap=True)
        console.print(f"{len(self._found)} trials, {self.failed} failed")
        for client, why in self.gaps.items():
            console.print(Text(f"NOT TRIED: {client}, because {why}", "bold red"), soft_wrap=True)

    def _table(self, shape: str) -> Table:
        trials = [(client, case) for of, client, case in self._found if of == shape]
        clients = list(dict.fromkeys(client for client, _ in trials))
        table = Table("case", *clients, title=shape)
        for case in dict.fromkeys(case for _, case in trials):
            table.add_row(case, *(self._cell((shape, client, case)) for client in clients))
        return table

    def _cell(self, trial: tuple[str, str, str]) -> Text:
        if trial not in self._found:
            return _NOT_THERE
        return _FAILED if self._found[trial] else _PASSED


def finish(report: Report, directory: Path) -> int:
    """Prints the report and gives the exit code; the logs in the directory are kept if something was found."""
    console = Console()
    report.print(console)
    if report.failed:
        console.print(f"the logs are in {directory}")
        return 1
    shutil.rmtree(directory)
    return 3 if report.gaps else 0
