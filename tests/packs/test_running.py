"""Cases against a real endpoint: a good one passes, and one with one thing wrong does not."""

import socket

from packs.mutating_proxy import Mutation
from packs.mutations import MUTATIONS
from packs.packed_system import failed, packed_system
from redis_server import RedisServer

from mix2api.packs.asking import Target
from mix2api.packs.case import Pack, ToolForm
from mix2api.packs.running import Outcome, Plan, run_cases
from mix2api.packs.table import CASES, cases_of

BY_NAME = {mutation.name: mutation for mutation in MUTATIONS}


async def test_the_good_endpoint_passes_every_case(redis_server: RedisServer) -> None:
    async with packed_system(ToolForm.NATIVE, redis_server.url) as system:
        results = await system.run()
    assert failed(results) == {}
    skipped = {each.case.id for each in results if each.outcome is Outcome.SKIPPED}
    assert skipped == {case.id for case in CASES if case.tools is ToolForm.TEXT}
    ids = [name for each in results for name in each.request_ids]
    assert len(set(ids)) == len(ids) > len(CASES)


async def test_the_good_endpoint_passes_with_tools_in_words(redis_server: RedisServer) -> None:
    async with packed_system(ToolForm.TEXT, redis_server.url) as system:
        results = await system.run(cases=cases_of([Pack.B]))
    assert failed(results) == {}
    skipped = {each.case.id for each in results if each.outcome is Outcome.SKIPPED}
    assert skipped == {case.id for case in CASES if case.tools is ToolForm.NATIVE}


async def test_one_wrong_thing_fails_the_cases_that_judge_it(redis_server: RedisServer) -> None:
    expected = {
        "no_done": {"A-stream", "B-stream", "C-within"},
        "arguments_changed": {"B-mcp-call", "B-several"},
        "every_key_is_good": {"C-key", "C-no-key"},
    }
    judging = tuple(case for case in CASES if case.id in set().union(*expected.values()))
    async with packed_system(ToolForm.NATIVE, redis_server.url) as system:
        for name, cases in expected.items():
            assert set(failed(await system.run(BY_NAME[name], judging))) == cases


async def test_a_real_model_s_endpoint_gets_the_cases_that_need_no_demo_site(
    redis_server: RedisServer,
) -> None:
    async with packed_system(ToolForm.TEXT, redis_server.url) as system:
        target = Target(
            base_url=f"http://127.0.0.1:{system.proxy.port}", api_key="sk-of-the-tests", timeout_s=5
        )
        plan = Plan(
            target=target,
            cases=CASES,
            model="mix/m",
            demo=False,
            ours=False,
            tools=ToolForm.TEXT,
            mark="pack",
        )
        results = await run_cases(plan)
        assert all("[[" not in str(each.body) for each in system.system.demo.received)
    assert failed(results) == {}
    outcomes = [each.outcome for each in results]
    assert outcomes.count(Outcome.PASSED) >= 10
    assert {each.case.needs for each in results if each.outcome is Outcome.PASSED} == {"nothing"}


async def test_an_endpoint_that_is_not_there_fails_every_case() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed_port = server.getsockname()[1]
    target = Target(base_url=f"http://127.0.0.1:{closed_port}", api_key="k", timeout_s=5)
    plan = Plan(
        target=target, cases=CASES[:3], model="m", demo=True, ours=True, tools=ToolForm.TEXT, mark="pack"
    )
    assert set(failed(await run_cases(plan)).values()) == {("the endpoint cannot be reached",)}


def test_the_mutations_have_names_of_their_own_and_are_more_than_forty() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 40
    assert all(isinstance(mutation, Mutation) for mutation in MUTATIONS)
