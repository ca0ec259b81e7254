"""A simulated deployment on which one process dies at one point: everything is exact, and virtual time costs nothing."""

from functools import partial
from random import Random
from typing import Any, Final, assert_never

import h11
import msgspec
import trio
import trio.testing
from attrs import define, evolve, field, frozen
from client_views import Sight, View, audit_words, mismatches, view_of
from crashes.table import REQUEST, Cell, Fate, Half, Link, Moment, Run
from simulation.network import Endpoint, EndpointStream, Network, virtual_ports
from simulation.processes import SITE, Life
from simulation.redis_lua import LuaScripts
from simulation.redis_model import RedisModel
from simulation.redis_service import STORE, RedisService
from simulation.run import SETTINGS, now_us
from simulation.scheduling import Scheduler, seeded
from simulation.trace import Trace
from wire_client import Conversation

from mix2api.demo.options import DemoOptions
from mix2api.demo.server import serve_connection
from mix2api.demo.site import Site
from mix2api.events.kinds import KIND_OF, End, Event, Request, UpstreamChunk
from mix2api.machine import Machine
from mix2api.process.parts import Role
from mix2api.randomness import Randomness
from mix2api.settings import load_settings
from mix2api.store.audit_stream import AuditedRun
from mix2api.store.keys import Keys
from mix2api.store.store import Store
from mix2api.vocabulary import Shard

LEASE_S: Final = 1.0
"""As `SETTINGS` has it."""
_SETTLED_S: Final = 2 * LEASE_S
"""For so long no run is open: a survivor begins what it takes over within that, and receipts are written."""
_LOOK_S: Final = LEASE_S / 4
_AWAY_S: Final = 1.5
"""Longer than an `end` waits for its acknowledgement (0.5 s), and than a lease."""
_LIMIT_S: Final = 600.0
_CLIENT: Final = "client"
_REQUEST_ID: Final = "died"
_DAY_MS: Final = 86_400_000
_SCRIPTS: Final = LuaScripts()
PROCESSES: Final = {True: (Half.SERVE, Half.SERVE), False: (Half.EDGE, Half.WORKER, Half.WORKER)}
"""Of the memory path, and of the inbox path: the first edge is asked, and somebody survives."""


@define(eq=False)
class TappedNetwork(Network):
    """A network that tells of what processes send, before and after it is carried."""

    on_sent: Any = None
    """Called with the sender's end, the bytes and the moment; gives whether they are still to be carried."""

    def _delay(self, one: str, other: str) -> float:
        """None: what has left a process has arrived before it dies."""
        return self._slow.get(one, 0.0) + self._slow.get(other, 0.0)

    def carry(self, sender: Endpoint, data: bytes | None) -> None:
        if data is None or self.on_sent is None:
            super().carry(sender, data)
        elif self.on_sent(sender, data, Moment.BEFORE):
            super().carry(sender, data)
            self.on_sent(sender, data, Moment.AFTER)


@frozen(kw_only=True)
class Outcome:
    """What became of a cell's request."""

    runs: tuple[Run, ...]
    sight: Sight
    ending_s: float
    """From the death to the client's ending."""
    contradictions: list[str]
    """Where the audit says something else than the client saw."""
    left_open: int
    """Runs in `open` afterwards."""
    next_session: str | None
    """What the next turn with the same history was told of its session; None: no edge was left to ask."""
    still_streaming: int
    """Answers that the site goes on with."""


