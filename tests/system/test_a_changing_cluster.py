"""A Redis Cluster under a whole system: its nodes speak TLS, and its slots move to a master that has just come."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import trio
from attrs import define, field
from certificates import made_in
from cluster_servers import ClusterNode, RedisCluster, started
from tls_fronts import tls_fronts
from whole_system import SHARDS, Shape, WholeSystem, until, whole_system

from mix2api.demo import answer_text
from mix2api.identity import shard_of
from mix2api.store.keys import Keys
from mix2api.store.redis.routing import SLOTS, slot_of
from mix2api.vocabulary import ProcessId, Shard

_CLIENTS = 6
_LONG = "[[chunks:120]] [[pace:20]]"
_HELD_MS = 1200
"""The lease is a second."""
KEYS = Keys(is_clustered=True)


async def test_a_cluster_that_speaks_tls_serves(redis_cluster: RedisCluster, tmp_path: Path) -> None:
    certificate = made_in(tmp_path)
    async with tls_fronts(redis_cluster, certificate.server_context()) as ports:
        url = f"rediss+cluster://127.0.0.1:{ports[0]}?ssl_ca_certs={certificate.cert_file}"
        async with whole_system(Shape.APART, url) as system:
            first = await system.client.ask("hello", stream=True)
            assert first.finish_reason() == "stop"
            history = [
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": first.text()},
                {"role": "user", "content": "and now?"},
            ]
            assert (await system.client.ask("", messages=history, stream=True)).finish_reason() == "stop"
            async with trio.open_nursery() as asking:
                for number in range(20):
                    asking.start_soon(system.client.ask, f"at once {number} [[chunks:20]] [[pace:10]]")
            await system.check_log(runs=22)
            assert (await system.store.census.take()).unowned == ()


@define
class Talk:
    """A conversation that goes on and on, and what it was answered."""

    system: WholeSystem
    number: int
    over: trio.Event
    answered: Counter[str] = field(factory=Counter)
    wrong: list[str] = field(factory=list)

    async def go_on(self) -> None:
        messages: list[dict[str, str]] = []
        turn = 0
        while not self.over.is_set():
            turn += 1
            prompt = f"{self.number}.{turn} [[chunks:6]] [[pace:10]]"
            asked = [*messages, {"role": "user", "content": prompt}]
            answer = await self.system.client.ask("", messages=asked, stream=True)
            if answer.status != 200:
                self.answered[answer.error()["code"]] += 1
                if answer.status != 503 or "retry-after" not in answer.headers:
                    self.wrong.append(f"{answer.status} {answer.body!r}")
                continue
            finish, said, expected = answer.finish_reason(), answer.text(), answer_text(prompt)
            self.answered[str(finish)] += 1
            if not expected.startswith(said) or (finish == "stop" and said != expected):
                self.wrong.append(f"{prompt}: {answer.body!r}")
            if finish == "stop":
                messages = [*asked, {"role": "assistant", "content": said}]


@contextmanager
def one_more(servers: RedisCluster, directory: Path) -> Iterator[ClusterNode]:
    """A master without slots that joins the cluster. Afterwards the cluster is as it was, without keys."""
    with ExitStack() as stack:
        fresh = started(directory / "fresh", stack)
        fresh_id = fresh.id
        fresh.command("CLUSTER", "MEET", "127.0.0.1", servers.nodes[0].port)
        for node in servers.nodes:
            node.command("CONFIG", "SET", "loglevel", "warning")  # nobody reads a line for each slot
        yield fresh
        slots = [slot for first, last in ranges_of(fresh) for slot in range(first, last + 1)]
    for node in servers.nodes:
        node.command("CLUSTER", "FORGET", fresh_id)
    servers.flush()
    for slot in slots:
        owner = servers.nodes[min(slot * len(servers.nodes) // SLOTS, len(servers.nodes) - 1)]
        for node in (owner, *servers.nodes):
            assert node.command("CLUSTER", "SETSLOT", slot, "NODE", owner.id) == b"OK"
    for node in servers.nodes:
        node.command("CONFIG", "SET", "loglevel", "notice")


def ranges_of(node: ClusterNode) -> list[tuple[int, int]]:
    told = node.command("CLUSTER", "SLOTS")
    assert isinstance(told, list)
    return [(first, last) for first, last, (_, port, *_), *_ in told if port == node.port]


async def test_slots_move_to_a_fresh_master_under_load(redis_cluster: RedisCluster, tmp_path: Path) -> None:
    """One of them stays half moved for longer than a lease, and with it the shard of a stream that is read meanwhile."""
    servers = redis_cluster
    with one_more(servers, tmp_path) as fresh:
        async with whole_system(Shape.APART, servers.url()) as system:
            await trio.to_thread.run_sync(fresh.server.wait_for_line, b"Cluster state changed: ok")
            fresh.command("CONFIG", "SET", "loglevel", "warning")
            over = trio.Event()
            talks = [Talk(system, number, over) for number in range(_CLIENTS)]
            async with system.client.asking(_LONG, stream=True, headers={"x-request-id": "long"}) as asked:
                head = await asked.head()
                await asked.read_until(lambda body: b"-00003" in body)
                await until(lambda: is_logged(system, "long"))
                session = (await system.run_of("long")).session_id
                async with trio.open_nursery() as talking:
                    for talk in talks:
                        talking.start_soon(talk.go_on)
                    await until(lambda: all_have_begun(talks))
                    move = Move(servers, KEYS.lease(shard_of(session)), fresh)
                    await move.begin()
                    await move.move_one()
                    await hold(servers)
                    await move.finish()
                    long = await asked.rest(head)
                    leases = [KEYS.lease(Shard(number)) for number in range(0, SHARDS, 2)]
                    for key in {*leases, KEYS.processes(), *mailboxes(system)} - {move.key}:
                        move = Move(servers, key, fresh)
                        await move.begin()
                        await move.finish()
                    turns = sum(talk.answered["stop"] for talk in talks)
                    await until(lambda: have_gone_on(talks, turns))
                    over.set()
            assert (long.finish_reason(), long.text()) == ("stop", answer_text(_LONG))
            assert [line for talk in talks for line in talk.wrong] == []
            await until(lambda: nothing_is_open(system))
            assert (await system.store.census.take()).unowned == ()
            await system.check_truth()


async def all_have_begun(talks: list[Talk]) -> bool:
    await trio.lowlevel.checkpoint()
    return all(talk.answered["stop"] for talk in talks)


async def have_gone_on(talks: list[Talk], turns: int) -> bool:
    await trio.lowlevel.checkpoint()
    return sum(talk.answered["stop"] for talk in talks) >= turns + 2 * len(talks)


async def nothing_is_open(system: WholeSystem) -> bool:
    return not (await system.audit())["open"]


@define
class Move:
    """A slot on its way to another master, as `redis-cli --cluster reshard` moves it."""

    servers: RedisCluster
    key: str
    target: ClusterNode

    @property
    def slot(self) -> int:
        return slot_of(self.key)

    @property
    def source(self) -> ClusterNode:
        return self.servers.master_of(self.key)

    async def begin(self) -> None:
        await told(self.target, "CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.source.id)
        await told(self.source, "CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.target.id)

    async def move_one(self) -> bool:
        """Moves a key; says whether there was one."""
        found = await told(self.source, "CLUSTER", "GETKEYSINSLOT", self.slot, 1)
        assert isinstance(found, list)
        for key in found:
            await told(self.source, "MIGRATE", "127.0.0.1", self.target.port, key, 0, 5000)
        return bool(found)

    async def finish(self) -> None:
        while await self.move_one():
            pass
        others = [node for node in self.servers.nodes if node is not self.source]
        for node in (self.target, self.source, *others):
            await told(node, "CLUSTER", "SETSLOT", self.slot, "NODE", self.target.id)


def mailboxes(system: WholeSystem) -> list[str]:
    """Those of the edge and of the worker."""
    ids = [process.started.process for process in system.processes if process.started is not None]
    return [KEYS.mail(ProcessId(each)) for each in ids]


async def is_logged(system: WholeSystem, request_id: str) -> bool:
    digest = system.store.seal.digest(request_id, "request_id")
    return bool(await system.store.log.runs_of_request(digest))


async def hold(servers: RedisCluster) -> None:
    """Waits as long as a slot is held half moved, by a clock of Redis."""
    master = servers.master_of("held")
    assert master.command("SET", "held", "", "PX", _HELD_MS) == b"OK"

    async def is_over() -> bool:
        return await told(master, "EXISTS", "held") == 0

    await until(is_over)


async def told(node: ClusterNode, *words: str | int) -> object:
    reply = await trio.to_thread.run_sync(lambda: node.command(*words))
    assert not isinstance(reply, Exception), reply
    return reply
