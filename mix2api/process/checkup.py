"""What is wrong with settings, store and processes. Each finding says what to fix.

Looking changes nothing in the store but what every command's start does.
"""

from collections.abc import Iterator
from typing import Final

from attrs import evolve

from mix2api.errors import StoreUnavailable
from mix2api.process.findings import Finding, Grade, Part
from mix2api.settings import Settings
from mix2api.store.census import Counted, CountedProcess
from mix2api.store.redis.link import RedisLink
from mix2api.store.refusals import told
from mix2api.store.store import Store

_COVERAGE: Final = "cluster-require-full-coverage"
_SKEW_MS: Final = 1000
"""Machines that keep time by NTP differ by milliseconds. A whole second puts a session's events into a wrong order."""
_NEARLY_FULL: Final = 0.9
"""Of `maxmemory`: Redis refuses writes at the whole of it."""


def look_at_settings(settings: Settings) -> Iterator[Finding]:
    """Settings that have no effect, contradict each other or let everybody in."""
    for warning in settings.warnings:
        yield Finding(Grade.WARNING, Part.SETTINGS, warning)
    if not settings.warnings:
        yield Finding(Grade.OK, Part.SETTINGS, "all settings take effect")


async def look_at_store(store: Store) -> list[Finding]:
    """Whether Redis keeps what is written, and has room.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    servers = store.links[0].servers()
    if store.cluster is None:
        return await _of_server(servers[0])
    found = []
    for server in servers:
        try:
            of_server = [*await _of_server(server), await _coverage(server)]
        except StoreUnavailable:
            of_server = [Finding(Grade.PROBLEM, Part.STORE, "does not answer: start it, or look at its log")]
        where = f"{server.location.host}:{server.location.port}"
        found += [evolve(each, says=f"{where}: {each.says}") for each in of_server]
    return found


async def _of_server(server: RedisLink) -> list[Finding]:
    (reply,) = told(await server.execute(("INFO",)))
    lines = (line.split(":", 1) for line in reply.decode("utf-8", "replace").splitlines() if ":" in line)
    info = {name: value.strip() for name, value in lines}
    says = f"Redis {info['redis_version']} answers and evicts nothing"
    return [Finding(Grade.OK, Part.STORE, says), _persistence(info), _memory(info)]


async def _coverage(server: RedisLink) -> Finding:
    """Whether a master of a cluster goes on when another one is away."""
    (reply,) = await server.execute(("CONFIG", "GET", _COVERAGE))
    if isinstance(reply, Exception):
        says = f"the user of REDIS_URL may not read {_COVERAGE}: make sure that it is no"
        return Finding(Grade.WARNING, Part.STORE, says)
    if reply[1:] != [b"no"]:
        says = f"it stops when any other master is away: set {_COVERAGE} no"
        return Finding(Grade.PROBLEM, Part.STORE, says)
    return Finding(Grade.OK, Part.STORE, "goes on when another master is away")


def _persistence(info: dict[str, str]) -> Finding:
    part = Part.PERSISTENCE
    if info.get("aof_enabled") != "1":
        says = "the append-only file is off, so a restart of Redis loses the event log: set appendonly yes"
        return Finding(Grade.PROBLEM, part, says)
    if info.get("aof_last_write_status", "ok") != "ok":
        says = "Redis could not write its append-only file: give its disk room, and look at its log"
        return Finding(Grade.PROBLEM, part, says)
    return Finding(Grade.OK, part, "the append-only file is on")


def _memory(info: dict[str, str]) -> Finding:
    limit, used = (_number(info.get(name, "")) for name in ("maxmemory", "used_memory"))
    if limit and used >= limit * _NEARLY_FULL:
        says = (
            f"{used / limit:.0%} of maxmemory is used, and Redis refuses writes at 100%: "
            "raise maxmemory, or lower MIX2API_RETENTION_S"
        )
        return Finding(Grade.PROBLEM, Part.MEMORY, says)
    says = f"{used / limit:.0%} of maxmemory is used" if limit else "maxmemory is not set"
    return Finding(Grade.OK, Part.MEMORY, says)


def _number(word: str) -> int:
    return int(word) if word.isascii() and word.isdigit() else 0


async def look_at_processes(store: Store, lease_s: float) -> list[Finding]:
    """Whether every shard has an owner, every process beats, and lease lengths and clocks agree.

    Args:
        store: of the deployment.
        lease_s: seconds of a lease, as the settings say.

    Raises:
        StoreUnavailable: Redis does not answer.
    """
    counted = await store.census.take()
    if not counted.processes and not counted.unreadable:
        says = "no process lives: start `mix2api serve`"
        return [Finding(Grade.WARNING, Part.PROCESSES, says)]
    found = list(_shards_and_beats(counted, store.keys.prefix))
    for process in counted.processes:
        found += _of_process(process, int(lease_s * 1000))
    if not found:
        says = f"{len(counted.processes)} live, every shard has an owner, and their clocks agree with that of Redis"
        found.append(Finding(Grade.OK, Part.PROCESSES, says))
    return found


def _shards_and_beats(counted: Counted, prefix: str) -> Iterator[Finding]:
    if counted.unowned:
        says = (
            f"{len(counted.unowned)} of {counted.shards} shards have no owner: "
            "start a worker, if that lasts longer than two leases"
        )
        yield Finding(Grade.PROBLEM, Part.LEASES, says)
    if counted.silent:
        says = f"{counted.silent} of {counted.shards} shards lie on Redis masters that do not answer: bring those back"
        yield Finding(Grade.PROBLEM, Part.LEASES, says)
    if counted.unreadable:
        says = f"{counted.unreadable} heartbeats cannot be read: find out who else writes under the prefix {prefix!r}"
        yield Finding(Grade.PROBLEM, Part.PROCESSES, says)


def _of_process(process: CountedProcess, lease_ms: int) -> Iterator[Finding]:
    name = process.process
    if process.is_late:
        says = f"{name} has not beaten for {process.age_ms} ms: look at its log, or end it"
        yield Finding(Grade.PROBLEM, Part.PROCESSES, says)
    if process.lease_ms not in {None, lease_ms}:
        says = (
            f"{name} has a lease of {process.lease_ms} ms, and MIX2API_LEASE_S says {lease_ms} ms here: "
            "set the same length for all processes"
        )
        yield Finding(Grade.PROBLEM, Part.LEASES, says)
    if abs(process.skew_ms or 0) > _SKEW_MS:
        says = (
            f"the clock of {name} differs from that of Redis by {process.skew_ms:+d} ms: "
            "let both machines keep time by NTP"
        )
        yield Finding(Grade.PROBLEM, Part.CLOCKS, says)