@define(eq=False)
class Stage:
    """One cell's deployment and what happens on it."""

    cell: Cell
    random: Random = field(factory=partial(Random, 1))
    trace: Trace = field(factory=Trace)
    lives: dict[Half, list[Life]] = field(factory=dict)
    died: trio.Event = field(factory=trio.Event)
    died_at: float = 0.0
    _runner: Life | None = None
    _seen: list[tuple[View, float]] = field(factory=list)
    """What the client saw, and when."""
    network: TappedNetwork = field(init=False)
    scheduler: Scheduler = field(init=False)
    store: RedisService = field(init=False)
    site: Site = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.scheduler = Scheduler(self.random)
        self.network = TappedNetwork(self.random)
        self.store = RedisService(self.network, RedisModel(now_us, _SCRIPTS))
        self.site = Site(DemoOptions(), "simulated")

    async def play(self) -> Outcome:
        """Plays the cell to its end."""
        with virtual_ports(), trio.fail_after(_LIMIT_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.network.run)
                self.store.listen()
                self.network.serve(SITE, lambda end: nursery.start_soon(_answer, self.site, end))
                await self._start(nursery)
                history = await self._earlier_turn() if self.cell.continues else []
                self.network.on_sent = self._on_sent
                nursery.start_soon(self._ask, history)
                await self.died.wait()
                await self._settle()
                following = await self._next_turn(history)
                outcome = await self._outcome(following)
                for life in (life for lives in self.lives.values() for life in lives):
                    life.kill()
                nursery.cancel_scope.cancel()
        return outcome

    async def _start(self, nursery: trio.Nursery) -> None:
        """The process that the client asks, the one that runs the turn where it is another, and a survivor of each."""
        halves = PROCESSES[self.cell.point.by is Half.SERVE]
        for half in halves:
            life = self.life(f"{half.value}{len(self.lives.get(half, ()))}", Role(half.value))
            self.lives.setdefault(half, []).append(life)
            nursery.start_soon(life.live)
        await trio.sleep(1.5 * LEASE_S)  # all have their shares

    def life(self, name: str, role: Role) -> Life:
        given = {**SETTINGS, "MIX2API_CHUNK_WINDOW_MS": str(self.cell.window_ms)}
        return Life(
            name=name,
            role=role,
            settings=load_settings(given, None),
            network=self.network,
            scheduler=self.scheduler,
            trace=self.trace,
            random=Random(self.random.getrandbits(128)),
        )

    # --- the death

    def _on_sent(self, sender: Endpoint, data: bytes, moment: Moment) -> bool:
        """Whether the bytes may be carried. Kills at the cell's point."""
        life = self._life_of(sender)
        if life is None or self.died.is_set():
            return True
        if REQUEST in data:
            self._runner = life
        point = self.cell.point
        is_there = moment is point.moment and _link(sender) is point.link and life in self.lives[point.by]
        if not is_there or point.mark not in data:
            return True
        self.died_at = trio.current_time()
        self.died.set()
        self._strike()
        return moment is Moment.AFTER

    def _strike(self) -> None:
        match self.cell.fate:
            case Fate.KILLED:
                for victim in self._victims():
                    victim.kill()
            case Fate.PAUSED:
                for victim in self._victims():
                    self.scheduler.stop(victim.name)
            case Fate.STORE_AWAY:
                self.store.stop()
            case _ as never:
                assert_never(never)

    def _life_of(self, sender: Endpoint) -> Life | None:
        lives = (life for lives in self.lives.values() for life in lives)
        return next((life for life in lives if life.name == sender.owner), None)

    def _victims(self) -> list[Life]:
        found = []
        for half in self.cell.dies:
            if half is Half.WORKER:
                assert self._runner is not None
                found.append(self._runner)
            else:
                found.append(self.lives[half][0])
        return found

    async def _settle(self) -> None:
        if self.cell.fate is Fate.PAUSED:
            await trio.sleep(3 * LEASE_S)
            for victim in self._victims():
                self.scheduler.resume(victim.name)
        if self.cell.fate is Fate.STORE_AWAY:
            await trio.sleep(_AWAY_S)
            self.store.listen()
        quiet_s = 0.0
        while quiet_s < _SETTLED_S:
            await trio.sleep(_LOOK_S)
            quiet_s = quiet_s + _LOOK_S if self._seen and not self._is_open() else 0.0

    def _is_open(self) -> bool:
        """Whether a run has no end, as the store's own data say."""
        keys = Keys(load_settings(SETTINGS, None).storing.prefix)
        shards = range(int(SETTINGS["MIX2API_SHARDS"]))
        return any(self.store.model.run([b"HGETALL", keys.open(Shard(shard)).encode()]) for shard in shards)

    # --- the client

    async def _earlier_turn(self) -> list[dict[str, str]]:
        """A turn that ends well, as the history of the next one."""
        asked = {"role": "user", "content": "[[say:first]]"}
        conversation = await self._send("earlier", [asked])
        answer = await conversation.answer()
        return [asked, {"role": "assistant", "content": answer.text()}]

    async def _ask(self, history: list[dict[str, str]]) -> None:
        messages = [*history, {"role": "user", "content": self.cell.prompt}]
        conversation = await self._send(_REQUEST_ID, messages)
        try:
            if self.cell.leaves:
                await conversation.head()
                await conversation.read_until(lambda body: b"-00003" in body)
                conversation.stream.endpoint.close()  # type: ignore[attr-defined]
                view = View(_REQUEST_ID, Sight.LEFT)
            else:
                view = view_of(await conversation.answer())
        except (trio.BrokenResourceError, h11.RemoteProtocolError):
            view = View(_REQUEST_ID, Sight.CUT)
        self._seen.append((view, trio.current_time()))

    async def _next_turn(self, history: list[dict[str, str]]) -> str | None:
        """The client asks once more, at an edge that is left."""
        if not any(life.is_up for life in self._edges()):
            return None
        messages = [*history, {"role": "user", "content": "[[say:next]]"}]
        answer = await (await self._send("next", messages)).answer()
        assert answer.text() == "next"
        return answer.headers["x-mix2api-session"].partition(";")[0]

    def _edges(self) -> list[Life]:
        return self.lives.get(Half.SERVE) or self.lives[Half.EDGE]

    async def _send(self, request_id: str, messages: list[dict[str, str]]) -> Conversation:
        asked = next(life for life in self._edges() if life.is_up)
        end = await self.network.dial(_CLIENT, asked.name)
        conversation = Conversation(EndpointStream(end))  # type: ignore[arg-type]
        headers = {
            "authorization": "Bearer sk-of-the-tests",
            "content-type": "application/json",
            "x-request-id": request_id,
        }
        body = {"model": "mix/qwen-3-235b-instruct", "messages": messages, "stream": True}
        await conversation.send("POST", "/v1/chat/completions", msgspec.json.encode(body), headers)
        return conversation

    # --- what became of it

    async def _outcome(self, following: str | None) -> Outcome:
        auditor = self.life("auditor", Role.SERVE)
        machine = Machine(clock=auditor.clock, randomness=Randomness(auditor.random.randbytes))
        view, ended_at = self._seen[0]
        edge_died = self._edges()[0].died_at is not None
        async with auditor.open_store(machine) as store:
            settled = evolve(view, edge_died=edge_died)
            return Outcome(
                runs=tuple(await runs_of(store, _REQUEST_ID)),
                sight=view.sight,
                ending_s=ended_at - self.died_at,
                contradictions=mismatches([settled], await audit_words(store.audit)),
                left_open=len(await store.open_entries()),
                next_session=following,
                still_streaming=self.site.stats.open_streams,
            )


