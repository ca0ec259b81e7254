"""What a process that died left in a store, and the process that is to clear up."""

import trio
from actor_parts import OTHER, PROCESS, SHARD, Bench, bench, living
from attrs import define

from mix2api.actors.recovery import Recovery
from mix2api.events.kinds import End
from mix2api.store.memory import MemoryEventLog, MemoryWorld
from mix2api.upstreams.port import Text, UpstreamEvent
from mix2api.upstreams.scripted import Script
from mix2api.vocabulary import ProcessId, Shard

OUTPUT: list[UpstreamEvent] = [Text("a")]
PERIOD_S = 10.0


@define(eq=False)
class Left:
    """A store in which a process died, and the one that is to clear up."""

    bench: Bench
    log: MemoryEventLog
    recovery: Recovery
    alive: set[ProcessId]

    async def sweep(self, *shards: Shard) -> int:
        return await self.recovery.sweep(shards or (SHARD,))

    async def sweep_twice(self) -> int:
        """The second time the process has been absent for a period."""
        assert await self.sweep() == 0
        await trio.sleep(PERIOD_S)
        return await self.sweep()

    def end(self) -> End:
        (end,) = self.bench.ends()
        return end


async def left_by_a_crash(script: Script, log: type[MemoryEventLog] = MemoryEventLog) -> Left:
    """A process runs a turn until its upstream says no more, and dies."""
    dead = MemoryEventLog(OTHER)
    dead.take_all(4)
    made = bench([script], dead, {"process": OTHER})
    async with living(made):
        await made.submit()
        await trio.sleep(1)
    return takers(dead.world, log)


def takers(world: MemoryWorld, log: type[MemoryEventLog] = MemoryEventLog) -> Left:
    """The process that takes over in that world."""
    world.alive.discard(OTHER)
    world.leases.clear()
    taker = bench([], log(PROCESS, world))
    alive: set[ProcessId] = set()

    async def is_alive(process: ProcessId) -> bool:
        return process in alive

    recovery = Recovery(taker.environment, taker.log, is_alive, PERIOD_S)
    return Left(taker, taker.log, recovery, alive)
