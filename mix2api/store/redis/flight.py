"""The commands of one caller on their way to the masters of a Redis Cluster: divided, redirected, and put together again."""

from collections.abc import Callable, Sequence
from typing import Final

import trio
from attrs import define, field
from redis.exceptions import AskError, ClusterDownError, MovedError

from mix2api.errors import StoreUnavailable
from mix2api.store.redis.cluster import Cluster
from mix2api.store.redis.link import Command, NotSent, NotSentForWant, Reply, Told
from mix2api.store.redis.routing import Unit, units_of
from mix2api.store.redis.sentinel import Address
from mix2api.store.redis.server_link import Job, ServerLink
from mix2api.store_watch import StoreWatch

_REDIRECTS: Final = 3
"""How often one command may be sent elsewhere: `MOVED` to a master that answers `ASK`, and one change between the two."""


class Waiter:
    """Waits for what one flight is told."""

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._finished = trio.Event()

    def hear(self, told: Told) -> None:
        """As `RedisLink.hand_in` says."""
        self._told.append(told)
        self._finished.set()

    async def replies(self) -> list[Reply]:
        """Waits for the replies.

        Raises:
            StoreUnavailable: there are none.
        """
        await self._finished.wait()
        told = self._told.pop()
        if isinstance(told, Exception):
            try:
                raise told
            finally:
                del told  # with this frame in its traceback it would be a cycle (ADR 18)
        return told


@define(eq=False)
class Flight:
    """The commands of one caller on their way.

    Args:
        node: gives the link to a master.
        cluster: knows who has a slot, and who is away.
        commands: of the caller.
        hear: told what became of them, once.
        is_whole: one part that is away is told for all; False: it is told for its own commands.
        patient: a slot whose master is waited for until it answers or is lost.
        cuts: whether any other wait for a silent master ends early.
    """

    _node: Callable[[Address], ServerLink]
    _cluster: Cluster
    _commands: Sequence[Command]
    _hear: Callable[[Told], None] | None
    _is_whole: bool = field(kw_only=True)
    _patient: int | None = field(kw_only=True)
    _cuts: bool = field(kw_only=True)
    _replies: list[Reply] = field(init=False)
    _open: set["Part"] = field(factory=set, init=False)
    _redirects: int = field(default=_REDIRECTS, init=False)

    @_replies.default
    def _none_yet(self) -> list[Reply]:
        return [None] * len(self._commands)

    def start(self) -> None:
        """Sends each master its part."""
        units = list(units_of(self._commands))
        table = self._cluster.table
        homes = [None if unit.slot is None else table.master(unit.slot) for unit in units]
        known = list(dict.fromkeys(home for home in homes if home is not None))
        parts: dict[Address | None, list[Unit]] = {}
        for unit, home in zip(units, homes, strict=True):
            if unit.is_everywhere:
                for address in known or table.masters:
                    parts.setdefault(address, []).append(unit)
            elif unit.slot is None:
                parts.setdefault(known[0] if known else self._any(), []).append(unit)
            else:
                parts.setdefault(home, []).append(unit)
        self._send([Part(self, address, of_master) for address, of_master in parts.items()])

    def _any(self) -> Address | None:
        """A master that answers, for what each could answer."""
        masters, away = self._cluster.table.masters, self._cluster.away()
        return next((each for each in masters if each not in away), masters[0] if masters else None)

    def _send(self, parts: Sequence["Part"]) -> None:
        self._open.update(parts)
        for part in parts:
            self._send_one(part)

    def _send_one(self, part: "Part") -> None:
        if part.address is None:
            self._cluster.suspect()
            self.done(part, NotSent())
            return
        node, watch = self._node(part.address), self._cluster.watch(part.address)
        is_patient = self._patient is not None and any(unit.slot == self._patient for unit in part.units)
        is_cut = self._cuts and not is_patient
        if node.is_lost or (is_cut and watch.is_away):
            watch.look_soon()
            self._cluster.suspect()
            self.done(part, NotSentForWant() if node.is_starved else NotSent())
            return
        if is_patient:
            watch.look_soon()  # it is not cut, but others are to know soon that its master is away
        part.send(node, self._commands, watch if is_cut else None)

    def done(self, part: "Part", told: Told) -> None:
        """Hears what became of a part."""
        self._open.discard(part)
        if isinstance(told, Exception):
            self._cluster.suspect()
            for unit in part.units:
                self._put(unit, [told] * len(unit.places))
        else:
            self._take(part, told)
        if not self._open and self._hear is not None:
            hear, self._hear = self._hear, None
            hear(self._told())

    def _take(self, part: "Part", replies: list[Reply]) -> None:
        again: dict[tuple[Address, bool], list[Unit]] = {}
        for unit in part.units:
            if part.is_asking:
                replies = replies[1:]
            of_unit, replies = replies[: len(unit.places)], replies[len(unit.places) :]
            redirect = next((reply for reply in of_unit if isinstance(reply, AskError)), None)
            if any(isinstance(reply, ClusterDownError) for reply in of_unit):
                self._cluster.suspect()
            if redirect is not None and part.address is not None:
                home = (redirect.host or part.address[0], redirect.port)
                is_moved = isinstance(redirect, MovedError)
                if is_moved:
                    self._cluster.table.moved(redirect.slot_id, home)
                    self._cluster.suspect()
                if len(unit.places) == 1 and self._redirects:
                    again.setdefault((home, not is_moved), []).append(unit)
                    continue
            self._put(unit, of_unit)
        if again:
            self._redirects -= 1
            self._send([Part(self, home, units, is_asking) for (home, is_asking), units in again.items()])

    def _put(self, unit: Unit, replies: Sequence[Reply]) -> None:
        for place, reply in zip(unit.places, replies, strict=True):
            if not isinstance(self._replies[place], StoreUnavailable):
                self._replies[place] = reply  # of a script that went to several masters a failure stays

    def _told(self) -> Told:
        faults = [reply for reply in self._replies if isinstance(reply, StoreUnavailable)]
        if not faults or (len(faults) < len(self._replies) and not self._is_whole):
            return self._replies
        if len(faults) < len(self._replies) or not all(isinstance(fault, NotSent) for fault in faults):
            return StoreUnavailable()
        return NotSentForWant() if any(isinstance(fault, NotSentForWant) for fault in faults) else NotSent()

    def abandon(self) -> None:
        """Nobody waits any more. What was sent is run all the same, and its replies are read."""
        self._hear = None
        for part in self._open:
            part.leave()


