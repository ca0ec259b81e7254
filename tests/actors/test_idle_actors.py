"""What an idle actor holds: its folded state, and nothing of the turns that led to it."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import trio
from actor_parts import BEGINNING, Bench, end_of, submission, turn, until, working
from kept_objects import kept

from mix2api.actors.environment import Environment
from mix2api.actors.worker import Worker
from mix2api.upstreams.port import Finished, Text
from mix2api.vocabulary import EndReason

_LONG = 100_000
_SHARED: tuple[type[Any], ...] = (
    BuiltinFunctionType,
    Environment,
    FunctionType,
    ModuleType,
    Worker,
    trio.CancelScope,
    trio.Nursery,
    type,
)
"""Where the walk ends: what all actors have in common. Behind the actor's own task there is all of trio."""


@contextmanager
def without_the_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def reachable(root: object) -> list[object]:
    """All objects that are reachable from one, through the variables of its task as well."""
    found: dict[int, object] = {}
    ahead = [root]
    while ahead:
        each = ahead.pop()
        if id(each) in found or isinstance(each, _SHARED) or _is_trios(each):
            continue
        found[id(each)] = each
        ahead += gc.get_referents(each)
        if isinstance(each, trio.lowlevel.Task):
            ahead += _variables(each)
    return list(found.values())


def _is_trios(each: object) -> bool:
    module = type(each).__module__
    return module.startswith("trio.") and not isinstance(each, (trio.Event, trio.lowlevel.Task))


def _variables(task: trio.lowlevel.Task) -> Iterator[object]:
    coroutine: Any = task.coro
    while getattr(coroutine, "cr_frame", None) is not None:
        yield from coroutine.cr_frame.f_locals.values()
        coroutine = coroutine.cr_await


async def idle_actor(made: Bench) -> Any:
    (actor,) = made.worker._actors.values()
    await until(lambda: actor.idle_since_ms is not None)
    return actor


async def test_an_idle_actor_holds_its_folded_state_only() -> None:
    said = [BEGINNING, [Text("a" * _LONG)], [Finished("stop")]]
    async with working(said) as made:
        await end_of(await made.submit(submission(turn("q" * _LONG))))
        (actor,) = made.worker._actors.values()
        await until(lambda: actor.idle_since_ms is not None)
        held = reachable(actor)
        assert any(isinstance(each, trio.lowlevel.Task) for each in held), "its task belongs to it"
        texts = [each for each in held if isinstance(each, (str, bytes, bytearray))]
        assert max(map(len, texts)) <= 256
        assert sum(map(sys.getsizeof, reachable(actor._state))) <= 4096


async def test_a_turn_that_met_a_fault_of_ours_is_let_go() -> None:
    async with working() as made:  # without a script the upstream raises `LookupError`
        with without_the_collector():
            before = kept()
            assert (await end_of(await made.submit())).end_reason is EndReason.ADAPTER_ERROR
            made.upstream.calls.clear()
            made.faults.clear()
            made.completed.clear()
            await until(lambda: not kept() - before)


async def test_the_walk_finds_what_a_task_holds() -> None:
    long = "x" * _LONG
    found = []

    async def holding(task_status: trio.TaskStatus[trio.lowlevel.Task]) -> None:
        held = [long]
        task_status.started(trio.lowlevel.current_task())
        await trio.sleep_forever()
        del held

    async with trio.open_nursery() as nursery:
        task = await nursery.start(holding)
        found = [each for each in reachable(task) if each is long]
        nursery.cancel_scope.cancel()
    assert found == [long]