async def runs_of(store: Store, request_id: str) -> list[Run]:
    """What the log has of a request's runs."""
    entries = [entry async for batch in store.audit.read_audit(_DAY_MS) for entry in batch]
    found = []
    for audited in (entry for entry in entries if isinstance(entry, AuditedRun)):
        events = [recorded.event async for recorded in store.log.records(audited.session_id)]
        ours = [event for event in events if event.run_id == audited.run_id]
        request = next(event for event in ours if isinstance(event, Request))
        (end,) = (event for event in ours if isinstance(event, End))
        if request.request_id == request_id:
            found.append(Run(" ".join(dict.fromkeys(map(_word, ours))), end.end_reason, end.detail))
    return found


def _word(event: Event) -> str:
    match event:
        case UpstreamChunk():
            return str(event.kind)
        case _:
            return KIND_OF[type(event)]


def _link(sender: Endpoint) -> Link:
    return {STORE: Link.STORE, SITE: Link.SITE}.get(sender.peer.owner, Link.CLIENT)


async def _answer(site: Site, end: Endpoint) -> None:
    stream = EndpointStream(end)
    async with stream:
        await serve_connection(site, stream)  # type: ignore[arg-type]


def played(cell: Cell) -> Outcome:
    """Plays a cell on virtual time."""
    stage = Stage(cell)
    with seeded(stage.scheduler):
        return trio.run(
            stage.play,
            clock=trio.testing.MockClock(autojump_threshold=0),
            instruments=[stage.scheduler],
            strict_exception_groups=True,
        )
