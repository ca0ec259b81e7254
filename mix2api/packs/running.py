"""Runs cases one after another against one target."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Final

import trio
from attrs import define, evolve, frozen

from mix2api.packs.asking import Asking, Target
from mix2api.packs.case import Case, Needs, ToolForm, World
from mix2api.packs.evidence import Ending, Evidence, Seen

_LOOPBACK: Final = "127.0.0.1"


class Outcome(StrEnum):
    """What became of a case."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@frozen(kw_only=True)
class Result:
    """One case's."""

    case: Case
    outcome: Outcome
    saw: tuple[str, ...] = ()
    """One line for each answer."""
    complaints: tuple[str, ...] = ()
    """Why it failed, or was skipped."""
    request_ids: tuple[str, ...] = ()
    total_ms: int = 0


@frozen(kw_only=True)
class Plan:
    """What is run."""

    target: Target
    cases: Sequence[Case]
    model: str
    demo: bool
    """The demo site is behind the endpoint."""
    ours: bool
    """The endpoint is to be mix2api."""
    tools: ToolForm
    mark: str
    """Begins every request id of this run: 1 to 64 of `[A-Za-z0-9._:-]`."""


async def run_cases(plan: Plan, on_result: Callable[[Result], None] = lambda _: None) -> tuple[Result, ...]:
    """Runs the plan's cases.

    Args:
        plan: what is run.
        on_result: told of each case as it ends.

    Raises:
        ValueError: a URL of the target is none.
    """
    results: list[Result] = []
    visitors = _Visitors()
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host=_LOOPBACK)
        await nursery.start(partial(trio.serve_listeners, visitors.visit, [listener]))
        port = listener.socket.getsockname()[1]
        world = World(
            model=plan.model,
            demo=plan.demo,
            timeout_s=plan.target.timeout_s,
            mcp_url=f"http://{_LOOPBACK}:{port}/mcp",
        )
        asking = Asking(plan.target)
        try:
            for case in plan.cases:
                result = _skipped(plan, case) or await _run(plan, case, asking, world, visitors)
                results.append(result)
                on_result(result)
        finally:
            asking.close()
        nursery.cancel_scope.cancel()
    return tuple(results)


@define
class _Visitors:
    """Counts those who connect to the address that stands as an MCP server in the tools. Answers nobody."""

    count: int = 0

    async def visit(self, stream: trio.SocketStream) -> None:
        """One of them."""
        self.count += 1
        await stream.aclose()


def _skipped(plan: Plan, case: Case) -> Result | None:
    """The result of a case that cannot be run here; None if it can."""
    missing = (
        (case.needs in {Needs.DEMO, Needs.SITE} and not plan.demo, f"needs {Needs.DEMO}"),
        (case.needs is Needs.SITE and plan.target.site_url is None, f"needs {Needs.SITE}"),
        (case.tools not in {None, plan.tools}, f"needs tools in the form {case.tools}"),
        (case.ours_only and not plan.ours, "judges a promise of mix2api's alone"),
    )
    why = next((words for is_missing, words in missing if is_missing), None)
    return None if why is None else Result(case=case, outcome=Outcome.SKIPPED, complaints=(why,))


async def _run(plan: Plan, case: Case, asking: Asking, world: World, visitors: _Visitors) -> Result:
    seen: list[Seen] = []
    before = visitors.count
    for number, step in enumerate(case.steps, start=1):
        ask = evolve(step(world, tuple(seen)), request_id=f"{plan.mark}.{case.id}.{number}")
        seen.append(await asking.see(ask))
        if seen[-1].ending is Ending.NO_CONNECTION:
            break
    evidence = Evidence(seen=tuple(seen), ours=plan.ours, executions=visitors.count - before)
    if seen[-1].ending is Ending.NO_CONNECTION:
        complaints: tuple[str, ...] = ("the endpoint cannot be reached",)
    else:
        complaints = tuple(dict.fromkeys(case.judge(evidence)))
    return Result(
        case=case,
        outcome=Outcome.FAILED if complaints else Outcome.PASSED,
        saw=tuple(each.summary() for each in seen),
        complaints=complaints,
        request_ids=tuple(each.ask.request_id for each in seen),
        total_ms=sum(each.total_ms for each in seen),
    )