@define(eq=False)
class Part:
    """What one master gets of a caller's commands."""

    _flight: Flight
    address: Address | None
    units: list[Unit]
    is_asking: bool = False
    """Behind `ASKING`, each command by itself: the master takes it though the slot is not its own yet."""
    _job: Job | None = field(default=None, init=False)
    _leave: Callable[[], None] | None = field(default=None, init=False)

    def send(self, node: ServerLink, commands: Sequence[Command], watch: StoreWatch | None) -> None:
        """Hands it to the master's link.

        Args:
            node: the master's link.
            commands: of the caller.
            watch: cuts the wait short; None: nothing does.
        """
        asking: tuple[Command, ...] = (("ASKING",),) if self.is_asking else ()
        sent = [
            command for unit in self.units for command in (*asking, *(commands[at] for at in unit.places))
        ]
        try:
            self._job = node.hand_in(sent, self._heard)
        except NotSent:
            self._flight.done(self, NotSent())
            return
        if watch is not None:
            watch.enter(self)
            self._leave = lambda: watch.leave(self)

    def _heard(self, told: Told) -> None:
        self.leave()
        self._flight.done(self, told)

    def cancel(self) -> None:
        """The master is away: the caller is told so. What was sent may still be run."""
        self._heard(StoreUnavailable())

    def leave(self) -> None:
        """Nobody waits for it any more."""
        if self._job is not None:
            self._job.hear = None
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()
