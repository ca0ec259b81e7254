"""The audit streams of all shards: everything in the window, page after page, and what is still open."""

import pytest
import store_parts as parts
from redis_server import RedisServer

from mix2api.store import audit_stream
from mix2api.store.audit_stream import AuditedRun
from mix2api.vocabulary import RunId, Shard


async def test_all_runs_of_all_shards_are_read_whatever_the_page(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_stream, "_PAGE", 7)
    async with parts.running_store(redis_server.url, shards=40) as store:
        await store.leases.acquire()
        runs: list[RunId] = []
        for number in range(100):
            session, run = parts.new_session(Shard(number % 3 * 19)), parts.new_run()
            closing = parts.closing_append(session, run, 2)
            append = parts.opening_append(session, run, *closing.events, closing=closing.closing)
            store.log.submit(append)
            runs.append(run)
        assert await store.log.writer.drain(5)
        batches = [batch async for batch in store.audit.read_audit(60_000)]
        found = [entry.run_id for batch in batches for entry in batch if isinstance(entry, AuditedRun)]
        assert sorted(found) == sorted(runs)
        assert len(batches) > 3


async def test_what_is_older_than_the_window_or_of_a_newer_kind_is_left_out(
    redis_server: RedisServer,
) -> None:
    async with parts.running_store(redis_server.url, shards=1) as store:
        key = store.keys.audit(Shard(0))
        redis_server.command("XADD", key, "1000-0", "k", "refused", "n", "3")
        redis_server.command("XADD", key, "*", "k", "of-a-newer-version", "n", "3")
        assert [batch async for batch in store.audit.read_audit(60_000)] == []
        everything = 1 << 50
        (batch,) = [batch async for batch in store.audit.read_audit(everything)]
        assert [entry.position for entry in batch] == ["1000-0"]


async def test_audit_entries_older_than_retention_are_trimmed(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url, retention_s=100) as store:
        await store.leases.acquire([parts.SHARD])
        key = store.keys.audit(parts.SHARD)
        for number in range(1, 301):  # trimming goes by whole nodes of 100
            redis_server.command("XADD", key, f"{number}-0", "k", "refused", "n", "1")
        session, run = parts.new_session(), parts.new_run()
        await store.log.submit(parts.opening_append(session, run)).wait()
        await store.log.submit(parts.closing_append(session, run, 2)).wait()
        assert redis_server.command("XLEN", key) < 101


async def test_open_entries_of_all_shards_with_their_summaries(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        await store.leases.acquire()
        runs = {parts.new_run(): parts.new_session(Shard(number)) for number in (0, 9, 255)}
        for run, session in runs.items():
            await store.log.submit(parts.opening_append(session, run)).wait()
        entries = await store.open_entries()
        assert {entry.run.run_id: entry.run.session_id for entry in entries} == runs
        assert {entry.summary for entry in entries} == {b'["asked"]'}
        assert {entry.run.process for entry in entries} == {store.process}


class Heard:
    """Keeps what a fold would be told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def add_run(self, at_ms: int, run_id: str, request: bytes, end: bytes) -> None:
        self.told.append(("run", at_ms, run_id, request, end))

    def add_receipt(self, at_ms: int, run_id: str, receipt: str, told: str | None) -> None:
        self.told.append(("receipt", at_ms, run_id, receipt, told))

    def add_refusal(self, at_ms: int, data: bytes) -> None:
        self.told.append(("refusal", at_ms, data))

    def add_refusals(self, at_ms: int, data: bytes) -> None:
        self.told.append(("refusals", at_ms, data))


_ENTRIES: tuple[tuple[str, ...], ...] = (
    ("k", "run", "r", "run_1", "s", "ses_1", "a", "[1]", "e", "[2]"),
    ("k", "run", "r", "run_2", "s", "ses_1", "a", "[1]", "e", "[2]", "new", "field"),
    ("k", "run", "r", "run_3"),
    ("k", "receipt", "r", "run_1", "s", "ses_1", "i", "req", "w", "written"),
    ("k", "receipt", "r", "run_2", "s", "ses_1", "i", "req", "w", "written", "t", "", "m", "[]"),
    ("k", "receipt", "r", "run_3", "s", "ses_1", "i", "req", "w", "written", "t", "stop"),
    ("k", "refusal", "i", "digest", "d", "[3]"),
    ("k", "refusals", "d", "[4]"),
    ("k", "refused", "n", "5"),
    ("k", "a newer kind", "x", "y"),
)


async def test_a_fold_is_told_what_is_read(redis_server: RedisServer) -> None:
    async with parts.running_store(redis_server.url) as store:
        key = store.keys.audit(Shard(3))
        for number, fields in enumerate(_ENTRIES, start=1):
            redis_server.command("XADD", key, f"{number}-0", *fields)
        heard, reached = Heard(), dict[int, str]()
        await store.audit.tell(0, reached, heard)
        assert heard.told == [
            ("run", 1, "run_1", b"[1]", b"[2]"),
            ("run", 2, "run_2", b"[1]", b"[2]"),
            ("run", 3, "run_3", b"", b""),
            ("receipt", 4, "run_1", "written", None),
            ("receipt", 5, "run_2", "written", None),
            ("receipt", 6, "run_3", "written", "stop"),
            ("refusal", 7, b"[3]"),
            ("refusals", 8, b"[4]"),
        ]
        assert reached == {3: f"{len(_ENTRIES)}-0"}
        await store.audit.tell(0, reached, heard)
        assert len(heard.told) == 8
