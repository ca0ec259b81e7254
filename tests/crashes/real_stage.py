"""A cell of the crash matrix over real processes: each has proxies of its own, and dies by kill -9 at the cell's point."""

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final

import h11
import msgspec
import trio
from attrs import define, evolve, field
from client_views import Sight, View, audit_words, mismatches, view_of
from crashes.stage import PROCESSES, runs_of
from crashes.table import REQUEST, Cell, Fate, Half, Link, Moment
from crashes.tapped_proxy import OnSent, TappedProxy, tapped_proxy
from fault_proxy import to_port, to_socket
from real_process import RealProcess, real_process
from redis_server import RedisServer
from whole_system import SECRET, SHARDS, defaults, until
from wire_client import WireClient

from mix2api.demo import Demo, DemoOptions, serve_demo
from mix2api.store.opening import open_store
from mix2api.store.options import StoreOptions
from mix2api.store.store import Store

_LIMIT_S: Final = 300
_REQUEST_ID: Final = "died"
_AWAY_S: Final = 1.5
"""Longer than an `end` waits for its acknowledgement, and than a lease."""


@define(eq=False)
class Player:
    """One process with its links."""

    half: Half
    process: RealProcess
    links: dict[Link, TappedProxy]
    died: bool = False

    def kill(self) -> None:
        """From now on nothing of it reaches anybody."""
        self.died = True
        self.process.process.kill()
        for link in self.links.values():
            link.close()


