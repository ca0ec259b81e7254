"""A whole system for the packs: the endpoint in both forms of tools, each with a demo site of its own, and a mutating proxy."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from attrs import frozen
from packs.mutating_proxy import GOOD_KEY, MutatingProxy, Mutation, mutating_proxy
from packs.mutations import NOTHING
from whole_system import Shape, WholeSystem, whole_system

from mix2api.packs.asking import Target
from mix2api.packs.case import Case, ToolForm
from mix2api.packs.running import Outcome, Plan, Result, run_cases
from mix2api.packs.table import CASES

_MODEL: Final = "mix/qwen-3-235b-instruct"
_SETTINGS: Final = {"INBOUND_BEARER_TOKEN": GOOD_KEY, "MIX2API_LOG_LEVEL": "error"}
_UPSTREAM_MS: Final = 400
"""The endpoint gives a silent site up after so long; paced deltas and a busy machine stay well below it."""
_ANSWER_S: Final = 4
"""The packs give an endpoint up after so long."""


@frozen(kw_only=True)
class PackedSystem:
    """One form of tools."""

    form: ToolForm
    system: WholeSystem
    proxy: MutatingProxy

    async def run(self, mutation: Mutation = NOTHING, cases: tuple[Case, ...] = CASES) -> tuple[Result, ...]:
        """The cases against the endpoint with one thing changed."""
        self.proxy.mutation = mutation
        plan = Plan(
            target=Target(
                base_url=f"http://127.0.0.1:{self.proxy.port}/v1",
                api_key=GOOD_KEY,
                site_url=self.system.demo.url,
                timeout_s=_ANSWER_S,
            ),
            cases=cases,
            model=_MODEL,
            demo=True,
            ours=True,
            tools=self.form,
            mark=f"pack-{self.form}",
        )
        results = await run_cases(plan)
        # What this mutation left running at the site must not be taken for the next one's doing.
        await self.system.demo.stats.wait_until(lambda stats: stats.open_streams == 0)
        return results


def failed(results: tuple[Result, ...]) -> dict[str, tuple[str, ...]]:
    """Case -> why it failed."""
    return {each.case.id: each.complaints for each in results if each.outcome is Outcome.FAILED}


@asynccontextmanager
async def packed_system(form: ToolForm, redis_url: str, limit_s: float = 60) -> AsyncIterator[PackedSystem]:
    """Runs one."""
    settings = {
        **_SETTINGS,
        "SEND_UPSTREAM_TOOLS": str(form is ToolForm.NATIVE).lower(),
        "UPSTREAM_TIMEOUT_MS": str(_UPSTREAM_MS),
    }
    async with (
        whole_system(Shape.SERVE, redis_url, limit_s=limit_s, **settings) as system,
        mutating_proxy(system.client.port, NOTHING) as proxy,
    ):
        yield PackedSystem(form=form, system=system, proxy=proxy)
