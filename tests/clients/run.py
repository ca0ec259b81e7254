"""Runs all trials: each client of `clients.CLIENTS`, each row of `cases.CASES`, each shape of the product.

Exit codes: 0 all as it must be, 1 something was found, 2 wrong arguments, 3 all as it must be, but something could not be tried.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import Final

import trio
from asks import Ask, Seen
from audits import Expected, audit_findings
from cases import CASES, Case
from clients import CLIENTS, Client, ClientProgram, gap_of, running_program
from installing import missing
from judging import findings, log_findings
from report import Report, finish
from systems import KEY, MODELS, Shape, System, running_system

_SHAPE_LIMIT_S: Final = 1200
"""For all trials of a shape: several times what two cores need."""
_LINE_LIMIT_S: Final = 10
"""Until the log tells of a request whose client has gone."""


def main() -> int:
    """Runs what the arguments select."""
    parser = argparse.ArgumentParser(
        prog="tests/clients/run.sh", description="Real clients against the real product."
    )
    parser.add_argument(
        "--client", action="append", choices=[client.name for client in CLIENTS], help="only this one"
    )
    parser.add_argument("--shape", action="append", choices=list(Shape), type=Shape, help="only this one")
    parser.add_argument("--case", help="only rows whose name contains this")
    chosen = parser.parse_args()
    clients = [client for client in CLIENTS if chosen.client is None or client.name in chosen.client]
    cases = [case for case in CASES if chosen.case is None or chosen.case in case.name]
    report = Report()
    directory = Path(tempfile.mkdtemp(prefix="mix2api-clients-"))
    trio.run(_try_all, chosen.shape or list(Shape), clients, cases, report, directory)
    return finish(report, directory)


async def _try_all(
    shapes: list[Shape], clients: list[Client], cases: list[Case], report: Report, directory: Path
) -> None:
    for shape in shapes:
        own = directory / shape.name.lower()
        own.mkdir()
        with trio.move_on_after(_SHAPE_LIMIT_S) as limit:
            async with running_system(shape, own) as system:
                await _Trials(system, report, own).run(clients, cases)
        if limit.cancelled_caught:
            report.add_system(shape, [f"not done after {_SHAPE_LIMIT_S} s"])


class _Trials:
    """The trials of one shape."""

    def __init__(self, system: System, report: Report, directory: Path) -> None:
        self._system = system
        self._report = report
        self._directory = directory
        self._expected = Expected()

    async def run(self, clients: list[Client], cases: list[Case]) -> None:
        """One after another: what the site and the log count then belongs to one trial."""
        gaps = missing()
        for client in clients:
            if (gap := gap_of(client.command, gaps)) is not None:
                self._report.add_gap(client.name, gap)
                continue
            async with running_program(client.command, self._directory / "clients.log") as program:
                for case in cases:
                    if case.kind in client.kinds and not self._system.ended():
                        self._expected.add(case, client)
                        found = await self._try(case, client, program)
                        self._report.add(self._system.shape, client.name, case.name, found)
        wrong = self._system.ended() + await self._system.stop()
        wrong += [f"log: {error}" for error in self._system.log.errors()]
        # After the stop: every receipt is written, and what is counted has survived its processes.
        wrong += await audit_findings(self._system, self._expected)
        self._report.add_system(self._system.shape, wrong)

    async def _try(self, case: Case, client: Client, program: ClientProgram) -> list[str]:
        ask = _ask(case, client, self._system.url)
        left = await self._system.cut_by_client()
        seen = await program.see(ask, Seen)
        found = list(findings(case, client, ask, seen))
        if case.cut:
            try:
                await self._system.cut_by_client(at_least=left + 1)
            except TimeoutError:
                found.append("the site was not told that the client had gone")
        log = self._system.log
        with trio.move_on_after(_LINE_LIMIT_S):
            await log.until(lambda: len(log.completed(ask.request_id)) >= len(case.lines))
        return found + list(log_findings(case, client, log.completed(ask.request_id)))


def _ask(case: Case, client: Client, url: str) -> Ask:
    request_id = re.sub("[^a-z0-9]+", "-", f"{client.name} {case.name}".lower())
    return Ask(
        base_url=f"{url}/v1",
        key="sk-wrong" if case.wrong_key else KEY,
        request_id=request_id,
        kind=case.kind,
        model=case.model or MODELS[0],
        prompt=case.prompt.replace("KEY", request_id),
        stream=case.stream,
        include_usage=case.include_usage,
        tool=case.tool,
        tool_result=case.tool_result,
        fields=dict(case.fields),
        max_retries=case.max_retries,
        abort_after=case.abort_after,
        timeout_ms=case.timeout_ms,
    )


if __name__ == "__main__":
    sys.exit(main())
