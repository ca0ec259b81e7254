"""Resolving: the CPU of its pure part over long histories, and how often one resolution goes to Redis."""

import hashlib
import time
from collections.abc import Callable, Coroutine
from typing import Any

from sessions_history import MODEL, agent, history, only_new, sized, talk, tools
from sessions_results import Resolving, Trips
from sessions_system import ISOLATION, System

from mix2api.clock import SystemClock
from mix2api.edge.continuing import Continuing
from mix2api.identity import Mint
from mix2api.sealing import Seal
from mix2api.sessions.prepared_turn import prepare
from mix2api.sessions.resolution import Reuse
from mix2api.sessions.sites import Site, Sites
from mix2api.vocabulary import Digest, SessionId, Shard
from mix2api.wire.turn import Message, Turn

GOAL_BYTES = 400_000
_REPEATS, _QUICK_REPEATS = 300, 60
_PAUSE_S = 0.002
"""Between two: a core that is given to somebody else meanwhile has its caches cold, as between two requests."""
_RESOLUTIONS = 200


class _NoIndex:
    """An index that answers at once and has nothing: what is left is the pure part."""

    async def take(self, *places: Digest) -> tuple[Digest, SessionId] | None:
        del places

    async def claim(self, name: Digest, session_id: SessionId) -> SessionId:
        del name
        return session_id


def measure_resolving(*, quick: bool) -> list[Resolving]:
    """All kinds of history, taken in turn so that a noisy moment meets all of them."""
    offered = tools(30)
    kinds = (
        ("agent", "calls with results of 3 to 6 kB, system prompt of 20 kB, 30 tools", agent, offered),
        ("long", "questions and answers of 2,000 characters", lambda size: talk(size, 2000), None),
        ("short", "questions and answers of 200 characters", lambda size: talk(size, 200), None),
    )
    seal = Seal(b"the secret of a bench, 32 bytes.")
    made = [(kind, says, Turn(model=MODEL, messages=of(GOAL_BYTES), tools=t)) for kind, says, of, t in kinds]
    spent: list[list[float]] = [[] for _ in made]
    bare: list[list[float]] = [[] for _ in made]
    for _ in range(_QUICK_REPEATS if quick else _REPEATS):
        for place, (_, _, turn) in enumerate(made):
            time.sleep(_PAUSE_S)
            spent[place].append(_resolved_ms(turn, seal))
            bare[place].append(_bare_ms(sized(turn.messages)))
    return [
        Resolving(
            says=says,
            kind=kind,
            messages=len(turn.messages),
            size_bytes=sized(turn.messages),
            extra_bytes=sized(turn.tools) if turn.tools else 0,
            cpu_ms=spent[place],
            bare_ms=bare[place],
        )
        for place, (kind, says, turn) in enumerate(made)
    ]


def _resolved_ms(turn: Turn, seal: Seal) -> float:
    """CPU of this thread for one `find`, in milliseconds. The index never waits, so one step brings it to its end."""
    mint = Mint(seal, SystemClock())
    continuing = Continuing(
        _NoIndex(),
        seal,
        mint,
        Reuse.LINEAGE,
        Sites.single(Site(digest=seal.digest("site", "site"))),
        lambda: Shard(0),
    )
    finding = continuing.find(prepare(turn), {}, ISOLATION, keyed=False)
    begun = time.thread_time_ns()
    _finish(finding)
    return (time.thread_time_ns() - begun) / 1e6


def _finish(coroutine: Coroutine[Any, Any, object]) -> None:
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("it waits for something: this is not the pure part alone")


def _bare_ms(size: int) -> float:
    data = bytes(size)
    begun = time.thread_time_ns()
    hashlib.blake2b(data, digest_size=16).digest()
    return (time.thread_time_ns() - begun) / 1e6


async def measure_trips(system: System) -> list[Trips]:
    """What Redis counts over resolutions one after the other. Needs a store in which nothing else happens."""
    continuing = system.continuing()
    number = 10_000_000  # no conversation of the other parts

    def by_history(messages: list[Message]) -> Turn:
        return Turn(model=MODEL, messages=messages)

    async def told(says: str, turn_of: Callable[[int], Turn]) -> Trips:
        await continuing.find(prepare(turn_of(number)), {}, ISOLATION, keyed=False)  # connects
        commands, reads = system.redis_counts()
        led = 0
        for each in range(_RESOLUTIONS):
            found = await continuing.find(prepare(turn_of(number + 1 + each)), {}, ISOLATION, keyed=False)
            led += found.session_id is not None
        after, reads_after = system.redis_counts()
        grown = {name: calls - commands.get(name, 0) for name, calls in after.items()}
        return Trips(
            says=says,
            resolutions=_RESOLUTIONS,
            found=led,
            reads=reads_after - reads,
            commands={name: calls for name, calls in sorted(grown.items()) if calls > 0 and name != "info"},
        )

    await system.ask(range(number + 1, number + 1 + _RESOLUTIONS), 1)  # these wait to be found
    await system.settle()
    return [
        await told("opening, without history", lambda each: by_history(history(each, 1))),
        await told("history that a session waits at", lambda each: by_history(history(each, 2))),
        await told("history that nobody waits at", lambda each: by_history(history(each, 3))),
        await told(
            "name in the body, without history",
            lambda each: Turn(model=MODEL, messages=only_new(each, 1), session=f"trip-{each}"),
        ),
    ]