@define(eq=False)
class RealStage:
    """One cell's deployment and what happens on it."""

    cell: Cell
    redis: RedisServer
    players: list[Player] = field(factory=list)
    died: trio.Event = field(factory=trio.Event)
    _is_armed: bool = False
    """Whether the cell's own request is under way, or about to be."""
    _runner: Player | None = None
    _view: View | None = None

    async def play(self) -> None:
        """Plays the cell, and waits until all is as the matrix says.

        Raises:
            trio.TooSlowError: it does not become so; what there is instead was printed.
        """
        with trio.fail_after(_LIMIT_S):
            async with trio.open_nursery() as nursery:
                demo: Demo = await nursery.start(serve_demo, DemoOptions())
                async with AsyncExitStack() as stack:
                    for half in PROCESSES[self.cell.point.by is Half.SERVE]:
                        self.players.append(await stack.enter_async_context(self._player(half, demo)))
                    await self._wait_shares()
                    options = StoreOptions(
                        url=self.redis.url, secret=SECRET.encode(), shards=SHARDS, role="tests"
                    )
                    store = await stack.enter_async_context(open_store(options))
                    await self._act(nursery, store, demo)
                nursery.cancel_scope.cancel()

    async def _act(self, nursery: trio.Nursery, store: Store, demo: Demo) -> None:
        history = await self._earlier_turn() if self.cell.continues else []
        self._is_armed = True
        nursery.start_soon(self._ask, history)
        await self.died.wait()
        await self._go_on(store)
        await self._settle(store, demo)

    async def _wait_shares(self) -> None:
        """Waits until each process works, and has its share of the shards."""
        for player in self.players:
            await player.process.wait_line("process.started")
            if player.half is not Half.EDGE:
                await player.process.wait_line("leases.changed", lambda line: 0 < line["held"] < SHARDS)

    @asynccontextmanager
    async def _player(self, half: Half, demo: Demo) -> AsyncIterator[Player]:
        links: dict[Link, TappedProxy] = {}
        player = Player(half, None, links)  # type: ignore[arg-type]

        async def to_edge() -> trio.SocketStream:
            return await to_port(await player.process.wait_port())()

        def tap(link: Link) -> OnSent:
            return lambda data, moment: self._on_sent(player, link, data, moment)

        async with (
            tapped_proxy(to_socket(self.redis.socket_path), tap(Link.STORE)) as links[Link.STORE],
            tapped_proxy(to_port(demo.port), tap(Link.SITE)) as links[Link.SITE],
            tapped_proxy(to_edge, tap(Link.CLIENT), is_server=True) as links[Link.CLIENT],
        ):
            site, store = (f"127.0.0.1:{links[link].port}" for link in (Link.SITE, Link.STORE))
            settings = {
                **defaults(f"http://{site}", f"redis://{store}"),
                "MIX2API_CHUNK_WINDOW_MS": str(self.cell.window_ms),
            }
            async with real_process(half.value, settings) as player.process:
                yield player

    # --- the death

    def _on_sent(self, player: Player, link: Link, data: bytes, moment: Moment) -> bool:
        """Whether the bytes may pass. Strikes at the cell's point."""
        if not self._is_armed or self.died.is_set():
            return not player.died
        if REQUEST in data and player.half is not Half.EDGE:
            self._runner = player
        point = self.cell.point
        is_there = moment is point.moment and link is point.link and player.half is point.by
        if not is_there or point.mark not in data:
            return True
        self.died.set()
        self._strike()
        return moment is Moment.AFTER

    def _strike(self) -> None:
        for victim in self._victims():
            if self.cell.fate is Fate.KILLED:
                victim.kill()
            elif self.cell.fate is Fate.PAUSED:
                victim.process.signal(signal.SIGSTOP)
        if self.cell.fate is Fate.STORE_AWAY:
            for player in self.players:
                player.links[Link.STORE].close()

    def _victims(self) -> list[Player]:
        first = {half: next((one for one in self.players if one.half is half), None) for half in Half}
        found = [self._runner if half is Half.WORKER else first[half] for half in self.cell.dies]
        return [victim for victim in found if victim is not None]

    async def _go_on(self, store: Store) -> None:
        """What does not last is over, once it has lasted long enough."""
        if self.cell.fate is Fate.PAUSED:
            await until(partial(_has_ended, store))
            for victim in self._victims():
                victim.process.signal(signal.SIGCONT)
        if self.cell.fate is Fate.STORE_AWAY:
            await trio.sleep(_AWAY_S)
            for player in self.players:
                player.links[Link.STORE].open()

    # --- the client

    async def _earlier_turn(self) -> list[dict[str, str]]:
        asked = {"role": "user", "content": "[[say:first]]"}
        async with self._request("earlier", [asked]) as conversation:
            answer = await conversation.answer()
        return [asked, {"role": "assistant", "content": answer.text()}]

    def _request(self, request_id: str, messages: list[dict[str, str]]) -> Any:
        client = WireClient(self.players[0].links[Link.CLIENT].port)
        body = {"model": "mix/qwen-3-235b-instruct", "messages": messages, "stream": True}
        headers = {"x-request-id": request_id}
        return client.request("POST", "/v1/chat/completions", msgspec.json.encode(body), headers)

    async def _ask(self, history: list[dict[str, str]]) -> None:
        messages = [*history, {"role": "user", "content": self.cell.prompt}]
        view = View(_REQUEST_ID, Sight.CUT)
        try:
            async with self._request(_REQUEST_ID, messages) as conversation:
                if self.cell.leaves:
                    await conversation.head()
                    await conversation.read_until(lambda body: b"-00003" in body)
                    view = View(_REQUEST_ID, Sight.LEFT)
                else:
                    view = view_of(await conversation.answer())
        except (trio.BrokenResourceError, h11.RemoteProtocolError):
            pass
        self._view = evolve(view, edge_died=self.players[0].died)

    # --- what became of it

    async def _settle(self, store: Store, demo: Demo) -> None:
        found: Any = None

        async def as_the_matrix_says() -> bool:
            nonlocal found
            view = self._view
            if view is None:
                return False
            found = (
                tuple(await runs_of(store, _REQUEST_ID)),
                view.sight,
                mismatches([view], await audit_words(store.audit)),
                len(await store.open_entries()),
                demo.stats.open_streams,
            )
            return bool(found == (self.cell.runs, self.cell.sight, [], 0, 0))

        try:
            await until(as_the_matrix_says)
        finally:
            print(self.cell.name, found, sep="\n")  # pytest shows it with the failure


async def _has_ended(store: Store) -> bool:
    return bool(await runs_of(store, _REQUEST_ID))
