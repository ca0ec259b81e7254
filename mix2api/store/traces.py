"""Sampled traces in Redis: sealed, a key each with its own expiry, and an index that bounds how many there are."""

from typing import Final

from attrs import define, frozen

from mix2api.projections.traces import Trace, read_trace, trace_bytes
from mix2api.sealing import Seal, UnsealError
from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command, RedisLink
from mix2api.store.refusals import is_damage, told
from mix2api.vocabulary import RunId

_PURPOSE: Final = b"trace"
_PAGE: Final = 1000
"""Traces that are read in one round trip: some 500 kB."""


@frozen(kw_only=True)
class TraceBounds:
    """How long traces live, and how many there are."""

    life_ms: int
    """`TRACE_RETENTION_MS`; Redis removes a trace after it."""
    most: int
    """`TRACE_MAX_ENTRIES`: the oldest give way."""


@define(eq=False, kw_only=True)
class Traces:
    """The traces of a deployment.

    Args:
        link: for both ways.
        keys: key names.
        seal: seals each trace.
    """

    _link: RedisLink
    _keys: Keys
    _seal: Seal

    async def keep(self, trace: Trace, bounds: TraceBounds) -> None:
        """Writes one, and removes the oldest beyond the bound.

        A damaged index is begun anew: the traces that it led to run out by themselves.

        Raises:
            StoreUnavailable: the store does not answer, or refuses to write.
        """
        index = self._keys.traces()
        data = self._seal.seal_bytes(trace_bytes(trace), _PURPOSE)
        commands: tuple[Command, ...] = (
            ("SET", self._keys.trace(RunId(trace.run_id)), data, "PX", bounds.life_ms),
            ("ZADD", index, trace.at_ms, trace.run_id),
            ("PEXPIRE", index, bounds.life_ms),
            ("ZREMRANGEBYSCORE", index, "-inf", f"({trace.at_ms - bounds.life_ms}"),
            ("ZCARD", index),
        )
        replies = await self._link.execute(*commands)
        if any(is_damage(reply) for reply in replies):
            told(await self._link.execute(("DEL", index), *commands))
            return
        beyond = told(replies)[4] - bounds.most
        if beyond > 0:
            await self._remove_oldest(index, beyond)

    async def _remove_oldest(self, index: str, count: int) -> None:
        (popped,) = told(await self._link.execute(("ZPOPMIN", index, count)))
        names = [self._keys.trace(RunId(run_id.decode(errors="replace"))) for run_id in popped[::2]]
        if names:
            told(await self._link.execute(*(("DEL", name) for name in names)))

    async def newest(self, count: int) -> list[Trace]:
        """The newest so many that still rest, the newest first. What is damaged is left out.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        found: list[Trace] = []
        (reply,) = await self._link.execute(("ZREVRANGE", self._keys.traces(), 0, count - 1))
        if is_damage(reply):
            return []
        run_ids = [RunId(run_id.decode(errors="replace")) for run_id in told([reply])[0]]
        for start in range(0, len(run_ids), _PAGE):
            commands = [("GET", self._keys.trace(run_id)) for run_id in run_ids[start : start + _PAGE]]
            for data in await self._link.execute(*commands):
                trace = self._opened(data)
                if trace is not None:
                    found.append(trace)
        return found

    async def of_run(self, run_id: RunId) -> Trace | None:
        """One run's; None if there is none, or it is damaged.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        (data,) = await self._link.execute(("GET", self._keys.trace(run_id)))
        return self._opened(data)

    def _opened(self, data: object) -> Trace | None:
        if is_damage(data):
            return None
        (sealed,) = told([data])
        if sealed is None:
            return None
        try:
            return read_trace(self._seal.unseal_bytes(sealed, _PURPOSE))
        except UnsealError:
            return None
