"""Every mutation is caught, and every case can fail. Minutes: `make packs-mutations`."""

from collections import defaultdict

import pytest
from packs.mutations import MUTATIONS, NOTHING
from packs.packed_system import failed, packed_system
from redis_server import RedisServer

from mix2api.packs.case import ToolForm
from mix2api.packs.table import CASES

_TEXT_ONLY = tuple(case for case in CASES if case.tools is ToolForm.TEXT)
_LIMIT_S = 1800


@pytest.mark.mutations
async def test_every_mutation_is_caught_and_every_case_can_fail(redis_server: RedisServer) -> None:
    caught_by: defaultdict[str, set[str]] = defaultdict(set)
    async with (
        packed_system(ToolForm.NATIVE, redis_server.url, _LIMIT_S) as native,
    ):
        for mutation in (NOTHING, *MUTATIONS):
            caught_by[mutation.name] |= set(failed(await native.run(mutation)))
            print(mutation.name, sorted(caught_by[mutation.name]))  # noqa: T201 - what a run of minutes shows
    async with packed_system(ToolForm.TEXT, redis_server.url, _LIMIT_S) as text:
        for mutation in (NOTHING, *MUTATIONS):
            caught_by[mutation.name] |= set(failed(await text.run(mutation, _TEXT_ONLY)))
    assert caught_by.pop(NOTHING.name) == set()
    assert [name for name, cases in caught_by.items() if not cases] == []
    assert {case.id for case in CASES} - set().union(*caught_by.values()) == set()
