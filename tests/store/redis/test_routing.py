"""Where commands go in a Redis Cluster."""

import pytest

from mix2api.store.keys import Keys
from mix2api.store.redis.link import Command
from mix2api.store.redis.routing import SLOTS, SlotTable, Unit, slot_of, slot_of_command, units_of
from mix2api.vocabulary import ProcessId, SessionId, Shard

A, B = ("10.0.0.1", 7000), ("10.0.0.2", 7000)


def test_all_keys_of_a_shard_share_a_slot() -> None:
    keys, shard = Keys("m", is_clustered=True), Shard(7)
    of_shard = [*keys.of_commit(shard, "p_1:n"), keys.epoch(shard), keys.log(shard, SessionId("ses_x"))]
    assert len({slot_of(key) for key in of_shard}) == 1


def test_the_heartbeats_of_a_clustered_deployment_share_a_slot_with_their_set() -> None:
    keys = Keys("m", is_clustered=True)
    assert slot_of(keys.process(ProcessId("p_1"))) == slot_of(keys.processes()) == slot_of(b"{processes}")
    assert slot_of(Keys("m").process(ProcessId("p_1"))) != slot_of(Keys("m").processes())


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (("GET", "k"), "k"),
        (("GET", b"k"), "k"),
        (("EVALSHA", "sha", 2, "k", "other", 1), "k"),
        (("EVAL", "return 1", 1, "k"), "k"),
        (("XREAD", "COUNT", 1, "BLOCK", 1000, "STREAMS", "k", "0-0"), "k"),
        (("SCAN", b"0", "MATCH", "m:{k}:*", "COUNT", 10), "k"),
        (("SCRIPT", "LOAD", "return 1"), None),
        (("INFO",), None),
        (("TIME",), None),
    ],
)
def test_a_command_goes_where_its_key_is(command: Command, key: str | None) -> None:
    assert slot_of_command(command) == (None if key is None else slot_of(key))


def test_a_transaction_stays_together() -> None:
    commands: list[Command] = [
        ("GET", "a"),
        ("MULTI",),
        ("SET", "b", 1),
        ("SET", "b", 2),
        ("EXEC",),
        ("TIME",),
    ]
    assert list(units_of(commands)) == [
        Unit(range(1), slot_of("a")),
        Unit(range(1, 5), slot_of("b")),
        Unit(range(5, 6), None),
    ]


def test_a_table_knows_the_master_of_each_slot() -> None:
    table = SlotTable()
    assert table.master(0) is None
    reply = [
        [0, 99, [b"10.0.0.1", 7000, b"id"], [b"10.0.0.9", 7000, b"replica"]],
        [100, SLOTS - 1, [b"10.0.0.2", 7000, b"id", [b"hostname", b"b"]]],
    ]
    assert table.learn(reply, B)
    assert not table.learn(reply, B)
    assert (table.master(99), table.master(100), table.masters) == (A, B, (A, B))
    table.moved(99, B)
    assert table.master(99) == B
    table.moved(0, ("10.0.0.3", 7000))
    assert table.masters[-1] == ("10.0.0.3", 7000)


@pytest.mark.parametrize("host", [b"", None])
def test_a_node_that_does_not_know_its_own_host_has_the_one_that_was_asked(host: bytes | None) -> None:
    table = SlotTable()
    table.learn([[0, SLOTS - 1, [host, 7001, b"id"]]], A)
    assert table.masters == (("10.0.0.1", 7001),)
